"""Values → what an answer says: predictions, and the layers that a request asks for.

`formats.py` turns these into bytes.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from PIL import Image

from service.api.inputs import Inputs
from service.api.queries import Dtype
from service.bundle import Bundle, Layer, Stage
from service.engine import LayerValues
from service.errors import ImageTooLarge, UnknownLayer
from service.preprocessing import Applied, Prepared
from service.settings import Settings

# how the OpenAPI document tells of an array: lists of lists of numbers, however deep
NUMBERS = Meta(extra_json_schema={"type": "array"})


@dataclass(frozen=True)
class ModelId:
    """Which model answered."""

    name: str
    version: int
    sha256: str


@dataclass(frozen=True)
class Prediction:
    """What one picture, or one digit of it, shows.

    Attributes:
        image: index of the picture in the request.
        label: the likeliest class.
        confidence: its probability.
        probabilities: by label, highest first.
        in_distribution: whether the model has learnt from pictures like this one; None where its
            bundle holds no threshold.
        score: what is compared with the bundle's threshold; higher is more like a digit. None where
            the bundle has none.
        preprocessing: what was done to the picture.
        touching: of a segmented picture's digit: whether it looks like several that touch.
    """

    image: int
    label: str
    confidence: float
    probabilities: dict[str, float]
    in_distribution: bool | None
    score: float | None
    preprocessing: Applied
    touching: bool | None


@dataclass(frozen=True)
class LayerWeights:
    """One layer's kernel and bias.

    Attributes:
        kernel: of a convolution (filters, channels, rows, columns), of a dense layer
            (units, inputs): what belongs to one output comes first.
        bias: one number an output.
    """

    name: str
    kind: str
    kernel: Annotated[NDArray[np.float32], NUMBERS]
    bias: Annotated[NDArray[np.float32], NUMBERS]


@dataclass(frozen=True)
class StagePicture:
    """One picture on the way to the digit; `image` is a data URL of a PNG."""

    name: str
    width: int
    height: int
    image: str


@dataclass(frozen=True)
class PreprocessAnswer:
    """The digit as the model sees it, digit[row][column], ink 255 on 0, and how it came about."""

    digit: Annotated[NDArray[np.uint8], NUMBERS]
    preprocessing: Applied
    stages: list[StagePicture]


@dataclass(frozen=True)
class Selection:
    """One layer that a request asks for.

    Attributes:
        layer: which.
        stage: before or after its activation function.
        channels: which of its channels (of a flat layer: units), in order.
    """

    layer: Layer
    stage: Stage
    channels: tuple[int, ...]

    @property
    def key(self) -> str:
        """Its name in archives: the layer's, with `/pre` where that is meant."""
        return self.layer.name if self.stage == "post" else f"{self.layer.name}/{self.stage}"


@dataclass(frozen=True)
class LayerMaps:
    """One layer's values for one image.

    Attributes:
        image: index of the image in the request.
        shape: the layer's output shape, channels last.
        channels: which channels `maps` holds (of a flat layer: units in `values`), in order.
        low: the layer's lowest value among those asked for, over all images.
        high: the highest.
        maps: (channels, rows, columns), None for a layer without rows and columns.
        values: (units,), None for a layer with them.
    """

    image: int
    name: str
    kind: str
    stage: Stage
    shape: tuple[int, ...]
    channels: tuple[int, ...]
    low: float
    high: float
    maps: Annotated[NDArray[Any], NUMBERS] | None
    values: Annotated[NDArray[Any], NUMBERS] | None


def model_id(bundle: Bundle) -> ModelId:
    """The model's identity, as every answer states it."""
    return ModelId(bundle.name, bundle.version, bundle.sha256)


def outcome(bundle: Bundle) -> list[tuple[str, Stage]]:
    """What a prediction is read from: the probabilities, then what its score is computed from."""
    last = bundle.layers[-1].name
    if bundle.distribution is None:
        return [(last, "post")]
    return [(last, "post"), (bundle.layers[-2].name, "pre"), (last, "pre")]


def scores(bundle: Bundle, values: LayerValues) -> NDArray[np.float32] | None:
    """How much each picture is like the model's training digits, (N,); None: it cannot tell."""
    if bundle.distribution is None:
        return None
    _, *inner = (values[pair] for pair in outcome(bundle))
    return bundle.distribution.scores(*inner)


def predictions(
    bundle: Bundle, values: LayerValues, sent: Inputs, top_k: int | None = None
) -> list[Prediction]:
    """The last layer's values as predictions, with `top_k` classes each (None: all)."""
    probabilities = values[bundle.layers[-1].name, "post"]  # (N, classes)
    count = len(probabilities)
    likeness = scores(bundle, values)
    by_image: Sequence[float | None] = [None] * count if likeness is None else likeness.tolist()
    threshold = bundle.distribution.threshold if bundle.distribution else 0.0
    flat = sent.pixels.reshape(count, -1, sent.pixels.shape[-1])  # (N, H · W, C)
    drawn = (flat != flat[:, :1]).any(axis=(1, 2))  # on a single tone nothing is
    touching: Sequence[bool | None] = sent.touching or [None] * count
    labels = bundle.labels
    rows = zip(
        *(sent.images, probabilities.tolist(), by_image, drawn.tolist()),
        *(sent.applied, touching),
        strict=True,
    )
    return [
        Prediction(
            image,
            labels[classes[0]],
            row[classes[0]],
            {labels[index]: row[index] for index in classes},
            None if score is None else is_drawn and score >= threshold,
            score,
            applied,
            touches,
        )
        for image, row, score, is_drawn, applied, touches in rows
        if (classes := sorted(range(len(row)), key=row.__getitem__, reverse=True)[:top_k])
    ]


def layer_weights(bundle: Bundle) -> list[LayerWeights]:
    """Every layer's kernel and bias, what belongs to one output first."""
    weighted = [layer for layer in bundle.layers if layer.parameters]
    return [
        LayerWeights(
            layer.name,
            layer.kind,
            # (…, inputs, outputs) → (outputs, inputs, …)
            np.ascontiguousarray(
                np.moveaxis(bundle.weights[f"{layer.name}/kernel"], (-1, -2), (0, 1))
            ),
            bundle.weights.get(f"{layer.name}/bias", np.zeros(layer.output_shape[-1], np.float32)),
        )
        for layer in weighted
    ]


def preprocessed(prepared: Prepared) -> PreprocessAnswer:
    """A prepared digit with every stage as a picture."""
    stages = [
        StagePicture(
            name,
            picture.shape[1],
            picture.shape[0],
            "data:image/png;base64," + base64.b64encode(_png(picture)).decode(),
        )
        for name, picture in prepared.stages.items()
    ]
    return PreprocessAnswer(prepared.digit, prepared.applied, stages)


def stage_png(prepared: Prepared, stage: str) -> bytes:
    """One stage as a PNG; the digit where the picture was taken as it is and has no such stage."""
    return _png(prepared.stages.get(stage, prepared.digit))


def _png(picture: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def select(bundle: Bundle, layers: str, stage: Stage, channels: str | None) -> list[Selection]:
    """What `layers=`, `stage=` and `channels=` ask for.

    Raises:
        UnknownLayer: the model has no layer of that name, or a layer has no such channel.
    """
    if layers == "all":
        named = list(bundle.layers)
    elif layers == "conv":
        named = [layer for layer in bundle.layers if layer.is_convolution]
    else:
        named = [_layer(bundle, name) for name in dict.fromkeys(layers.split(","))]
    return [Selection(layer, stage, _channels(layer, channels)) for layer in named]


def _layer(bundle: Bundle, name: str) -> Layer:
    layer = bundle.layer(name)
    if layer is None:
        there = ", ".join(layer.name for layer in bundle.layers)
        raise UnknownLayer(f"The model has no layer {name!r}. Layers: {there}; or conv, or all.")
    return layer


def _channels(layer: Layer, asked: str | None) -> tuple[int, ...]:
    """`0-7,12` as indices."""
    count = layer.output_shape[-1]
    if asked is None:
        return tuple(range(count))
    indices: list[int] = []
    for part in asked.split(","):
        first, _, last = part.partition("-")
        if not int(first) <= int(last or first) < count:
            raise UnknownLayer(
                f"Layer {layer.name!r} has no channels {part}; it has 0-{count - 1}."
            )
        indices += range(int(first), int(last or first) + 1)
    return tuple(dict.fromkeys(indices))


def check_size(selections: Sequence[Selection], count: int, settings: Settings) -> None:
    """Refuse an answer that would not fit before it is computed.

    Raises:
        ImageTooLarge: more values than the settings allow.
    """
    values = count * sum(
        int(np.prod(each.layer.output_shape[:-1])) * len(each.channels) for each in selections
    )
    if values > settings.max_values:
        raise ImageTooLarge(
            f"{values:,} values in one answer; this service gives {settings.max_values:,}. "
            "Send fewer pictures, or ask for fewer layers or channels."
        )


def arrays(
    values: LayerValues, selections: Sequence[Selection], dtype: Dtype
) -> dict[str, NDArray[Any]]:
    """Each selection's values by its key, (N, …), channels last, as that number type."""
    return {
        each.key: _as_dtype(chosen(values, each), dtype, *_range(chosen(values, each)))
        for each in selections
    }


def ranges(values: LayerValues, selections: Sequence[Selection]) -> dict[str, list[float]]:
    """Lowest and highest value of each selection by its key: what uint8 spans."""
    return {each.key: list(_range(chosen(values, each))) for each in selections}


def layer_maps(
    values: LayerValues, selections: Sequence[Selection], count: int, dtype: Dtype
) -> list[LayerMaps]:
    """Every image's layers, the first image's first; maps channel-first, as JSON has them."""
    converted = arrays(values, selections, dtype)
    spans = ranges(values, selections)
    return [
        _layer_maps(index, each, converted[each.key][index], *spans[each.key])
        for index in range(count)
        for each in selections
    ]


def _layer_maps(
    index: int, each: Selection, value: NDArray[Any], low: float, high: float
) -> LayerMaps:
    layer, is_map = each.layer, value.ndim == 3
    # orjson writes contiguous arrays only, and chosen channels are none
    told = np.ascontiguousarray(value.transpose(2, 0, 1) if is_map else value)
    maps, flat = (told, None) if is_map else (None, told)
    shape = layer.output_shape
    return LayerMaps(
        index, layer.name, layer.kind, each.stage, shape, each.channels, low, high, maps, flat
    )


def chosen(values: LayerValues, each: Selection) -> NDArray[np.float32]:
    """The values of a selection's channels, float32 (N, …), channels last."""
    whole = values[each.layer.name, each.stage]
    everything = each.channels == tuple(range(whole.shape[-1]))
    return whole if everything else whole[..., list(each.channels)]


def _range(value: NDArray[np.float32]) -> tuple[float, float]:
    return (float(value.min()), float(value.max())) if value.size else (0.0, 0.0)


def _as_dtype(value: NDArray[np.float32], dtype: Dtype, low: float, high: float) -> NDArray[Any]:
    if dtype == "uint8":
        span = (high - low) or 1.0
        scaled: NDArray[Any] = np.rint((value - low) * (255 / span)).astype(np.uint8)
        return scaled
    return value.astype(dtype, copy=False)

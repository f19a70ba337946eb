"""Values → what an answer says: predictions, and the layers that a request asks for.

`formats.py` turns these into bytes.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from PIL import Image

from service.api.inputs import Inputs
from service.bundle import Bundle, Stage
from service.engine import LayerValues
from service.preprocessing import Applied, Prepared

# how the OpenAPI document tells of an array: lists of lists of numbers, however deep
NUMBERS = Meta(extra_json_schema={"type": "array"})


@dataclass(frozen=True)
class ModelId:
    """Which model answered."""

    name: str
    version: int
    sha256: str


@dataclass  # not frozen: a batch makes ten thousand of them, and frozen ones take longer
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

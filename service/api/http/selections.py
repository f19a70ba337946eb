"""The layers that a request asks for: which, how many values, and these as numbers for a client."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.api.http.describe import axes
from service.api.http.queries import Dtype
from service.errors import ImageTooLarge, UnknownLayer
from service.model.bundle import Bundle, Layer, LayerValues, Stage
from service.settings import Settings


@dataclass(frozen=True)
class Selection:
    """One layer that a request asks for.

    Attributes:
        layer: which.
        stage: before or after its activation function.
        channels: which of its channels (of a flat layer: units), in order.
        is_whole: these are all of its channels.
    """

    layer: Layer
    stage: Stage
    channels: tuple[int, ...]
    is_whole: bool

    @property
    def key(self) -> str:
        """Its name in archives: the layer's, with `/pre` where that is meant."""
        return self.layer.name if self.stage == "post" else f"{self.layer.name}/{self.stage}"


class Converted(NamedTuple):
    """A selection's values as a client wants them.

    Attributes:
        array: (N, …), channels last, of the number type asked for.
        low: the lowest value, before it became another type.
        high: the highest; uint8 spans low to high.
    """

    array: NDArray[Any]
    low: float
    high: float


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
    maps: Annotated[NDArray[Any], axes(3)] | None
    values: Annotated[NDArray[Any], axes(1)] | None


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
    return [
        Selection(layer, stage, _channels(layer, channels), channels is None) for layer in named
    ]


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
        math.prod(each.layer.output_shape[:-1]) * len(each.channels) for each in selections
    )
    if values > settings.max_values:
        raise ImageTooLarge(
            f"{values:,} values in one answer; this service gives {settings.max_values:,}. "
            "Send fewer pictures, or ask for fewer layers or channels."
        )


def chosen(values: LayerValues, each: Selection) -> NDArray[np.float32]:
    """Return the values of a selection's channels, float32 (N, …), channels last."""
    whole = values[each.layer.name, each.stage]
    return whole if each.is_whole else whole[..., list(each.channels)]


def convert(
    values: LayerValues, selections: Sequence[Selection], dtype: Dtype
) -> dict[str, Converted]:
    """Return each selection's values by its key, as that number type."""
    return {each.key: _convert(chosen(values, each), dtype) for each in selections}


def _convert(value: NDArray[np.float32], dtype: Dtype) -> Converted:
    low = float(np.minimum.reduce(value, axis=None)) if value.size else 0.0
    high = float(np.maximum.reduce(value, axis=None)) if value.size else 0.0
    if dtype == "uint8":
        scaled = np.rint((value - low) * (255 / ((high - low) or 1.0)))
        return Converted(scaled.astype(np.uint8), low, high)
    return Converted(value.astype(dtype, copy=False), low, high)


def layer_maps(
    values: LayerValues, selections: Sequence[Selection], count: int, dtype: Dtype
) -> Iterator[LayerMaps]:
    """Yield the layers of each image in turn; maps are channel-first, as JSON has them."""
    converted = convert(values, selections, dtype)
    for index in range(count):
        for each in selections:
            array, low, high = converted[each.key]
            yield _layer_maps(index, each, array[index], low, high)


def _layer_maps(
    index: int, each: Selection, value: NDArray[Any], low: float, high: float
) -> LayerMaps:
    layer, is_map = each.layer, value.ndim == 3
    # orjson writes contiguous arrays only, and chosen channels are none
    contiguous = np.ascontiguousarray(value.transpose(2, 0, 1) if is_map else value)
    maps, flat = (contiguous, None) if is_map else (None, contiguous)
    shape = layer.output_shape
    return LayerMaps(
        index, layer.name, layer.kind, each.stage, shape, each.channels, low, high, maps, flat
    )

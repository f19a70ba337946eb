"""Select layers and channels, and convert their values for the response."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.api.http.describe import axes
from service.api.http.queries import Dtype
from service.errors import ImageTooLarge, UnknownLayer
from service.model.bundle import Bundle
from service.model.layer import Layer, LayerValues, Stage
from service.settings import Settings


@dataclass(frozen=True)
class Selection:
    """A layer in a request.

    Attributes:
        layer: the layer.
        stage: before or after its activation function.
        channels: indices of its channels (units of a flat layer), in order.
        is_whole: whether these are all of its channels.
    """

    layer: Layer
    stage: Stage
    channels: tuple[int, ...]
    is_whole: bool

    @property
    def key(self) -> str:
        """Its name in archives: the layer's name, followed by `/pre` before the activation."""
        return self.layer.name if self.stage == "post" else f"{self.layer.name}/{self.stage}"


class Converted(NamedTuple):
    """A selection's values, converted to the requested dtype.

    Attributes:
        array: (N, …), channels last.
        low: the lowest value before the conversion.
        high: the highest; uint8 is scaled from low to high.
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
        channels: indices of the channels in `maps` (of the units in `values`), in order.
        low: the layer's lowest selected value over all images.
        high: the highest.
        maps: (channels, rows, columns); None for a flat layer.
        values: (units,); None for a layer with rows and columns.
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
    """Return the selection that `layers=`, `stage=` and `channels=` describe.

    Raises:
        UnknownLayer: the model has no such layer, or a layer has no such channel.
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
        names = ", ".join(layer.name for layer in bundle.layers)
        raise UnknownLayer(f"The model has no layer {name!r}. Layers: {names}; or conv, or all.")
    return layer


def _channels(layer: Layer, text: str | None) -> tuple[int, ...]:
    """Parse channels such as `0-7,12`; None means all."""
    count = layer.output_shape[-1]
    if text is None:
        return tuple(range(count))
    indices: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not int(first) <= int(last or first) < count:
            raise UnknownLayer(
                f"Layer {layer.name!r} has no channels {part}; it has channels 0-{count - 1}."
            )
        indices += range(int(first), int(last or first) + 1)
    return tuple(dict.fromkeys(indices))


def check_size(selections: Sequence[Selection], count: int, settings: Settings) -> None:
    """Check the size of a response before it is computed.

    Raises:
        ImageTooLarge: the response would have more values than the settings allow.
    """
    values = count * sum(
        math.prod(each.layer.output_shape[:-1]) * len(each.channels) for each in selections
    )
    if values > settings.max_values:
        raise ImageTooLarge(
            f"The response would have {values:,} values; the limit is {settings.max_values:,}. "
            "Send fewer images, or select fewer layers or channels."
        )


def values_of(values: LayerValues, each: Selection) -> NDArray[np.float32]:
    """Return the values of a selection's channels, float32 (N, …), channels last."""
    whole = values[each.layer.name, each.stage]
    return whole if each.is_whole else whole[..., list(each.channels)]


def convert(
    values: LayerValues, selections: Sequence[Selection], dtype: Dtype
) -> dict[str, Converted]:
    """Convert each selection's values to a dtype; return them by key."""
    return {each.key: _convert(values_of(values, each), dtype) for each in selections}


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
    """Yield the selected layers of each image; maps are channels-first, as in JSON."""
    converted = convert(values, selections, dtype)
    for index in range(count):
        for each in selections:
            array, low, high = converted[each.key]
            yield _layer_maps(index, each, array[index], low, high)


def _layer_maps(
    index: int, each: Selection, value: NDArray[Any], low: float, high: float
) -> LayerMaps:
    layer, is_map = each.layer, value.ndim == 3
    # orjson encodes contiguous arrays only, which selected channels are not
    contiguous = np.ascontiguousarray(value.transpose(2, 0, 1) if is_map else value)
    maps, flat = (contiguous, None) if is_map else (None, contiguous)
    shape = layer.output_shape
    return LayerMaps(
        index, layer.name, layer.kind, each.stage, shape, each.channels, low, high, maps, flat
    )

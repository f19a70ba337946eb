"""Select layers and channels, and convert their values for the response."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.api.http.describe import axes
from service.api.http.queries import Dtype
from service.errors import ImageTooLarge, MalformedRequest, UnknownLayer
from service.model.atlas import is_drawable
from service.model.bundle import Bundle
from service.model.layer import Layer, LayerValues, Stage
from service.model.sheets import sheet_pixels
from service.settings import Settings

_OF_JSON = " as JSON, and four times as many as npz or safetensors (format=)"
_NAMED = 5  # layers that an error lists
_MAX_SHEET = 30_000_000  # pixels of a contact sheet


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
    def count(self) -> int:
        """Return the number of its values for one image."""
        return math.prod(self.layer.output_shape[:-1]) * len(self.channels)

    @property
    def key(self) -> str:
        """Its name in archives: the layer's name, followed by `/pre` before the activation."""
        return self.layer.name if self.stage == "post" else f"{self.layer.name}/{self.stage}"


class Range(NamedTuple):
    """The lowest and the highest value of a selection; uint8 is scaled from low to high."""

    low: float
    high: float


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
        maps: (channels, rows, columns); None for a layer without these three axes.
        values: (units,) of a flat layer; of a layer with 2 or 4 axes, nested lists, channels last;
            None for a layer with rows, columns and channels.
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
    values: Annotated[NDArray[Any], axes(1, 2, 4)] | None


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
        named = [find(bundle, name) for name in dict.fromkeys(layers.split(","))]
    return [
        Selection(layer, stage, _channels(layer, channels), channels is None) for layer in named
    ]


def find(bundle: Bundle, name: str) -> Layer:
    """Return the layer of that name.

    Raises:
        UnknownLayer: the model has none; the message lists its layers.
    """
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


def check_size(
    selections: Sequence[Selection], count: int, settings: Settings, *, is_json: bool = False
) -> None:
    """Check the size of a response before it is computed.

    Args:
        selections: the layers and channels.
        count: the number of images.
        settings: hold the limit.
        is_json: whether a quarter of it applies: JSON takes three times the bytes of the values, is
            built in memory, and blocks other threads while it is encoded.

    Raises:
        ImageTooLarge: the response would have more values than the settings allow.
    """
    total = count * sum(each.count for each in selections)
    limit = settings.max_values // 4 if is_json else settings.max_values
    if total <= limit:
        return
    images = "1 image" if count == 1 else f"{count:,} images"
    largest = sorted(selections, key=lambda each: each.count, reverse=True)[:_NAMED]
    names = ", ".join(f"{each.layer.name} ({each.count:,})" for each in largest)
    raise ImageTooLarge(
        f"The response would have {total:,} values, of {images}; the limit is {limit:,}"
        f"{_OF_JSON if is_json else ''}. "
        "Select fewer layers (layers=) or channels (channels=), or send fewer images in a request. "
        f"The largest of the layers, with their values for an image: {names}."
    )


def check_drawable(layers: Iterable[Layer]) -> None:
    """Check that layers have values that an image can show.

    Raises:
        MalformedRequest: a layer's values are neither maps nor flat.
    """
    for layer in layers:
        if not is_drawable(layer):
            raise MalformedRequest(
                f"The values of layer {layer.name!r} have {len(layer.output_shape)} axes, "
                f"{layer.output_shape}, and cannot be drawn: images show layers with rows, columns "
                "and channels, and flat layers. POST /activations returns these values as json, "
                "npz or safetensors."
            )


def check_sheet(selections: Sequence[Selection]) -> None:
    """Check that a contact sheet can show a selection.

    Raises:
        MalformedRequest: a layer's values are neither maps nor flat.
        ImageTooLarge: the sheet would have too many pixels.
    """
    check_drawable(each.layer for each in selections)
    pixels = sum(
        sheet_pixels(each.layer.output_shape[:-1], len(each.channels)) for each in selections
    )
    if pixels > _MAX_SHEET:
        raise ImageTooLarge(
            f"The contact sheet would have {pixels:,} pixels; the limit is {_MAX_SHEET:,}. Select "
            "fewer layers (layers=) or channels (channels=), or draw one layer at a time with "
            "POST /atlas."
        )


def values_of(values: LayerValues, each: Selection) -> NDArray[np.float32]:
    """Return the values of a selection's channels, float32 (N, …), channels last."""
    return pick(values[each.layer.name, each.stage], each)


def pick(whole: NDArray[np.float32], each: Selection) -> NDArray[np.float32]:
    """Return the selected channels of a layer's values."""
    return whole if each.is_whole else whole[..., list(each.channels)]


def convert(
    values: LayerValues, selections: Sequence[Selection], dtype: Dtype
) -> dict[str, Converted]:
    """Convert each selection's values to a dtype; return them by key."""
    return {each.key: _convert(values_of(values, each), dtype) for each in selections}


def range_of(value: NDArray[np.float32]) -> Range:
    """Return the range of values; 0 to 0 where there are none."""
    if not value.size:
        return Range(0.0, 0.0)
    low, high = np.minimum.reduce(value, axis=None), np.maximum.reduce(value, axis=None)
    return Range(float(low), float(high))


def to_dtype(value: NDArray[np.float32], dtype: Dtype, span: Range) -> NDArray[Any]:
    """Convert values to a dtype; uint8 is scaled from the range."""
    if dtype == "uint8":
        low, high = span
        scaled: NDArray[np.float32] = np.rint((value - low) * (255 / ((high - low) or 1.0)))
        return scaled.astype(np.uint8)
    return value.astype(dtype, copy=False)


def _convert(value: NDArray[np.float32], dtype: Dtype) -> Converted:
    span = range_of(value)
    return Converted(to_dtype(value, dtype, span), *span)


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

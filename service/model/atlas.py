"""Draw one layer's values as an atlas: a grid of tiles on pages, without text. Runs no model."""

import io
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.model.activations import SOFTMAX
from service.model.colours import colours
from service.model.layer import Layer, Stage

Scale = Literal["layer", "map"]
Order = Literal["channel", "strongest"]

GAP = 1  # pixels between tiles
MAPS_A_ROW, MAPS_A_PAGE, MAP_SIDE = 8, 64, 70  # maps are enlarged up to that many pixels a side
UNITS_A_ROW, UNITS_A_PAGE, UNIT_SIDE = 32, 1024, 17  # a page is about as wide as one of maps

# Colours as a palette make a PNG small and fast to encode: one index for each of these levels, the
# middle one for 0, and one for the gaps, which are transparent.
_LEVELS = 255
_ZERO = _LEVELS // 2
_CLEAR = 255
_PALETTE = [*colours(np.linspace(-1, 1, _LEVELS, dtype=np.float32), 1).ravel().tolist(), 0, 0, 0]


@dataclass(frozen=True)
class Atlas:
    """One page of a layer's values.

    Attributes:
        channels: indices of the channels (units of a flat layer) on the page, row by row.
        pages: the number of the layer's pages.
        columns: the number of tiles in a row.
        width: of a tile, pixels.
        height: of a tile, pixels.
        low: the layer's lowest value, over all pages.
        high: the highest.
        limits: for each tile, the value of the darkest orange; minus that is the darkest blue.
        image: a PNG.
    """

    channels: list[int]
    pages: int
    columns: int
    width: int
    height: int
    low: float
    high: float
    limits: list[float]
    image: bytes


def is_drawable(layer: Layer) -> bool:
    """Return whether a layer's values are maps or flat, and can be drawn."""
    return len(layer.output_shape) in (1, 3)


def page_size(layer: Layer, limit: int | None = None) -> int:
    """Return the number of tiles on a page, which is at most `limit`."""
    size = MAPS_A_PAGE if layer.is_map else UNITS_A_PAGE
    return size if limit is None else min(size, limit)


def pages(layer: Layer, limit: int | None = None) -> int:
    """Return the number of pages of a layer's atlas with at most `limit` tiles on a page."""
    return math.ceil(layer.output_shape[-1] / page_size(layer, limit))


def draw_atlas(
    layer: Layer,
    stage: Stage,
    values: NDArray[np.float32],
    page: int = 0,
    scale: Scale = "layer",
    order: Order = "channel",
    limit: int | None = None,
) -> Atlas:
    """Draw a page of a layer: a tile for each map, or a cell for each unit of a flat layer.

    Args:
        layer: a layer that is drawable.
        stage: of the values.
        values: of one image, float32 (H, W, C) or (U,).
        page: from 0, below `pages(layer, limit)`.
        scale: "layer" for one range of colours, "map" for one for each map; a unit has none of its
            own.
        order: "channel" for the layer's own order, "strongest" for the channels with the largest
            mean magnitude first.
        limit: the most tiles on a page; None for the most that a page has.
    """
    size = page_size(layer, limit)
    channels = _ordered(values, order)[page * size :][:size]
    shown = values[..., channels]
    largest = 1.0 if layer.activation == SOFTMAX and stage == "post" else _largest(values)
    limits = [largest] * len(channels)
    if layer.is_map:
        if scale == "map":
            limits = [_largest(shown[..., index]) for index in range(len(channels))]
        tiles, columns = np.moveaxis(shown, -1, 0), MAPS_A_ROW
        factor = max(1, MAP_SIDE // max(tiles.shape[1:]))
    else:
        tiles, columns, factor = shown[:, np.newaxis, np.newaxis], UNITS_A_ROW, UNIT_SIDE
    columns = min(columns, len(tiles))
    height, width = (factor * side for side in tiles.shape[1:])
    return Atlas(
        channels=channels.tolist(),
        pages=pages(layer, limit),
        columns=columns,
        width=width,
        height=height,
        low=float(values.min()),
        high=float(values.max()),
        limits=limits,
        image=_png(_grid(tiles, limits, columns, factor)),
    )


def _ordered(values: NDArray[np.float32], order: Order) -> NDArray[np.intp]:
    """Return the indices of the channels in an order; equally strong ones in the layer's own."""
    if order == "channel":
        return np.arange(values.shape[-1])
    strengths = np.abs(values).reshape(-1, values.shape[-1]).mean(axis=0)
    return np.argsort(-strengths, kind="stable")


def _largest(values: NDArray[np.float32]) -> float:
    """Return the largest magnitude; 1 where all values are 0, because a scale cannot be empty."""
    return float(np.abs(values).max(initial=0)) or 1.0


def _grid(
    tiles: NDArray[np.float32], limits: list[float], columns: int, factor: int
) -> NDArray[np.uint8]:
    """Return the palette's indices of tiles (N, H, W) in rows, each enlarged by a factor."""
    height, width = (factor * side + GAP for side in tiles.shape[1:])
    rows = math.ceil(len(tiles) / columns)
    grid = np.full((rows * height - GAP, columns * width - GAP), _CLEAR, np.uint8)
    for index, (tile, limit) in enumerate(zip(tiles, limits, strict=True)):
        row, column = divmod(index, columns)
        levels = np.rint(tile / limit * _ZERO).astype(np.int16) + _ZERO
        enlarged = levels.astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
        top, left = row * height, column * width
        grid[top : top + height - GAP, left : left + width - GAP] = enlarged
    return grid


def _png(indices: NDArray[np.uint8]) -> bytes:
    picture = Image.fromarray(indices)
    picture.putpalette(_PALETTE)
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=_CLEAR, compress_level=1)
    return out.getvalue()

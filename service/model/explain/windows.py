"""The window of a cell: which cells of an earlier layer its value depends on."""

from collections.abc import Sequence
from typing import Any

from service.model.explain.traces import Cell, Region, Window
from service.model.layer import Layer


def window_of(path: Sequence[Layer], cell: Cell) -> Window:
    """Return the cells of the input of the path's first layer that a cell of its last depends on.

    Args:
        path: consecutive layers that slide a window.
        cell: a cell of the last of them.
    """
    whole, inside = [], []
    for axis, index in enumerate(cell.index[:2]):
        padded = real = (index, index + 1)
        for layer in reversed(path):
            window = layer.windows[axis]
            padded = window.input_range(*padded)
            # Clipped at every layer, because no value passes through a padding cell.
            start, stop = window.input_range(*real)
            real = max(start, 0), min(stop, layer.input_shape[axis])
        whole.append(padded)
        inside.append(real)
    return Window(*_corner_and_size(whole), inside=Region(*_corner_and_size(inside)))


def window_fields(layer: Layer, window: Window) -> dict[str, Any]:
    """Return the fields that `WindowTrace` adds to `Trace`.

    Args:
        layer: a layer that slides a window.
        window: of one of its cells.
    """
    rows, columns = (
        list(
            range(
                layer.windows[axis].input_range(0, layer.output_shape[axis])[1],
                layer.input_shape[axis],
            )
        )
        for axis in (0, 1)
    )
    return {"window": window, "dropped_rows": rows, "dropped_columns": columns}


def slices(region: Region, top: int = 0, left: int = 0) -> tuple[slice, slice]:
    """Return the region's rows and columns in an array that begins at (top, left)."""
    row, column = region.top - top, region.left - left
    return slice(row, row + region.height), slice(column, column + region.width)


def _corner_and_size(ranges: Sequence[tuple[int, int]]) -> tuple[int, int, int, int]:
    (top, bottom), (left, right) = ranges
    return top, left, bottom - top, right - left

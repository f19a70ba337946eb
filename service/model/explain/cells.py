"""Cells and rectangles of cells, which every explanation refers to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Grid = list[list[float]]  # rows × columns


@dataclass(slots=True)  # not frozen, which takes four times as long for the thousands of a unit
class Cell:
    """One value of a layer, or of the model's input.

    Attributes:
        layer: a layer's name; for the model's input, "digit" or "input" (see `Bundle.input_name`).
        channel: from 0; the unit's index in a layer without rows and columns.
        row, column: from 0; None in a layer without them. A layer of two axes has rows alone.
    """

    layer: str
    channel: int
    row: int | None = None
    column: int | None = None

    @property
    def index(self) -> tuple[int, ...]:
        """Return the cell's index in its layer's values."""
        place = [index for index in (self.row, self.column) if index is not None]
        return (*place, self.channel)


def cell_at(layer: str, index: Sequence[Any]) -> Cell:
    """Return the cell at an index of a layer's values."""
    *place, channel = (int(i) for i in index)
    return Cell(layer, channel, *place)


@dataclass(frozen=True)
class Region:
    """A rectangle of cells, or of pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Window(Region):
    """A rectangle that may extend into padding: above row 0, left of column 0, or beyond the end.

    Attributes:
        inside: the part that holds cells of the input which can influence the result.
    """

    inside: Region

"""Cells and rectangles of cells, which every explanation refers to."""

from dataclasses import dataclass
from typing import TypeAlias

Grid: TypeAlias = list[list[float]]  # rows × columns


@dataclass(frozen=True)
class Cell:
    """One value of a layer, or of the model's input.

    Attributes:
        layer: a layer's name; for the model's input, "digit" or "input".
        channel: from 0; the unit's index in a layer without rows and columns.
        row: from 0; None in a layer without rows.
        column: from 0; None in a layer without columns. A layer of two axes has rows alone.
    """

    layer: str
    channel: int
    row: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Region:
    """A rectangle of cells, or of pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Window(Region):
    """A rectangle that may extend into padding.

    Attributes:
        inside: the part that holds cells of the input which can influence the result.
    """

    inside: Region

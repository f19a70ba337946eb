"""Recognise operators and separators by their shape: + − × ÷ = . , : /. Does not know the model."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import Components

# what a character's shape is: a digit, a mark, or a mark only if the model does not see a digit
Shape = Literal["digit", "mark", "either"]

_LOW = 0.42  # share of the row's height: lower characters are marks
_MAX_CROSS = 0.85  # share of the row's height: "+" and "×" are lower than digits
_CORNER = 0.28  # share of the sides of a corner of a cross's box
_EMPTY = 0.12  # share of a corner's area that ink may cover
_SLASH = 1.2  # share of the row's height: "/" is taller than digits


def shape_of(
    mask: NDArray[np.bool_], parts: Components, chosen: list[int], row_height: float
) -> Shape:
    """Return whether a character is a digit or a mark, by its size in its row and its shape.

    Args:
        mask: bool (h, w), cropped to the character.
        parts: the components of the page.
        chosen: those that form the character.
        row_height: of the row's digits, pixels.
    """
    height, width = mask.shape
    size = height / row_height
    if len(chosen) > 1 and _is_stacked(parts, chosen, row_height):
        return "mark"
    if size < _LOW:
        return "mark"
    if _is_cross(mask):
        return "mark" if size < _MAX_CROSS else "either"
    if size < _MAX_CROSS and _is_times(mask):
        return "mark"
    return "either" if size < 0.6 else "digit"


def _is_stacked(parts: Components, chosen: list[int], row_height: float) -> bool:
    """Return whether a character consists of bars and dots, as "=", ":" and "÷" do."""
    return bool((parts.bottom[chosen] - parts.top[chosen] < _LOW * row_height).all())


def _is_cross(mask: NDArray[np.bool_]) -> bool:
    """Return whether a shape is a "+": its corners are empty, its middle reaches all sides."""
    height, width = mask.shape
    if not 0.5 < width / height < 2:
        return False
    row, column = max(int(_CORNER * height), 1), max(int(_CORNER * width), 1)
    corners = (
        *(mask[:row, :column], mask[:row, -column:]),
        *(mask[-row:, :column], mask[-row:, -column:]),
    )
    if any(corner.mean() > _EMPTY for corner in corners):
        return False
    # no background between the bars' ends and the crossing
    across, down = mask[row : height - row], mask[:, column : width - column]
    return bool(across.any(axis=0).mean() > 0.95 and down.any(axis=1).mean() > 0.95)


def _is_times(mask: NDArray[np.bool_]) -> bool:
    """Return whether a shape is a "×": ink in its corners and its middle, none between."""
    height, width = mask.shape
    if not 0.5 < width / height < 2:
        return False
    third_row, third_column = height // 4, width // 4
    sides = (
        *(mask[:third_row, width // 2 - third_column // 2 : width // 2 + third_column // 2 + 1],),
        *(mask[-third_row:, width // 2 - third_column // 2 : width // 2 + third_column // 2 + 1],),
        *(mask[height // 2 - third_row // 2 : height // 2 + third_row // 2 + 1, :third_column],),
        *(mask[height // 2 - third_row // 2 : height // 2 + third_row // 2 + 1, -third_column:],),
    )
    corners = (
        *(mask[: 2 * third_row, : 2 * third_column], mask[: 2 * third_row, -2 * third_column :]),
        *(mask[-2 * third_row :, : 2 * third_column], mask[-2 * third_row :, -2 * third_column :]),
    )
    middle = mask[height // 2 - 1 : height // 2 + 2, width // 2 - 1 : width // 2 + 2]
    return bool(
        all(side.mean() < _EMPTY for side in sides)
        and all(corner.mean() > _EMPTY for corner in corners)
        and middle.any()
    )

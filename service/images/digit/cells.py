"""Preprocess the cells of a grid, such as a sudoku or a table. Does not know the model."""

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import find_components
from service.images.digit.foreground import Foreground
from service.images.digit.grid import digits_of_cells, find_grid, grid_lines
from service.images.digit.lines import find_lines
from service.images.digit.page import (
    crop,
    cropped,
    is_ink_of,
    page_foreground,
    prepared_part,
)
from service.images.digit.preprocessing import SIZE, Prepared, Preprocessing
from service.images.digit.segmentation import Place, Segment


def segment_grid(image: NDArray[np.uint8]) -> list[Segment]:
    """Find the grid of an image, and preprocess the digit of each cell.

    Args:
        image: uint8 (H, W) in 0–255, either polarity.

    Returns:
        The cells row by row; the digit of an empty one is all 0.

    Raises:
        NothingDrawn: there is no grid in the image.
    """
    foreground = page_foreground(image)
    lines = grid_lines(find_lines(foreground.possible, foreground.edges))
    grid = find_grid(lines)
    # strokes that cross a line are cut: what is beyond it would join the digits of two cells
    components = find_components(foreground.possible & ~lines.area)
    is_ink = is_ink_of(components, foreground)
    digits = digits_of_cells(grid, components, is_ink)
    segments: list[Segment] = []
    for row in range(len(grid.rows) - 1):
        for column in range(len(grid.columns) - 1):
            place = Place(len(segments), row, column, (row, column) in digits, False)
            if place.is_digit:
                part, mask = cropped(foreground, components, digits[row, column])
                prepared = prepared_part(part, mask, ("grid",))
            else:
                prepared = _empty(crop(foreground, *grid.box(row, column)))
            segments.append(Segment(prepared, place))
    return segments


def _empty(cell: Foreground) -> Prepared:
    """Return the preprocessing of an empty cell, without a digit."""
    digit = np.zeros((SIZE, SIZE), np.uint8)
    height, width = (part.stop - part.start for part in (cell.rows, cell.columns))
    left, top = cell.columns.start * cell.reduction, cell.rows.start * cell.reduction
    applied = Preprocessing(
        mode="mnist",
        inverted=cell.inverted,
        bounding_box=(left, top, width * cell.reduction, height * cell.reduction),
        scale=1.0,
        shift=(0, 0),
        threshold=cell.threshold,
        stroke=1.0,
        removed=("grid",),
    )
    return Prepared(digit, applied, lambda: {"grey": cell.grey, "digit": digit})

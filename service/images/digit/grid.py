"""Recognise a grid, such as a sudoku or a table, and return the digits of its cells.

Does not know the model. Cells are bounded by the grid's lines wherever these run, so a page may be
askew, in perspective and slightly bent.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.components import Components
from service.images.digit.straight import Lines

NO_GRID = (
    "The image shows no grid; send a grid whose lines are visible on all sides of its cells, or "
    "use segment=true for digits without a grid."
)
_MAX_LINES = 61  # each way
_SAME = 0.35  # share of the typical distance of lines, below which two are parts of one
_MIN_FILLED = 0.82  # share of a line that is not a gap
_MIN_COVERAGE = 0.45  # share of the grid's side that a line has
_REGULAR = 0.25  # deviation of a distance from a whole number of typical ones
_MIN_DIGIT = 0.25  # share of the cell's height that a digit has
_SPECK = 0.06  # share of the largest component's area in a cell
_BORDER = 0.15  # share of a cell's side: as thin and as near to its border are remnants of lines


@dataclass(frozen=True)
class Grid:
    """The lines of a grid.

    Attributes:
        rows: float32 (lines, W), the row of each horizontal line in each column of pixels.
        columns: float32 (lines, H), the column of each vertical line in each row of pixels.
    """

    rows: NDArray[np.float32]
    columns: NDArray[np.float32]

    def box(self, row: int, column: int) -> tuple[slice, slice]:
        """Return the pixels around a cell, rows and columns."""
        corners = self._corners[row : row + 2, column : column + 2].reshape(4, 2)
        (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
        height, width = self.columns.shape[1], self.rows.shape[1]
        return (
            slice(max(int(top), 0), min(int(bottom) + 1, height)),
            slice(max(int(left), 0), min(int(right) + 1, width)),
        )

    @cached_property
    def _corners(self) -> NDArray[np.float32]:
        """The row and column of pixels where lines cross, float32 (rows, columns, 2)."""
        rows, columns = np.indices((len(self.rows), len(self.columns)))
        x = np.median(self.columns, axis=1)[columns]
        for _ in range(3):
            y = self.rows[rows, np.clip(np.rint(x).astype(int), 0, self.rows.shape[1] - 1)]
            x = self.columns[columns, np.clip(np.rint(y).astype(int), 0, self.columns.shape[1] - 1)]
        return np.stack((y, x), axis=-1)

    def cell_of(
        self, rows: NDArray[np.float64], columns: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the row and column of the cell around each point; outside, −1 or one too many."""
        y = np.clip(rows.astype(np.int64), 0, self.columns.shape[1] - 1)
        x = np.clip(columns.astype(np.int64), 0, self.rows.shape[1] - 1)
        return (
            np.count_nonzero(self.rows[:, x] <= rows, axis=0) - 1,
            np.count_nonzero(self.columns[:, y] <= columns, axis=0) - 1,
        )


def grid_lines(lines: Lines) -> Lines:
    """Return the lines without gaps: others are the stems of digits below each other."""
    return lines.only(lines.filled >= _MIN_FILLED)


def find_grid(lines: Lines) -> Grid:
    """Find the grid that lines form.

    Args:
        lines: of a page.

    Raises:
        NothingDrawn: there are not two lines and a cell's sides each way, or too many lines.
    """
    height, width = lines.shape
    sides = []
    for is_horizontal, extent in ((True, width), (False, height)):
        chosen = lines.only(lines.horizontal == is_horizontal)
        paths = _grid_lines(chosen, extent) if len(chosen) > 1 else np.zeros((0, extent))
        sides.append(np.asarray(paths, np.float32))
    rows, columns = sides
    if min(len(rows), len(columns)) < 2 or max(len(rows), len(columns)) > _MAX_LINES:
        raise NothingDrawn(NO_GRID)
    return Grid(rows, columns)


def _grid_lines(lines: Lines, extent: int) -> NDArray[np.float64]:
    """Return the grid's lines among parallel ones, ordered: their rows, (lines, extent)."""
    middle = int(np.median((lines.start + lines.end) / 2))
    paths = np.array([_extended(lines, index, extent) for index in range(len(lines))])
    position = paths[:, middle]
    order = np.argsort(position)
    longest = float(lines.length.max())
    is_long = lines.length[order] >= 0.6 * longest
    gaps = np.diff(position[order][is_long])
    typical = float(np.median(gaps[gaps > 4])) if (gaps > 4).any() else 0.0
    groups = np.split(order, np.flatnonzero(np.diff(position[order]) > _SAME * typical) + 1)
    merged = []
    for group in groups:
        covered = np.zeros(extent, np.bool_)
        for index in group:
            covered[lines.start[index] : lines.end[index]] = True
        if np.count_nonzero(covered) >= _MIN_COVERAGE * longest:
            merged.append(_merged(lines, paths, group, extent))
    paths = np.array(merged, np.float64).reshape(-1, extent)
    return _with_missing(paths, middle)


def _extended(lines: Lines, index: int, extent: int) -> NDArray[np.float64]:
    """Return a line's row at every column, beyond its ends along its direction there."""
    path = lines.path(index).astype(np.float64)
    start, end = int(lines.start[index]), int(lines.end[index])
    reach = max(len(path) // 3, 1)
    first = (path[reach - 1] - path[0]) / reach
    last = (path[-1] - path[-reach]) / reach
    rows = np.empty(extent)
    rows[start:end] = path
    rows[:start] = path[0] + first * (np.arange(start) - start)
    rows[end:] = path[-1] + last * np.arange(1, extent - end + 1)
    return rows


def _merged(
    lines: Lines, paths: NDArray[np.float64], group: NDArray[np.int64], extent: int
) -> NDArray[np.float64]:
    """Return the row of a line that consists of several parts: each where it is."""
    best = group[np.argsort(lines.length[group])]
    rows = paths[best[-1]].copy()
    start, end = lines.start[best[-1]], lines.end[best[-1]]
    for index in best[:-1][::-1]:
        columns = np.arange(lines.start[index], lines.end[index])
        beyond = columns[(columns < start) | (columns >= end)]
        rows[beyond] = paths[index, beyond]
    return rows


def _with_missing(paths: NDArray[np.float64], middle: int) -> NDArray[np.float64]:
    """Insert lines that were not found between regularly spaced ones."""
    gaps = np.diff(paths[:, middle])
    if len(gaps) < 3:
        return paths
    typical = float(np.median(gaps))
    counts = np.maximum(np.rint(gaps / typical), 1)
    if (np.abs(gaps / typical - counts) > _REGULAR * counts).any() or (counts > 3).any():
        return paths  # a table with columns of different widths
    complete = [paths[0]]
    for before, after, count in zip(paths[:-1], paths[1:], counts.astype(int), strict=True):
        shares = np.arange(1, count + 1) / count
        complete += [before + share * (after - before) for share in shares]
    return np.asarray(complete, np.float64)


def digits_of_cells(
    grid: Grid, components: Components, is_ink: NDArray[np.bool_]
) -> dict[tuple[int, int], list[int]]:
    """Return the components that form the digit of each cell that is not empty.

    Args:
        grid: of the page.
        components: of the page without its lines.
        is_ink: bool (components,), false for specks.
    """
    height, width = components.bottom - components.top, components.right - components.left
    row, column = grid.cell_of(
        (components.top + components.bottom - 1) / 2, (components.left + components.right - 1) / 2
    )
    is_inside = (row >= 0) & (row < len(grid.rows) - 1)
    is_inside &= (column >= 0) & (column < len(grid.columns) - 1)
    cells: dict[tuple[int, int], list[int]] = {}
    for index in np.flatnonzero(is_inside & is_ink).tolist():
        cells.setdefault((int(row[index]), int(column[index])), []).append(index)
    digits = {}
    for cell, members in cells.items():
        rows, columns = grid.box(*cell)
        sides = rows.stop - rows.start, columns.stop - columns.start
        largest = max(int(components.area[index]) for index in members)
        kept = [
            index
            for index in members
            if components.area[index] >= _SPECK * largest
            and not _is_at_border(components, index, rows, columns)
        ]
        tallest = max((int(height[index]) for index in kept), default=0)
        widest = max((int(width[index]) for index in kept), default=0)
        if tallest >= _MIN_DIGIT * sides[0] and widest < 1.2 * sides[1]:
            digits[cell] = kept
    return digits


def _is_at_border(components: Components, index: int, rows: slice, columns: slice) -> bool:
    """Return whether a component is a remnant of a cell's lines: at its border, and thin."""
    top, bottom = components.top[index] - rows.start, rows.stop - components.bottom[index]
    left, right = components.left[index] - columns.start, columns.stop - components.right[index]
    height, width = (
        components.bottom[index] - components.top[index],
        components.right[index] - (components.left[index]),
    )
    high, wide = _BORDER * (rows.stop - rows.start), _BORDER * (columns.stop - columns.start)
    return bool(
        (height <= high and min(top, bottom) <= high)
        or (width <= wide and min(left, right) <= wide)
    )

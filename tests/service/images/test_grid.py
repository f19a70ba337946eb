"""A grid's lines are found wherever they run, and each cell's digit is separated from the rest."""

import numpy as np
import pytest

from service.images.digit.components import find_components
from service.images.digit.grid import digits_of_cells, find_grid, grid_lines
from service.images.digit.lines import find_lines

SIDE, FIRST, PITCH = 300, 30, 60  # five lines each way, at 30, 90, … 270
REGULAR = (30, 90, 150, 210, 270)


def ruled(rows, columns=REGULAR, slope=0.0):
    """Return the mask of a grid of lines 4 pixels thick; the slope turns it clockwise."""
    y, x = np.mgrid[:SIDE, :SIDE]
    down, across = y - slope * (x - 150), x + slope * (y - 150)
    inside = (down > rows[0] - 3) & (down < rows[-1] + 3)
    inside &= (across > columns[0] - 3) & (across < columns[-1] + 3)
    lines = [np.abs(down - row) <= 2 for row in rows]
    lines += [np.abs(across - column) <= 2 for column in columns]
    return np.logical_or.reduce(lines) & inside


def grid_of(mask):
    """Find the grid of a mask with a digit."""
    mask[45:75, 50:70] = True
    return find_grid(grid_lines(find_lines(mask)))


def digits_in(mask):
    """Return the boxes (top, left, bottom, right) of the components of each cell's digit."""
    lines = grid_lines(find_lines(mask))
    found = find_components(mask & ~lines.area)
    digits = digits_of_cells(find_grid(lines), found, np.ones(len(found.area), bool))
    return {
        cell: sorted(
            (int(found.top[i]), int(found.left[i]), int(found.bottom[i]), int(found.right[i]))
            for i in members
        )
        for cell, members in digits.items()
    }


@pytest.mark.parametrize("slope", [0.0, 0.05, -0.05])
def test_lines_are_where_they_are_drawn_also_askew(slope):
    """A line's row is known in every column of pixels, beyond its ends too."""
    grid = grid_of(ruled(REGULAR, slope=slope))
    places = np.arange(SIDE) - 150
    for found, sign in ((grid.rows, 1), (grid.columns, -1)):
        expected = np.asarray(REGULAR)[:, np.newaxis] + sign * slope * places
        np.testing.assert_allclose(found, expected, atol=2.5)


@pytest.mark.parametrize("last", [270, 285])
def test_a_missing_line_is_inserted_between_regular_ones(last):
    """A grid of about equal cells has no cell of twice the size."""
    grid = grid_of(ruled((30, 78, 126, last - 48, last)))
    expected = (30, 78, 126, (126 + last - 48) / 2, last - 48, last)
    np.testing.assert_allclose(np.median(grid.rows, axis=1), expected, atol=2)


@pytest.mark.parametrize("rows", [(30, 90, 120, 180, 270), (30, 60, 90, 210, 240, 270), (30, 150)])
def test_a_table_keeps_its_rows_of_different_heights(rows):
    """Where distances are no multiples, or one is four times another, no line is missing."""
    assert len(grid_of(ruled(rows)).rows) == len(rows)


def test_the_parts_of_an_interrupted_line_are_one_line():
    """A line that is bent by 4 pixels at a gap is where its parts are."""
    mask = ruled(REGULAR)
    mask[144:158, 33:268] &= ruled((30, 270))[144:158, 33:268]
    mask[148:153, 33:170] = mask[152:157, 178:268] = True
    row = grid_of(mask).rows[2]
    assert row[60:160] == pytest.approx(150, abs=1.5)
    assert row[190:260] == pytest.approx(154, abs=1.5)


def test_a_point_is_in_the_cell_whose_box_is_around_it():
    """Points outside have −1 or the number of cells."""
    grid = grid_of(ruled(REGULAR))
    rows, columns = grid.cell_of(np.array([5.0, 60, 130, 290]), np.array([60.0, 5, 250, 290]))
    assert rows.tolist() == [-1, 0, 1, 4]
    assert columns.tolist() == [0, -1, 3, 4]
    box = grid.box(1, 3)
    assert [box[0].start, box[0].stop] == pytest.approx([90, 151], abs=2)
    assert [box[1].start, box[1].stop] == pytest.approx([210, 271], abs=2)


def test_a_cells_digit_is_without_specks_and_remnants_of_lines():
    """Thin parts at a cell's border and small ones are left out, a digit's parts are kept."""
    mask = ruled(REGULAR)
    mask[45:75, 50:70] = True  # a digit of one part
    mask[100:140, 100:118] = mask[105:135, 122:130] = True  # of two parts
    mask[125:130, 230:250] = True  # too low for a digit
    mask[170:172, 170:172] = mask[165:195, 180:195] = True  # a speck beside a digit
    mask[214:216, 40:80] = mask[230:260, 50:65] = True  # a remnant of a line above a digit
    mask[220:260, 95:97] = mask[230:260, 110:125] = True  # and beside one
    mask[240:280, 170:200] = True  # crosses the lower border
    mask[5:25, 50:70] = mask[100:130, 5:20] = mask[100:130, 280:295] = True  # outside
    digits = digits_in(mask)
    assert digits[0, 0] == [(45, 50, 75, 70)]
    assert digits[1, 1] == [(100, 100, 140, 118), (105, 122, 135, 130)]
    assert digits[2, 2] == [(165, 180, 195, 195)]
    assert digits[3, 0] == [(230, 50, 260, 65)]
    assert digits[3, 1] == [(230, 110, 260, 125)]
    assert set(digits) == {(0, 0), (1, 1), (2, 2), (3, 0), (3, 1), (3, 2)}

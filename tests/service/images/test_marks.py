"""Operators and separators differ from digits in their shape."""

import numpy as np
import pytest

from service.images.digit.components import find_components
from service.images.digit.marks import shape_of


def shape(mask, row_height):
    """Return what the mask of one character is in a row of that height."""
    parts = find_components(mask)
    return shape_of(mask, parts, list(range(len(parts.area))), row_height)


def plus(side, width):
    """Return a "+" whose bars have that width."""
    mask = np.zeros((side, side), bool)
    first = (side - width) // 2
    mask[first : first + width] = mask[:, first : first + width] = True
    return mask


@pytest.mark.parametrize(("side", "width"), [(5, 3), (6, 2), (7, 3), (12, 2), (40, 8)])
def test_a_plus_is_a_mark_unless_it_is_as_high_as_digits(side, width):
    """From 5 pixels a side, also with thick bars; in a row of its own height, the model decides."""
    assert shape(plus(side, width), side / 0.7) == "mark"
    assert shape(plus(side, width), side) == "either"


def times(side, width):
    """Return a "×" whose strokes have that width, measured along a row."""
    rows, columns = np.mgrid[:side, :side]
    falling, rising = np.abs(rows - columns), np.abs(rows + columns - side + 1)
    return np.minimum(falling, rising) <= width / 2


@pytest.mark.parametrize(("side", "width"), [(9, 2), (21, 3), (21, 6), (60, 12)])
def test_a_times_sign_is_a_mark_unless_it_is_as_high_as_digits(side, width):
    """Its corners and its middle have ink, the middle of its sides none."""
    assert shape(times(side, width), side / 0.7) == "mark"
    assert shape(times(side, width), side) == "either"


def bars(*bands, height=20, width=16):
    """Return horizontal bars between these rows."""
    mask = np.zeros((height, width), bool)
    for first, last in bands:
        mask[first:last] = True
    return mask[np.flatnonzero(mask.any(axis=1))[0] : np.flatnonzero(mask.any(axis=1))[-1] + 1]


def test_low_characters_and_stacks_of_them_are_marks():
    """A minus is low; an equals sign consists of low bars; one bar above a high one does not."""
    assert shape(bars((8, 12)), 20) == "mark"
    assert shape(bars((4, 8), (12, 16)), 20) == "mark"
    assert shape(bars((3, 4), (5, 18)), 20) == "digit"
    assert shape(bars((0, 4), (14, 20)), 20) == "digit"


def test_a_short_character_is_a_mark_if_it_is_narrow():
    """A 1 is never as short as that; a wide one may be a digit."""
    short = np.ones((11, 4), bool)
    assert shape(short, 20) == "mark"
    assert shape(np.ones((11, 9), bool), 20) == "either"
    assert shape(np.ones((19, 4), bool), 20) == "digit"


def test_a_ring_and_a_wide_bar_are_neither_plus_nor_times():
    """A 0 has empty corners, but no ink in its middle."""
    rows, columns = np.mgrid[:40, :40]
    distance = np.hypot(rows - 19.5, columns - 19.5)
    assert shape((distance < 20) & (distance > 14), 40) == "digit"
    assert shape(np.pad(plus(20, 6), ((0, 0), (20, 20)))[:, 5:55], 20) != "mark"

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

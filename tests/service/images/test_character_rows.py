"""The components of a page form characters, and characters form rows, in reading order."""

import numpy as np
import pytest

from service.images.digit.components import find_components
from service.images.digit.rows import find_rows


def rows_of(*boxes, shape=(300, 400), slope=0.0):
    """Return each row's characters, each the sorted numbers of its boxes.

    Args:
        boxes: (top, left, bottom, right) of filled rectangles.
        shape: of the page.
        slope: by which a box at column c is moved down, times c.
    """
    mask = np.zeros(shape, bool)
    placed = {}
    for number, (top, left, bottom, right) in enumerate(boxes):
        down = round(slope * left)
        placed[top + down, left] = number
        mask[top + down : bottom + down, left:right] = True
    parts = find_components(mask)
    number = [placed[corner] for corner in zip(parts.top, parts.left, strict=True)]
    found = find_rows(parts, np.arange(len(parts.area)))
    return [[sorted(number[i] for i in each) for each in row.characters] for row in found]


def digit(left, top=100, height=60, width=36):
    """Return the box of a digit."""
    return top, left, top + height, left + width


@pytest.mark.parametrize("slope", [-0.12, 0.0, 0.12])
def test_characters_are_in_reading_order_also_askew(slope):
    """Rows from top to bottom, characters from left to right, whatever the order of drawing."""
    boxes = [digit(60 * i + 20, 60 + 90 * (i % 2)) for i in (3, 0, 5, 1, 4, 2)]
    assert rows_of(*boxes, slope=slope) == [[[1], [5], [4]], [[3], [0], [2]]]


def test_parts_above_each_other_are_one_digit():
    """The bar of a 5 belongs to its bowl: near and above it, not beside it."""
    bowl = (122, 100, 160, 136)
    assert rows_of(digit(20), bowl, (100, 104, 112, 136)) == [[[0], [1, 2]]]
    assert rows_of(digit(20), bowl, (100, 138, 112, 170)) == [[[0], [1], [2]]]


def test_two_tall_parts_are_one_digit_only_if_they_do_not_stand_side_by_side():
    """Halves of a broken digit are joined; tall neighbours that overlap a little are two."""
    assert rows_of(digit(20), (100, 100, 128, 136), (132, 104, 160, 132)) == [[[0], [1, 2]]]
    assert rows_of(digit(20), digit(100), digit(140)) == [[[0], [1], [2]]]


def test_a_dot_belongs_to_a_stroke_that_it_nearly_touches():
    """At 3 pixels it is the digit's, at 12 it is a mark of its own."""
    assert rows_of(digit(20), digit(100), (148, 139, 160, 151)) == [[[0], [1, 2]]]
    assert rows_of(digit(20), digit(100), (148, 148, 160, 160)) == [[[0], [1], [2]]]


def test_two_dots_above_each_other_are_one_mark():
    """A colon is one character; dots with more than half of a row between them are two."""
    assert rows_of(digit(20), (108, 80, 116, 88), (140, 80, 148, 88), digit(110)) == [
        [[0], [1, 2], [3]]
    ]
    first, second = (92, 80, 100, 88), (152, 80, 160, 88)
    assert sorted(rows_of(digit(20), first, second, digit(110))[0]) == [[0], [1], [2], [3]]
    beside = (140, 94, 148, 102)
    assert rows_of(digit(20), (108, 80, 116, 88), beside, digit(120)) == [[[0], [1], [2], [3]]]


def test_specks_and_what_is_far_from_every_row_are_left_out():
    """Small components count where they are at a row, and not too small."""
    speck, far = (130, 70, 132, 72), (230, 70, 245, 85)
    assert rows_of(digit(20), digit(100), speck, far) == [[[0], [1]]]


def test_a_dot_within_a_digit_is_no_character():
    """A 0 may have a dot inside; it is left out."""
    ring = np.zeros((300, 400), bool)
    ring[100:160, 100:140] = True
    ring[108:152, 108:132] = False
    ring[126:134, 116:124] = True
    ring[100:160, 20:56] = True
    parts = find_components(ring)
    found = find_rows(parts, np.arange(len(parts.area)))
    assert [len(row.characters) for row in found] == [2]

"""Straight lines are found and removed; a digit's own strokes are not taken for lines."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from service.images.digit.lines import find_lines, without_lines
from service.images.digit.surroundings import name_of
from training import renderings


def digit_mask(digit, height=110):
    """Return the mask of a digit in the middle of 280 × 280 pixels."""
    shape = renderings.shape_of(digit, height) > 0.5
    mask = np.zeros((280, 280), bool)
    top, left = (280 - shape.shape[0]) // 2, (280 - shape.shape[1]) // 2
    mask[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    return mask


def ruled(draw, degrees=0.0):
    """Return the mask of what `draw` draws on 280 × 280 pixels, turned."""
    image = Image.new("L", (400, 400))
    draw(ImageDraw.Draw(image))
    turned = image.rotate(degrees, Image.Resampling.BILINEAR)
    return np.asarray(turned)[60:340, 60:340] > 127


def squared(canvas):
    """Draw squared paper."""
    for place in range(0, 400, 25):
        canvas.line((place, 0, place, 400), fill=255, width=2)
        canvas.line((0, place, 400, place), fill=255, width=2)


def box(canvas):
    """Draw a frame."""
    canvas.rectangle((110, 110, 290, 290), outline=255, width=5)


@pytest.mark.parametrize("draw", [squared, box])
@pytest.mark.parametrize("degrees", [0.0, 3.5])
def test_lines_around_a_digit_are_removed(draw, degrees, mnist):
    """Almost all of the lines' pixels go, and almost all of the digit's stay, also askew."""
    rules = ruled(draw, degrees)
    gone, kept = [], []
    for digit in mnist.train_images[:30]:
        alone = digit_mask(digit)
        mask = alone | rules

        rest = without_lines(mask, find_lines(mask))

        gone.append(1 - (rest & rules & ~alone).sum() / (rules & ~alone).sum())
        kept.append((rest & alone).sum() / alone.sum())
    assert np.mean(gone) > 0.95
    assert np.mean(kept) > 0.88


def test_a_digits_own_strokes_are_no_lines(mnist):
    """A digit alone has no lines: not the stem of a 1, not the bars of 7, 4, 5 and 2."""
    masks = [digit_mask(digit, 200) for digit in mnist.train_images[:300]]

    assert sum(len(find_lines(mask)) > 0 for mask in masks) <= 3


def test_bars_that_end_where_the_drawing_ends_are_no_lines():
    """Only a side of the mask that is the image's edge holds a line's end."""
    mask = np.zeros((60, 200), bool)
    mask[20:25] = True  # a bar from side to side
    mask[:, 90:100] = True

    assert find_lines(mask).horizontal.tolist() == [True]
    assert len(find_lines(mask, (False, False, False, False))) == 0


def test_a_line_keeps_its_path():
    """A bent line's path follows it to a pixel, and its thickness is measured."""
    columns = np.arange(280)
    rows = 140 + 4 * np.sin(columns / 280 * np.pi)
    mask = np.abs(np.arange(280)[:, np.newaxis] - rows) <= 2
    mask[40:110, 100:140] = True  # something beside the line

    lines = find_lines(mask)

    assert len(lines) == 1
    np.testing.assert_allclose(lines.path(0), rows, atol=1.2)
    assert lines.thickness[0] == pytest.approx(5, abs=1)


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (3, 300), (40, 40)])
def test_a_full_or_empty_mask_has_no_lines(shape):
    """Degenerate masks are no errors."""
    for mask in (np.zeros(shape, bool), np.ones(shape, bool)):
        assert len(find_lines(mask)) == 0


@pytest.mark.parametrize("is_upright", [False, True])
@pytest.mark.parametrize("slope", [0.0, 0.1, -0.1])
def test_a_part_of_a_line_is_removed_with_the_lines_that_it_is_parallel_to(slope, is_upright):
    """A line that begins at the edge and ends within the image counts, if others have its slope."""
    rows, columns = np.mgrid[:280, :280]
    height = rows - slope * (columns - 140)
    mask = (np.abs(height - 70) < 2) | (np.abs(height - 140) < 2)
    mask |= (np.abs(height - 210) < 2) & (columns < 130)
    mask |= np.hypot(rows - 175, columns - 215) < 20  # a digit

    lines = find_lines(mask.T if is_upright else mask)

    assert sorted(lines.length.tolist()) == pytest.approx([130, 280, 280], abs=6)


@pytest.mark.parametrize(
    ("rows", "columns", "name"),
    [
        ((40, 240), (), "lines"),
        ((40, 140, 240), (), "lines"),
        ((240,), (40,), "lines"),
        ((40, 240), (40,), "box"),
        ((40, 240), (40, 240), "box"),
        ((40, 120, 240), (40, 240), "grid"),
        ((40, 90, 140, 190, 240), (40,), "box"),
    ],
)
def test_lines_are_named_by_how_they_are_arranged(rows, columns, name):
    """Two each way are a box, more are a grid; parallel ones and a mere corner are lines."""
    mask = np.zeros((280, 280), bool)
    for place in rows:
        mask[place : place + 4] = True
    for place in columns:
        mask[:, place : place + 4] = True
    mask[150:210, 90:125] = True  # a digit

    assert name_of(find_lines(mask)) == name

"""Sheets of paper are found by their shape; digits and round things are not taken for sheets."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from service.images.digit.local import window_of
from service.images.digit.sheets import convexity, find_sheets, rectangularity
from training import renderings

SHAPE = (240, 320)
WINDOW = window_of(SHAPE)


def polygon(*corners):
    """Return the mask, bool (240, 320), of a polygon whose corners are (column, row)."""
    image = Image.new("L", SHAPE[::-1])
    ImageDraw.Draw(image).polygon(corners, fill=255)
    return np.asarray(image) > 0


def turned(degrees):
    """Return the mask of a rectangle of 180 × 130 pixels in the middle, turned."""
    image = Image.new("L", SHAPE[::-1])
    ImageDraw.Draw(image).rectangle((70, 55, 249, 184), fill=255)
    return np.asarray(image.rotate(degrees)) > 0


def ellipse(left, top, right, bottom):
    """Return the mask of an ellipse."""
    image = Image.new("L", SHAPE[::-1])
    ImageDraw.Draw(image).ellipse((left, top, right, bottom), fill=255)
    return np.asarray(image) > 0


@pytest.mark.parametrize(
    "paper",
    [
        pytest.param(turned(0), id="upright"),
        pytest.param(turned(12), id="turned"),
        pytest.param(turned(40), id="turned by 40 degrees"),
        pytest.param(polygon((80, 60), (230, 70), (260, 190), (60, 180)), id="in perspective"),
        pytest.param(polygon((-40, 60), (150, 20), (190, 170), (0, 215)), id="cut by the edge"),
        pytest.param(polygon((40, 300), (170, 80), (300, 300)), id="a corner at the bottom"),
        pytest.param(polygon((380, 10), (150, 120), (380, 230)), id="a corner at the right"),
        pytest.param(polygon((200, -50), (400, 120), (250, 300), (110, 120)), id="cut by two"),
    ],
)
def test_a_sheet_is_found_without_its_edge(paper):
    """One sheet is found: most of the paper, and nothing within some pixels of its edge."""
    (sheet,) = find_sheets(paper, WINDOW)

    assert not (sheet & ~paper).any()
    assert sheet.sum() > 0.8 * paper.sum()
    assert not (sheet & ndimage.binary_dilation(~paper, iterations=3)).any()


def test_strokes_on_a_sheet_are_part_of_it(mnist):
    """Gaps where a digit is drawn belong to the sheet."""
    paper = turned(8)
    stroke = renderings.shape_of(mnist.train_images[-1], 80) > 0.3
    spot = slice(80, 80 + stroke.shape[0]), slice(130, 130 + stroke.shape[1])
    drawn = paper.copy()
    drawn[spot] &= ~stroke

    (sheet,) = find_sheets(drawn, WINDOW)

    assert sheet[spot].all()


def test_two_sheets_are_found():
    """Sheets side by side are two, in the order of their first rows."""
    left, right = (
        polygon((20, 60), (140, 60), (140, 200), (20, 200)),
        polygon((180, 20), (300, 20), (300, 160), (180, 160)),
    )
    first, second = find_sheets(left | right, WINDOW)

    assert not (first & ~right).any()
    assert not (second & ~left).any()


def test_what_is_round_small_or_everywhere_is_no_sheet():
    """An ellipse, a note below 8% of the image, and a mask of nearly the whole image are none."""
    whole = np.ones(SHAPE, bool)
    whole[:3] = False
    for mask in (ellipse(70, 30, 250, 210), polygon((20, 20), (80, 20), (80, 70), (20, 70)), whole):
        assert list(find_sheets(mask, WINDOW)) == []


def test_a_digit_is_no_sheet(mnist):
    """Neither thin nor very bold digits are sheets, though they cover much of the image."""
    for digit in mnist.train_images[-20:]:
        for factor in (1, 2.5):
            stroke = renderings.restroke(digit, factor, 200) > 0.5
            mask = np.zeros((240, 240), bool)
            mask[20 : 20 + stroke.shape[0], 20 : 20 + stroke.shape[1]] = stroke[:, :220]
            assert list(find_sheets(mask, window_of(mask.shape))) == []


def test_shapes_are_measured():
    """A rectangle fills its box at any angle, an ellipse π/4 of it; an L is not convex."""
    rectangles = [turned(degrees) for degrees in (0, 15, 30)]
    corner = polygon((50, 50), (250, 50), (250, 100), (100, 100), (100, 200), (50, 200))
    oval = ellipse(60, 60, 260, 180)

    assert all(rectangularity(mask) == pytest.approx(1, abs=0.04) for mask in rectangles)
    assert rectangularity(oval) == pytest.approx(np.pi / 4, abs=0.02)
    assert all(convexity(mask) > 0.97 for mask in (*rectangles, oval))
    assert convexity(corner) < 0.8

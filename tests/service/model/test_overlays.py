"""Occlusion overlays show every pixel's drop in its colour, over the model's input."""

import numpy as np
import pytest
from PIL import ImageColor

from service.model import sheets
from service.model.occlusion import Occlusion
from service.model.sheets import occlusion_overlay
from tests.service.model.pictures import (
    DIGIT,
    INK,
    NEUTRAL,
    RULE,
    coloured,
    extent,
    lightness,
    pixels,
)


@pytest.fixture
def heat():
    """An occlusion of one large drop, one small rise and nothing elsewhere."""
    pixels_ = np.zeros((28, 28), np.float32)
    pixels_[10, 4], pixels_[20, 25] = 0.8, -0.2
    cells = np.zeros((12, 12), np.float32)
    cells[5, 2] = 0.9
    places = tuple(range(0, 23, 2))
    return Occlusion(3, "3", 0.97, cells, pixels_, 6, 2, 0, places, places)


def panel(png, row, column, right):
    """Colour of the middle of a pixel in the overlay's left or right picture."""
    left = sheets.MARGIN + (sheets.MARGIN + sheets.PANEL if right else 0)
    factor = sheets.PANEL // 28
    return tuple(pixels(png)[84 + factor * row + 7, left + factor * column + 7])


def test_the_overlay_colours_pixels_by_their_drop(heat):
    """Without ink a pixel has exactly its drop's colour, on a scale about 0; ink darkens it."""
    digit = DIGIT.copy()
    digit[20, 25] = 255
    png = occlusion_overlay(digit, heat)
    assert panel(png, 10, 4, right=True) == coloured(0.8, 0.8)
    assert panel(png, 0, 0, right=True) == NEUTRAL
    assert lightness(panel(png, 20, 25, right=True)) < lightness(coloured(-0.2, 0.8)) - 50
    assert panel(png, 20, 25, right=False) == (255, 255, 255)


def test_the_patch_that_matters_most_is_marked(heat):
    """The left picture has a frame around it: row 10, column 4, six pixels on."""
    picture = pixels(occlusion_overlay(DIGIT, heat))
    rows, columns = np.nonzero((picture == ImageColor.getrgb(sheets.MARK)).all(axis=-1))
    frame = columns < sheets.MARGIN + sheets.PANEL
    factor = sheets.PANEL // 28
    assert (rows[frame].min(), columns[frame].min()) == (84 + 10 * factor, 24 + 4 * factor)
    assert (rows[frame].max(), columns[frame].max()) == (84 + 16 * factor - 1, 24 + 10 * factor - 1)


def test_the_overlay_has_a_title_and_framed_pictures(heat):
    """The title is above the pictures at the left; both pictures have a frame around them."""
    picture = pixels(occlusion_overlay(DIGIT, heat))
    title = extent(picture, INK)
    assert title[1] < 54
    assert title[2] < sheets.MARGIN + 10
    for left in (sheets.MARGIN, 2 * sheets.MARGIN + sheets.PANEL):
        part = picture[: 84 + sheets.PANEL + 1, left - 1 : left + sheets.PANEL + 1]
        assert extent(part, RULE) == (83, 84 + sheets.PANEL, 0, sheets.PANEL + 1)


def test_drops_that_hardly_matter_stay_pale(heat):
    """Drops of a thousandth are not stretched to the darkest colour."""
    heat.pixels[:] = 0.001
    assert panel(occlusion_overlay(DIGIT, heat), 5, 5, right=True) == coloured(0.001, 0.05)


def test_a_digit_of_another_shape_can_be_drawn():
    """Not square and in colour: the picture is the digit, enlarged."""
    digit = np.full((12, 10, 3), (200, 100, 50), np.uint8)
    zeros = np.zeros((12, 10), np.float32)
    found = Occlusion(0, "0", 0.5, zeros[:4, :4], zeros, 9, 1, 0, (0, 1, 2, 3), (0, 1, 2, 3))
    picture = pixels(occlusion_overlay(digit, found))
    assert (picture == (200, 100, 50)).all(axis=-1).sum() > 10_000


@pytest.mark.parametrize("shape", [(224, 224), (1000, 600), (3000, 2)])
def test_a_large_input_fits_its_panel(shape):
    """Its longer side has the panel's size, however large it is, and a patch below a pixel fits."""
    image = np.full((*shape, 3), 255, np.uint8)
    occlusion = Occlusion(
        *(0, "0", 0.5, np.ones((1, 1), np.float32), np.ones(shape, np.float32)),
        *(1, 1, 128, (0,), (0,)),
    )
    picture = pixels(occlusion_overlay(image, occlusion, is_digit=False))
    assert picture.shape[1] == 2 * (sheets.MARGIN + sheets.PANEL) + sheets.MARGIN
    height = round(sheets.PANEL * min(1, shape[0] / shape[1]))
    assert (picture[84 + height - 10, 2 * sheets.MARGIN + sheets.PANEL] == coloured(1, 1)).all()


def test_dark_parts_of_a_photograph_stay_dark(heat):
    """The heat of an image that is no digit is darkened by black, not by white."""
    white = np.full((28, 28, 3), 255, np.uint8)
    bright, dark = (occlusion_overlay(each, heat, is_digit=False) for each in (white, 0 * white))
    assert panel(bright, 10, 4, right=True) == coloured(0.8, 0.8)
    assert lightness(panel(dark, 10, 4, right=True)) < lightness(coloured(0.8, 0.8)) - 10

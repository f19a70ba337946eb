"""Polarity and the background's tone, on a coarse grid of cells."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from service.images.digit.background import average_cells, find_background
from service.images.digit.foreground import find_foreground


@pytest.mark.parametrize(("background", "foreground"), [(255, 0), (0, 255), (200, 40), (90, 240)])
def test_background_of_one_tone_keeps_exactly_that_tone(background, foreground):
    """If most cells have one tone, that is the background, whatever the foreground is."""
    cells = np.full((28, 32), background, np.float32)
    cells[6:22, 14:17] = foreground
    cells[6:22, 13] = (background + foreground) / 2  # the stroke's edge lies within these cells
    inverted, light = find_background(cells)
    assert inverted == (foreground < background)
    assert light.min() == light.max() == background


def test_uneven_illumination_is_fitted():
    """The tone behind the foreground is interpolated from the background around it."""
    background = np.linspace(120, 240, 32, dtype=np.float32) * np.ones((28, 1), np.float32)
    cells = background.copy()
    cells[6:22, 14:17] = 20
    inverted, light = find_background(cells)
    assert inverted
    assert np.abs(light - background).max() < 3


def test_a_side_is_an_edge_where_nothing_was_cut_off():
    """The sides are top, left, bottom and right, as for components and lines."""
    image = np.full((60, 80), 255, np.uint8)
    image[20:40, 30:50] = 0
    found = find_foreground(image)
    whole = replace(found, rows=slice(0, 60), columns=slice(0, 80))
    assert whole.edges == (True, True, True, True)
    assert replace(whole, rows=slice(1, 60)).edges == (False, True, True, True)
    assert replace(whole, columns=slice(1, 80)).edges == (True, False, True, True)
    assert replace(whole, rows=slice(0, 59)).edges == (True, True, False, True)
    assert replace(whole, columns=slice(0, 79)).edges == (True, True, True, False)


@pytest.mark.parametrize("size", [(50, 1), (1, 50), (1, 1), (300, 200)])
def test_an_image_of_one_tone_has_cells_of_that_tone(size):
    """Also where it is one pixel high or wide, and no part of it is searched."""
    cells = average_cells(Image.new("L", size, 9), slice(0, 0), slice(0, 0))
    assert (cells == 9).all()

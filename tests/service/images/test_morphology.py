"""Morphology equals SciPy's, also where masks touch the image's edge."""

import numpy as np
import pytest
from scipy import ndimage

from service.images.digit import morphology

SQUARE = np.ones((3, 3), bool)


def masks(share, count=30):
    """Yield random masks of many sizes, some of them a few blocks of pixels, some single ones."""
    rng = np.random.default_rng(3)
    for index in range(count):
        mask = rng.random(rng.integers(1, 30, 2)) < share
        yield np.kron(mask, np.ones((3, 3), bool)) if index % 2 else mask


def slow_close(image, window):
    """Close with a square window, pixel by pixel; outside, the tones of the edge continue."""
    image = np.pad(image, window, mode="edge")
    height, width = image.shape
    closed = np.full(image.shape, 255, image.dtype)
    for row in range(height - window + 1):
        for column in range(width - window + 1):
            part = slice(row, row + window), slice(column, column + window)
            closed[part] = np.minimum(closed[part], image[part].max())
    return closed[window:-window, window:-window]


@pytest.mark.parametrize("window", [2, 3, 4, 7, 13])
def test_closing_equals_the_slow_one(window):
    """A closed pixel has the darkest tone that is the brightest of some window over it."""
    rng = np.random.default_rng(window)
    for shape in [(1, 1), (1, 20), (9, 5), (16, 23)]:
        image = rng.integers(0, 256, shape).astype(np.uint8)
        assert np.array_equal(morphology.close(image, window), slow_close(image, window))


def test_closing_fills_strokes_and_keeps_what_touches_the_edge():
    """A stroke narrower than the window vanishes in the middle, and stays along the edge."""
    image = np.full((30, 40), 200, np.uint8)
    image[10:14, 5:35] = 0
    image[-4:] = 0
    closed = morphology.close(image, 5)
    assert (closed[:-4] == 200).all()
    assert (closed[-4:] == 0).all()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("window", [2, 3, 6])
def test_wide_parts_and_gaps_equal_scipys(share, window):
    """Wide parts are SciPy's opening, closed gaps its closing, of the mask continued outwards."""
    inner = slice(window, -window), slice(window, -window)
    square = np.ones((window, window), bool)
    for mask in masks(share):
        padded = np.pad(mask, window, mode="edge")
        opened = ndimage.binary_opening(np.pad(padded, window, mode="edge"), square)
        closed = ~ndimage.binary_opening(~np.pad(padded, window, mode="edge"), square)
        inside = opened[window:-window, window:-window][inner]
        assert np.array_equal(morphology.wide_parts(mask, window), inside)
        inside = closed[window:-window, window:-window][inner]
        assert np.array_equal(morphology.close_gaps(mask, window), inside)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_shrinking_and_widening_equal_scipys(steps):
    """A mask shrinks by a cross, but not from the image's edge, and widens by a square."""
    for mask in masks(0.7):
        shrunk = ndimage.binary_erosion(mask, iterations=steps, border_value=1)
        assert np.array_equal(morphology.shrink(mask, steps), shrunk)
        widened = ndimage.binary_dilation(mask, SQUARE, iterations=steps)
        assert np.array_equal(morphology.widen(mask, steps), widened)


def test_only_holes_are_filled():
    """Background that the mask encloses is filled; a gap to the image's edge or a diagonal is not.

    The background is 8-connected, so a diagonal contact of two pixels encloses nothing.
    """
    for mask in masks(0.6):
        filled = ndimage.binary_fill_holes(mask, SQUARE)
        assert np.array_equal(morphology.fill(mask), filled)
    ring = np.zeros((7, 7), bool)
    ring[1:6, 1:6] = True
    ring[2:5, 2:5] = False
    assert morphology.fill(ring).sum() == 25
    ring[1, 3] = False
    assert np.array_equal(morphology.fill(ring), ring)

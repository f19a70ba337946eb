"""Connected regions."""

import numpy as np
import pytest
from scipy import ndimage

from service.images.digit.components import bounding_box, find_components


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
def test_regions_are_those_of_the_obvious_algorithm(share):
    """Labels, areas and boxes are SciPy's, on masks of every size and density."""
    rng = np.random.default_rng(7)
    for _ in range(60):
        mask = rng.random(rng.integers(1, 40, 2)) < share
        found = find_components(mask)
        expected, count = ndimage.label(mask, np.ones((3, 3)))
        assert len(found.area) == count
        assert np.array_equal(found.labels < 0, ~mask)
        for region, (rows, columns) in enumerate(ndimage.find_objects(expected), start=1):
            pixels = expected == region
            (number,) = np.unique(found.labels[pixels])
            assert found.area[number] == pixels.sum()
            assert (found.top[number], found.bottom[number]) == (rows.start, rows.stop)
            assert (found.left[number], found.right[number]) == (columns.start, columns.stop)


def test_a_spiral_is_one_region():
    """However long the way round, what is connected is one."""
    mask = np.zeros((61, 61), bool)
    for ring in range(0, 30, 2):
        mask[ring, ring : -ring or None] = mask[-1 - ring, ring : -ring or None] = True
        mask[ring : -ring or None, ring] = mask[ring : -ring or None, -1 - ring] = True
        mask[ring + 1, ring] = False
        mask[ring + 2, ring + 1] = True
    assert len(find_components(mask).area) == ndimage.label(mask, np.ones((3, 3)))[1]


def test_an_empty_mask_has_no_regions():
    """No pixel, no region."""
    assert len(find_components(np.zeros((5, 7), bool)).area) == 0


def test_chosen_regions_make_a_mask():
    """`mask_of` gives the pixels of the chosen regions and no others."""
    mask = np.zeros((4, 9), bool)
    mask[1, 1:3] = mask[2, 5:8] = True
    found = find_components(mask)
    assert np.array_equal(
        found.mask_of(found.area == 3), np.pad(np.ones((1, 3), bool), ((2, 1), (5, 1)))
    )


def test_pixels_are_counted_by_region():
    """`count` says how many of some pixels lie in each region, of one region or of several."""
    mask = np.zeros((4, 9), bool)
    mask[1, 1:3] = True
    pixels = mask & (np.arange(9) == 1)
    assert find_components(mask).count(pixels).tolist() == [1]
    mask[2, 5:8] = pixels[2, 5:8] = True
    assert find_components(mask).count(pixels).tolist() == [1, 3]
    assert find_components(mask).count(np.zeros_like(mask)).tolist() == [0, 0]


def test_the_bounding_box_holds_every_pixel_and_no_more():
    """From the first to the last row and column; of nothing it is empty."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        pixels = rng.random(rng.integers(1, 12, 2)) < 0.1
        rows, columns = np.nonzero(pixels)
        expected = (0, 0, 0, 0)
        if len(rows):
            expected = (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
        for kept in (pixels, pixels * np.uint8(7)):
            found = bounding_box(kept)
            assert (found[0].start, found[0].stop, found[1].start, found[1].stop) == expected

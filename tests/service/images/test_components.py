"""Connected components and bounding boxes."""

import numpy as np
import pytest
from scipy import ndimage

from service.images.digit.components import bounding_box, find_components


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
def test_components_equal_scipys(share):
    """Labels, areas and boxes equal SciPy's on masks of every size and density."""
    rng = np.random.default_rng(7)
    for _ in range(60):
        mask = rng.random(rng.integers(1, 40, 2)) < share
        components = find_components(mask)
        expected, count = ndimage.label(mask, np.ones((3, 3)))
        assert len(components.area) == count
        assert np.array_equal(components.labels < 0, ~mask)
        for label, (rows, columns) in enumerate(ndimage.find_objects(expected), start=1):
            pixels = expected == label
            (number,) = np.unique(components.labels[pixels])
            assert components.area[number] == pixels.sum()
            assert (components.top[number], components.bottom[number]) == (rows.start, rows.stop)
            assert (components.left[number], components.right[number]) == (
                columns.start,
                columns.stop,
            )


def test_a_spiral_is_one_component():
    """A long connection is components as well as a short one."""
    mask = np.zeros((61, 61), bool)
    for ring in range(0, 30, 2):
        mask[ring, ring : -ring or None] = mask[-1 - ring, ring : -ring or None] = True
        mask[ring : -ring or None, ring] = mask[ring : -ring or None, -1 - ring] = True
        mask[ring + 1, ring] = False
        mask[ring + 2, ring + 1] = True
    assert len(find_components(mask).area) == ndimage.label(mask, np.ones((3, 3)))[1]


def test_an_empty_mask_has_no_components():
    """Without a true pixel the count is 0."""
    assert len(find_components(np.zeros((5, 7), bool)).area) == 0


def test_selected_components_make_a_mask():
    """`mask_of` returns exactly the pixels of the selected components."""
    mask = np.zeros((4, 9), bool)
    mask[1, 1:3] = mask[2, 5:8] = True
    components = find_components(mask)
    assert np.array_equal(
        components.mask_of(components.area == 3), np.pad(np.ones((1, 3), bool), ((2, 1), (5, 1)))
    )


def test_pixels_are_counted_by_component():
    """`count` returns the number of true pixels in each of one or several components."""
    mask = np.zeros((4, 9), bool)
    mask[1, 1:3] = True
    pixels = mask & (np.arange(9) == 1)
    assert find_components(mask).count(pixels).tolist() == [1]
    mask[2, 5:8] = pixels[2, 5:8] = True
    assert find_components(mask).count(pixels).tolist() == [1, 3]
    assert find_components(mask).count(np.zeros_like(mask)).tolist() == [0, 0]


def test_the_bounding_box_is_the_smallest():
    """It spans the first to the last row and column with a true pixel; else it is empty."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        pixels = rng.random(rng.integers(1, 12, 2)) < 0.1
        rows, columns = np.nonzero(pixels)
        expected = (0, 0, 0, 0)
        if len(rows):
            expected = (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
        for form in (pixels, pixels * np.uint8(7)):
            box = bounding_box(form)
            assert (box[0].start, box[0].stop, box[1].start, box[1].stop) == expected

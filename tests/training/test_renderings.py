"""The distance transform is SciPy's, and stroke width follows its factor."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from training.data import Mnist
from training.renderings import distance_to_background, on_canvas, pen_width, restroke


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_the_distance_transform_is_scipys(share: float) -> None:
    """Every distance equals SciPy's on random shapes, sparse and dense ones."""
    for seed in range(10):
        solid = np.random.default_rng(seed).random((37, 53)) < share
        solid[18, 30] = False  # without background there is no distance

        slow = ndimage.distance_transform_edt(solid)

        np.testing.assert_allclose(distance_to_background(solid), slow, atol=1e-12)


@pytest.mark.parametrize("factor", [0.6, 1.8])
def test_a_digit_is_drawn_with_a_stroke_of_another_width(factor: float, mnist: Mnist) -> None:
    """The stroke width, measured with SciPy, follows the factor.

    The result is scaled to the same height, so the ratio is a little closer to 1 than the factor.
    """

    def width(shape: NDArray[np.float32]) -> float:
        canvas = on_canvas(shape, np.random.default_rng(0), ink=255, paper=0) > 127
        distance = ndimage.distance_transform_edt(canvas)
        is_ridge = canvas & (distance == ndimage.maximum_filter(distance, 5))
        return 2 * float(np.median(distance[is_ridge]))

    digit = mnist.test_images[2]  # a 1

    ratio = width(restroke(digit, factor, 200)) / width(restroke(digit, 1, 200))

    assert pen_width(digit) > 1
    assert ratio == pytest.approx(factor, rel=0.2)

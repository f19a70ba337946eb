"""Drawings of shapes depend on their seed alone, lie inside the image, and differ by class."""

import numpy as np
import pytest

from examples.shapes.data import LABELS, SIZE, draw, draw_images, shape_mask
from examples.shapes.outlines import OUTLINES


def test_a_seed_gives_the_same_drawings() -> None:
    """Two calls with a seed draw the same pixels; another seed draws others."""
    first, again, other = (draw_images(20, seed) for seed in ((1, 0), (1, 0), (1, 1)))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert first.pixels.shape == (20, SIZE, SIZE, 3)
    assert first.pixels.dtype == np.uint8
    assert all((a != b).any() for a, b in zip(first.pixels, other.pixels, strict=True))


def test_a_drawing_does_not_depend_on_how_many_are_drawn() -> None:
    """The classes come in turn, and more drawings leave the first ones as they are."""
    few, many = draw_images(5, (3,)), draw_images(15, (3,))
    np.testing.assert_array_equal(few.pixels, many.pixels[:5])
    assert many.labels.tolist() == [*range(10), *range(5)]


@pytest.mark.parametrize("label", LABELS)
def test_a_shape_lies_inside_the_image(label: str) -> None:
    """200 shapes of each class cover 1.5% to 60% of the image, and touch no more than its edge."""
    for seed in range(200):
        mask = shape_mask(label, np.random.default_rng(seed))
        assert 0.015 < mask.mean() < 0.6
        edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        # a shape that is cut off has a straight side along the edge
        assert (edge > 0.9).sum() <= 10


def test_the_outlines_are_about_one_in_radius() -> None:
    """No outline leaves the circle that places it, and none is much smaller."""
    for label, outline in OUTLINES.items():
        radii = np.hypot(*outline()[0].T)
        assert 0.9 < radii.max() < 1.1, label


def test_every_class_differs_from_the_others() -> None:
    """Upright and equally large, no two shapes have more than 85% of their area in common."""
    masks = []
    for label in LABELS:
        image = np.linspace(-1.1, 1.1, 100)
        points = np.stack(np.meshgrid(image, image), axis=-1).reshape(-1, 2)
        first, *holes = OUTLINES[label]()
        masks.append(_inside(points, first) & ~np.any([_inside(points, h) for h in holes], axis=0))
    for index, mask in enumerate(masks):
        for other in masks[:index]:
            assert (mask & other).sum() / (mask | other).sum() < 0.85


def test_a_shape_stands_out_from_its_background() -> None:
    """The median colour of the shape differs from the median of what surrounds it."""
    for seed in range(100):
        label = LABELS[seed % len(LABELS)]
        mask = shape_mask(label, np.random.default_rng(seed))
        pixels = draw(label, np.random.default_rng(seed)) / 255
        inside, outside = (np.median(pixels[part], axis=0) for part in (mask > 0.99, mask == 0))
        assert np.linalg.norm(inside - outside) > 0.2, (seed, label)


def _inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Return for each point, (N, 2), whether it lies in a polygon (the even-odd rule)."""
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (y0 > points[:, 1]) != (y1 > points[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            at = (x1 - x0) * (points[:, 1] - y0) / (y1 - y0) + x0
        inside ^= crosses & (points[:, 0] < at)
    return inside

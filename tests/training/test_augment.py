"""Distortions are as specified on ramps and dots, and equal SciPy's slow sampling.

If the values of an image are its row numbers, the distorted image shows the source row of each
pixel. Two such ramps and one random state therefore show where any digit would be sampled.
"""

from dataclasses import asdict, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from training.augment import DEFAULT, SIZE, Strength, augment, with_wide_pens
from training.data import Mnist

STILL = Strength(0, 0, 0, 0, 0, 0)
AFFINE = replace(DEFAULT, elastic=0, stroke=0)
SEEDS = range(300)
CENTRE = (SIZE - 1) / 2

_STEP, _FLOOR = 9, 12  # the ramp from 12 to 255, so that it is as bright as a digit
RAMP = np.broadcast_to(np.arange(SIZE, dtype=np.uint8)[:, None] * _STEP + _FLOOR, (SIZE, SIZE))


def one(digit: NDArray[np.uint8], seed: int, strength: Strength) -> NDArray[np.float32]:
    """Distort one digit, uint8 (28, 28), to float32 (28, 28)."""
    return augment(digit[np.newaxis], np.random.default_rng(seed), strength)[0]


def source_points(seed: int, strength: Strength) -> NDArray[np.float64]:
    """Return source row and column of each pixel, (2, 28, 28); nan near or beyond the edge."""
    points = np.stack([one(ramp, seed, strength) for ramp in (RAMP, RAMP.T)]).astype(np.float64)
    points = (points * 255 - _FLOOR) / _STEP
    # A pixel interpolated with the outside is darker than the ramp; only inner pixels are kept.
    white = one(np.full((SIZE, SIZE), 255, np.uint8), seed, strength)
    inside = ndimage.minimum_filter(white, 3) > 1 - 1e-6
    return np.where(inside, points, np.nan)


def fit_affine(
    seed: int, strength: Strength
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Fit an affine map to the sampling: matrix (2, 2), shift (2,), and the largest error."""
    points = source_points(seed, strength).reshape(2, -1)
    is_inside = ~np.isnan(points[0])
    offsets = np.indices((SIZE, SIZE)).reshape(2, -1) - CENTRE
    terms = np.vstack([offsets, np.ones(SIZE * SIZE)])[:, is_inside]  # (3, inside)
    solution, *_ = np.linalg.lstsq(terms.T, points[:, is_inside].T, rcond=None)
    error = np.abs(terms.T @ solution - points[:, is_inside].T).max()
    return solution[:2].T, solution[2] - CENTRE, float(error)


def test_the_same_state_gives_the_same_digits(mnist: Mnist) -> None:
    """All randomness comes from the generator: equal states give equal results."""
    digits = mnist.train_images[:20]
    first, again, other = (augment(digits, np.random.default_rng(seed)) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max(axis=(1, 2)).min() > 0.1


def test_each_digit_is_distorted_differently(mnist: Mnist) -> None:
    """Copies of one digit in a batch are all distorted differently."""
    several = augment(np.repeat(mnist.train_images[:1], 10, axis=0), np.random.default_rng(1))

    assert len(np.unique(several.reshape(10, -1), axis=0)) == 10


@pytest.mark.parametrize("count", [1, 7, 500])
def test_the_result_is_a_valid_input(count: int, mnist: Mnist) -> None:
    """It is float32 (N, 28, 28) in 0–1 with ink; the arguments are not changed."""
    digits = mnist.train_images[:count].copy()
    distorted = augment(digits, np.random.default_rng(2))

    assert distorted.dtype == np.float32
    assert distorted.shape == (count, SIZE, SIZE)
    assert distorted.min() >= 0
    assert distorted.max() <= 1 + 1e-6
    assert distorted.max(axis=(1, 2)).min() > 0.5
    np.testing.assert_array_equal(digits, mnist.train_images[:count])


def test_an_empty_image_stays_empty() -> None:
    """An image without ink has no ink afterwards, and causes no division by zero."""
    assert augment(np.zeros((4, SIZE, SIZE), np.uint8), np.random.default_rng(0)).max() == 0


def test_zero_strength_changes_nothing(mnist: Mnist) -> None:
    """With every strength 0 the result is the digits, scaled to 0–1."""
    digits = mnist.train_images[:500]
    assert set(digits.max(axis=(1, 2))) == {254, 255}  # not every digit reaches 255

    np.testing.assert_allclose(
        augment(digits, np.random.default_rng(0), STILL), digits / 255, atol=1e-6
    )


@pytest.mark.parametrize("name", list(asdict(DEFAULT)))
def test_every_strength_has_an_effect(name: str, mnist: Mnist) -> None:
    """Each distortion on its own changes the digit."""
    alone = replace(STILL, **{name: getattr(DEFAULT, name)})

    assert np.abs(one(mnist.train_images[0], 5, alone) - mnist.train_images[0] / 255).max() > 0.05


@pytest.mark.parametrize("seed", range(5))
def test_an_affine_distortion_is_scipys(seed: int, mnist: Mnist) -> None:
    """Rotation, size, shear and shift form an affine map, sampled as SciPy does."""
    matrix, shift, error = fit_affine(seed, AFFINE)
    assert error < 1e-4  # pixels: it is affine

    offsets = np.indices((SIZE, SIZE)).reshape(2, -1) - CENTRE
    points = (matrix @ offsets + shift[:, None] + CENTRE).reshape(2, SIZE, SIZE)
    for digit in mnist.train_images[:20]:
        padded = np.pad(digit / 255, 2)  # SciPy does not interpolate with the outside
        slow = ndimage.map_coordinates(padded, points + 2, order=1)
        np.testing.assert_allclose(one(digit, seed, AFFINE), slow, atol=1e-3)


def test_rotation_size_shear_and_shift_keep_their_bounds() -> None:
    """Each affine component stays within its strength and comes near it in both directions."""
    samples = []
    for seed in SEEDS:
        matrix, shift, _ = fit_affine(seed, AFFINE)
        # matrix = zoom⁻¹ · shear⁻¹ · rotation⁻¹, with shear along the columns
        zoom_rows = 1 / np.hypot(*matrix[0])
        angle = np.arctan2(-matrix[0, 1], matrix[0, 0])
        zoom_columns = 1 / (np.linalg.det(matrix) * zoom_rows)
        rotated = np.array([np.cos(angle), -np.sin(angle)])
        shear = matrix[1] @ rotated * zoom_columns
        samples.append((np.rad2deg(angle), zoom_rows - 1, zoom_columns - 1, shear, *shift))
    values = np.array(samples)
    bound = np.array([DEFAULT.rotation, *[DEFAULT.scale] * 2, DEFAULT.shear, *[DEFAULT.shift] * 2])

    assert (np.abs(values) <= bound + 1e-3).all()
    assert (values.max(axis=0) > 0.9 * bound).all()
    assert (values.min(axis=0) < -0.9 * bound).all()


def test_a_shift_stays_within_its_strength() -> None:
    """A dot moves at most by the shift along each axis, and keeps its ink."""
    dot = np.zeros((SIZE, SIZE), np.uint8)
    dot[13, 15] = 255
    only_shift = replace(STILL, shift=2)
    centres = []
    for seed in SEEDS:
        moved = one(dot, seed, only_shift)
        assert moved.sum() == pytest.approx(1, abs=1e-5)
        centres.append(ndimage.center_of_mass(moved))
    distance = np.array(centres) - (13, 15)

    assert np.abs(distance).max() <= 2 + 1e-4
    assert (np.abs(distance).max(axis=0) > 1.8).all()


def test_the_elastic_field_is_smooth_and_proportional_to_its_strength() -> None:
    """Displacements change little from pixel to pixel and grow with `elastic`."""
    steps, sizes = [], {}
    for sigma in (0.45, 0.9):
        displacements = []
        for seed in range(60):
            field = source_points(seed, replace(STILL, elastic=sigma)) - np.indices((SIZE, SIZE))
            steps.append(np.nanmax(np.abs(np.diff(field, axis=2))) / sigma)
            displacements.append(field[:, 8:20, 8:20])
        sizes[sigma] = float(np.nanstd(displacements))

    assert max(steps) < 0.6  # change of displacement per pixel, in units of sigma
    assert sizes[0.9] == pytest.approx(2 * sizes[0.45], rel=0.02)
    assert 0.3 < sizes[0.9] < 0.9  # the spline averages its control points


def test_strokes_get_thicker_and_thinner(mnist: Mnist) -> None:
    """`stroke` alone dilates some digits and erodes others, and adds no ink elsewhere."""
    only_stroke = replace(STILL, stroke=0.5)
    thicker = thinner = 0
    for seed, digit in enumerate(mnist.train_images[:200]):
        before, after = digit / np.float32(255), one(digit, seed, only_stroke)
        nearby = ndimage.grey_dilation(before, footprint=[[0, 1, 0], [1, 1, 1], [0, 1, 0]])
        assert (after[nearby == 0] == 0).all()
        assert after.max() == pytest.approx(before.max(), abs=1e-6)
        ink = after.sum() / before.sum()
        if ink > 1.01:
            thicker += 1
            assert (after >= before - 1e-6).all()  # dilation removes no ink
            assert (after <= nearby + 1e-6).all()
        elif ink < 0.99:
            thinner += 1
    assert min(thicker, thinner) > 70


def test_erosion_removes_ink_at_the_edges_of_a_bar() -> None:
    """A bar five pixels wide keeps its core and loses at most the stroke's share at its edges."""
    bar = np.zeros((SIZE, SIZE), np.uint8)
    bar[5:23, 10:15] = 255
    effects = set()
    for seed in range(40):
        row = one(bar, seed, replace(STILL, stroke=0.5))[14]
        np.testing.assert_allclose(row[11:14], 1, atol=1e-6)
        assert row[10] >= 0.5 - 1e-6
        assert row[9] <= 0.5 + 1e-6
        assert row[10] == 1 or row[9] == 0  # eroded or dilated, not both
        effects.add("thicker" if row[9] > 0 else "thinner")
    assert effects == {"thicker", "thinner"}


def test_wide_strokes_keep_the_digit_and_fill_its_holes(mnist: Mnist) -> None:
    """Digits of MNIST's size get bolder and enclose less background, reproducibly."""
    digits = mnist.train_images[:60]

    wide, again = (with_wide_pens(digits, np.random.default_rng(1)) for _ in range(2))

    assert (wide.shape, wide.dtype) == (digits.shape, np.uint8)
    np.testing.assert_array_equal(wide, again)
    longer = [max(np.ptp(np.argwhere(image), axis=0)) + 1 for image in wide]
    assert set(longer) <= {19, 20}
    assert np.median(wide.mean(axis=(1, 2)) / digits.mean(axis=(1, 2))) > 1.15
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(digits, wide, strict=True)]
    others = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(digits[1:], wide, strict=False)
    ]
    assert np.mean(alike) > np.mean(others) + 0.3

    def enclosed(image: NDArray[np.uint8]) -> int:
        ink = image > 127
        return int(np.count_nonzero(ndimage.binary_fill_holes(ink) & ~ink))

    before, after = (sum(map(enclosed, images)) for images in (digits, wide))
    assert after < before

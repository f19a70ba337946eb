"""Distortions against what is plain to see: ramps, dots, and an obvious slow implementation.

A picture whose values are its row numbers, distorted, shows from which row each pixel was read.
Two such ramps and the same random state therefore tell where any digit would be sampled.
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
    """The digit, uint8 (28, 28), distorted: float32 (28, 28)."""
    return augment(digit[np.newaxis], np.random.default_rng(seed), strength)[0]


def read_from(seed: int, strength: Strength) -> NDArray[np.float64]:
    """Source row and column of each pixel, (2, 28, 28); nan near or beyond the picture's edge."""
    points = np.stack([one(ramp, seed, strength) for ramp in (RAMP, RAMP.T)]).astype(np.float64)
    points = (points * 255 - _FLOOR) / _STEP
    # a pixel read partly from beyond the edge is darker than the ramp's floor or bends the ramp:
    # keep what was read from well inside
    white = one(np.full((SIZE, SIZE), 255, np.uint8), seed, strength)
    inside = ndimage.minimum_filter(white, 3) > 1 - 1e-6
    return np.where(inside, points, np.nan)


def fitted(seed: int, strength: Strength) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The affine map (2, 2), the shift (2,) that the sampling amounts to, and its largest error."""
    points = read_from(seed, strength).reshape(2, -1)
    known = ~np.isnan(points[0])
    offsets = np.indices((SIZE, SIZE)).reshape(2, -1) - CENTRE
    terms = np.vstack([offsets, np.ones(SIZE * SIZE)])[:, known]  # (3, known)
    solution, *_ = np.linalg.lstsq(terms.T, points[:, known].T, rcond=None)
    error = np.abs(terms.T @ solution - points[:, known].T).max()
    return solution[:2].T, solution[2] - CENTRE, float(error)


def test_the_same_state_gives_the_same_digits(mnist: Mnist) -> None:
    """All randomness comes from the generator: same state, same result; another, another."""
    digits = mnist.train_images[:20]
    first, again, other = (augment(digits, np.random.default_rng(seed)) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max(axis=(1, 2)).min() > 0.1


def test_each_digit_is_distorted_its_own_way(mnist: Mnist) -> None:
    """The same digit many times in one batch comes out different every time."""
    several = augment(np.repeat(mnist.train_images[:1], 10, axis=0), np.random.default_rng(1))

    assert len(np.unique(several.reshape(10, -1), axis=0)) == 10


@pytest.mark.parametrize("count", [1, 7, 500])
def test_the_result_is_what_the_network_takes(count: int, mnist: Mnist) -> None:
    """float32 (N, 28, 28) in 0–1, finite, with ink; the digits given are left as they were."""
    digits = mnist.train_images[:count].copy()
    distorted = augment(digits, np.random.default_rng(2))

    assert distorted.dtype == np.float32
    assert distorted.shape == (count, SIZE, SIZE)
    assert distorted.min() >= 0
    assert distorted.max() <= 1 + 1e-6
    assert distorted.max(axis=(1, 2)).min() > 0.5
    np.testing.assert_array_equal(digits, mnist.train_images[:count])


def test_an_empty_picture_stays_empty() -> None:
    """Paper without ink stays paper: no division by nothing."""
    assert augment(np.zeros((4, SIZE, SIZE), np.uint8), np.random.default_rng(0)).max() == 0


def test_no_strength_changes_nothing(mnist: Mnist) -> None:
    """With every strength at 0 the digits come back, only scaled to 0–1."""
    digits = mnist.train_images[:500]
    assert set(digits.max(axis=(1, 2))) == {254, 255}  # not every digit reaches full white

    np.testing.assert_allclose(
        augment(digits, np.random.default_rng(0), STILL), digits / 255, atol=1e-6
    )


@pytest.mark.parametrize("name", list(asdict(DEFAULT)))
def test_every_strength_does_something(name: str, mnist: Mnist) -> None:
    """Each distortion on its own changes the digit."""
    alone = replace(STILL, **{name: getattr(DEFAULT, name)})

    assert np.abs(one(mnist.train_images[0], 5, alone) - mnist.train_images[0] / 255).max() > 0.05


@pytest.mark.parametrize("seed", range(5))
def test_an_affine_distortion_is_scipys(seed: int, mnist: Mnist) -> None:
    """Rotation, size, shear and shift are one affine map, sampled as scipy samples it."""
    matrix, shift, error = fitted(seed, AFFINE)
    assert error < 1e-4  # pixels: it is affine

    offsets = np.indices((SIZE, SIZE)).reshape(2, -1) - CENTRE
    points = (matrix @ offsets + shift[:, None] + CENTRE).reshape(2, SIZE, SIZE)
    for digit in mnist.train_images[:20]:
        padded = np.pad(digit / 255, 2)  # scipy does not blend with what is beyond the edge
        slow = ndimage.map_coordinates(padded, points + 2, order=1)
        np.testing.assert_allclose(one(digit, seed, AFFINE), slow, atol=1e-3)


def test_rotation_size_shear_and_shift_keep_their_bounds() -> None:
    """No affine part goes beyond its strength, either way, and each comes near it."""
    drawn = []
    for seed in SEEDS:
        matrix, shift, _ = fitted(seed, AFFINE)
        # matrix = zoom⁻¹ · shear⁻¹ · rotation⁻¹, with shear along the columns
        zoom_rows = 1 / np.hypot(*matrix[0])
        angle = np.arctan2(-matrix[0, 1], matrix[0, 0])
        zoom_columns = 1 / (np.linalg.det(matrix) * zoom_rows)
        rotated = np.array([np.cos(angle), -np.sin(angle)])
        shear = matrix[1] @ rotated * zoom_columns
        drawn.append((np.rad2deg(angle), zoom_rows - 1, zoom_columns - 1, shear, *shift))
    values = np.array(drawn)
    bound = np.array([DEFAULT.rotation, *[DEFAULT.scale] * 2, DEFAULT.shear, *[DEFAULT.shift] * 2])

    assert (np.abs(values) <= bound + 1e-3).all()
    assert (values.max(axis=0) > 0.9 * bound).all()
    assert (values.min(axis=0) < -0.9 * bound).all()


def test_a_shift_moves_a_dot_no_further_than_it_may() -> None:
    """A dot lands within the shift, in both axes, and keeps its ink."""
    dot = np.zeros((SIZE, SIZE), np.uint8)
    dot[13, 15] = 255
    only_shift = replace(STILL, shift=2)
    landed = []
    for seed in SEEDS:
        moved = one(dot, seed, only_shift)
        assert moved.sum() == pytest.approx(1, abs=1e-5)
        landed.append(ndimage.center_of_mass(moved))
    distance = np.array(landed) - (13, 15)

    assert np.abs(distance).max() <= 2 + 1e-4
    assert (np.abs(distance).max(axis=0) > 1.8).all()


def test_the_elastic_field_is_smooth_and_as_strong_as_asked() -> None:
    """Displacements change little from pixel to pixel and grow with `elastic`."""
    steps, sizes = [], {}
    for sigma in (0.45, 0.9):
        moved = []
        for seed in range(60):
            field = read_from(seed, replace(STILL, elastic=sigma)) - np.indices((SIZE, SIZE))
            steps.append(np.nanmax(np.abs(np.diff(field, axis=2))) / sigma)
            moved.append(field[:, 8:20, 8:20])
        sizes[sigma] = float(np.nanstd(moved))

    assert max(steps) < 0.6  # pixels of displacement from one pixel to the next, a sigma
    assert sizes[0.9] == pytest.approx(2 * sizes[0.45], rel=0.02)
    assert 0.3 < sizes[0.9] < 0.9  # the spline averages its control points


def test_strokes_get_thicker_and_thinner(mnist: Mnist) -> None:
    """`stroke` alone adds ink to some digits and takes ink from others, where the digit is."""
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
            assert (after >= before - 1e-6).all()  # thickening takes no ink away
            assert (after <= nearby + 1e-6).all()
        elif ink < 0.99:
            thinner += 1
    assert min(thicker, thinner) > 70


def test_thinning_wears_a_bar_down_from_its_edges() -> None:
    """A bar five pixels wide keeps its core and loses, at its edges, at most the stroke's share."""
    bar = np.zeros((SIZE, SIZE), np.uint8)
    bar[5:23, 10:15] = 255
    seen = set()
    for seed in range(40):
        row = one(bar, seed, replace(STILL, stroke=0.5))[14]
        np.testing.assert_allclose(row[11:14], 1, atol=1e-6)
        assert row[10] >= 0.5 - 1e-6
        assert row[9] <= 0.5 + 1e-6
        assert row[10] == 1 or row[9] == 0  # thinner or thicker, not both
        seen.add("thicker" if row[9] > 0 else "thinner")
    assert seen == {"thicker", "thinner"}


def test_wide_pens_leave_the_digit_and_fill_it(mnist: Mnist) -> None:
    """Bolder digits of MNIST's size, in their order, most with less paper enclosed; by the seed."""
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

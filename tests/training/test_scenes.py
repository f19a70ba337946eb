"""Pictures of digits in surroundings are grey and seeded, and their digit is visible."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.data import Mnist
from training.surroundings import LABELS, SURROUNDINGS

Pixels = NDArray[np.uint8]
SEEDS = range(8)


def digit_for(kind: str, seed: int, mnist: Mnist) -> Pixels:
    """Return a training digit that the kind takes."""
    labels = mnist.train_labels
    pool = np.flatnonzero(labels == LABELS[kind]) if kind in LABELS else np.arange(len(labels))
    digit: Pixels = mnist.train_images[pool[seed * 101]]
    return digit


@pytest.mark.parametrize("kind", SURROUNDINGS)
def test_a_picture_is_grey_has_contrast_and_follows_its_seed(kind: str, mnist: Mnist) -> None:
    """The same seed renders the same picture, another seed another one, none larger than 500."""
    pictures = []
    for seed in SEEDS:
        digit = digit_for(kind, seed, mnist)
        first, again = (SURROUNDINGS[kind](digit, np.random.default_rng(seed)) for _ in range(2))
        pictures.append(first)

        assert np.array_equal(first, again)
        assert first.dtype == np.uint8
        assert first.ndim == 2
        # A 1 that fills its bounding box may be a few pixels wide.
        assert min(first.shape) >= (3 if kind in LABELS else 20)
        assert max(first.shape) <= 500
        assert np.ptp(first) > 60
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


@pytest.mark.parametrize("kind", [kind for kind in SURROUNDINGS if kind not in LABELS])
def test_the_whole_digit_is_visible(kind: str, mnist: Mnist) -> None:
    """A paler digit changes the picture by at least 20 grey levels, in the digit's own shape.

    A digit may lie over dark lines, or be turned by up to 10 degrees.
    """
    for seed in SEEDS:
        digit = digit_for(kind, seed, mnist)
        dark, pale = (
            SURROUNDINGS[kind](ink, np.random.default_rng(seed)).astype(float)
            for ink in (digit, digit // 2)
        )
        changed = np.abs(dark - pale) > 20

        assert np.count_nonzero(changed) > 50, seed
        sides, drawn = (np.array(_sides(mask)) for mask in (digit > 60, changed))
        across = np.hypot(*sides) * drawn.sum() / sides.sum()
        assert np.abs(drawn - sides * drawn.sum() / sides.sum()).max() < 0.25 * across, seed


@pytest.mark.parametrize("kind", ["box", "squared paper", "ruled paper", "sheet on a dark desk"])
def test_something_surrounds_the_digit(kind: str, mnist: Mnist) -> None:
    """Beside the digit the picture has tones that differ by more than noise does."""
    for seed in SEEDS:
        digit = digit_for(kind, seed, mnist)
        faint = SURROUNDINGS[kind]((digit > 0).astype(np.uint8), np.random.default_rng(seed))

        assert np.ptp(faint) > 25, seed


def _sides(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the height and width of a mask's bounding box."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1

"""1s and 7s are drawn in the forms asked for, in every size and position."""

import numpy as np

from service.images.digit.preprocessing import prepare
from training.numerals import (
    LEARNED,
    drawn_one,
    drawn_ones,
    drawn_seven,
    drawn_sevens,
    numerals,
    printed_ones,
    printed_sevens,
)


def widths(image: np.ndarray) -> np.ndarray:
    """Return how wide the ink is in each row of a preprocessed digit, from its top to its foot."""
    ink = prepare(image).digit > 100
    drawn = ink[ink.any(axis=1)]
    columns = np.arange(28)
    return np.array([np.ptp(columns[row]) + 1 for row in drawn])


def mean_widths(images: list[np.ndarray]) -> tuple[float, float, float]:
    """Return the mean width of images' upper quarter, middle, and lowest rows."""
    rows = [widths(image) for image in images]
    top = np.mean([each[: len(each) // 4].max() for each in rows])
    middle = np.mean([np.median(each[len(each) // 2 : -len(each) // 4]) for each in rows])
    return float(top), float(middle), float(np.mean([each[-2:].max() for each in rows]))


def test_a_one_has_a_flag_and_a_foot() -> None:
    """With a flag a 1 is wider at the top than its stem, with a foot wider at the bottom."""
    rng = np.random.default_rng(1)
    top, middle, foot = mean_widths([drawn_one(rng, LEARNED) for _ in range(30)])
    bare = mean_widths([drawn_one(rng, LEARNED, flag=False, foot=False) for _ in range(30)])

    assert foot > 1.5 * middle
    assert top > 1.3 * bare[0]
    assert foot > 1.5 * bare[2]


def test_a_seven_has_a_bar_and_may_be_crossed() -> None:
    """A 7 is wide at the top and narrow at the foot; crossing it widens its middle."""
    rng = np.random.default_rng(2)
    top, middle, foot = mean_widths([drawn_seven(rng, LEARNED, cross=False) for _ in range(30)])
    crossed = [widths(drawn_seven(rng, LEARNED)) for _ in range(30)]

    assert top > 2 * foot
    assert top > 2 * middle
    middles = [each[len(each) // 3 : len(each) * 3 // 4].max() for each in crossed]
    assert np.mean(middles) > 1.5 * middle


def test_numerals_to_learn_are_preprocessed_and_labelled() -> None:
    """1s and 7s are most of them, printed digits of all classes some; a seed repeats them."""
    images, labels = numerals(200, np.random.default_rng(3))
    again, _ = numerals(200, np.random.default_rng(3))

    np.testing.assert_array_equal(images, again)
    assert images.shape == (200, 28, 28)
    counts = np.bincount(labels, minlength=10)
    assert counts[1] > 50
    assert counts[7] > 50
    assert 0 < counts.sum() - counts[1] - counts[7] < 80


def test_measured_digits_are_drawn_and_printed() -> None:
    """Generators yield as many images as asked for; Pillow's own font alone gives four 7s."""
    rng = np.random.default_rng(4)
    for images in (drawn_ones(3, rng), drawn_sevens(3, rng)):
        drawn = list(images)
        assert [image.shape for image in drawn] == [(280, 280)] * 3
        assert all(image.min() == 0 and image.max() == 255 for image in drawn)
    assert next(printed_sevens(rng)).shape == (280, 280)
    assert all(image.shape == (280, 280) for image in printed_ones(rng))

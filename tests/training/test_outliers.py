"""The measured outliers are images of every kind, repeatable, and of the size that people send."""

from itertools import islice

import numpy as np
import pytest

from training.fonts import MAX_FONTS, installed_fonts
from training.outliers import DIGIT_LIKE, FASHION_MNIST, LETTERS, outliers
from training.strokes import by_hand, draw, resampled, smooth


def test_every_kind_yields_repeatable_images() -> None:
    """Each generator yields as many grey images as asked for, the same for the same seed."""
    kinds = outliers()

    assert ("clothes" in kinds) == FASHION_MNIST.exists()
    for name, generate in kinds.items():
        images = list(generate(4, np.random.default_rng(1)))
        again = list(generate(4, np.random.default_rng(1)))
        assert len(images) == 4, name
        for image, other in zip(images, again, strict=True):
            assert image.dtype == np.uint8
            assert image.ndim == 2
            np.testing.assert_array_equal(image, other)
        others = list(generate(4, np.random.default_rng(2)))
        assert not all(map(np.array_equal, images, others)), name


def test_letters_are_all_those_unlike_digits() -> None:
    """Each letter is either measured as unlike digits or listed as like them."""
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    assert sorted(LETTERS + DIGIT_LIKE) == sorted(alphabet + alphabet.upper())


def test_fonts_are_few_distinct_and_always_there() -> None:
    """Pillow's own font is first; at most `MAX_FONTS` files follow, none twice."""
    fonts = installed_fonts()

    assert fonts[0] is None
    assert len(set(fonts)) == len(fonts) <= MAX_FONTS + 1


def test_a_stroke_has_the_size_and_width_that_are_asked_for() -> None:
    """A drawn line is as long as stated, pen included, and as wide as its pen."""
    shape = draw([np.array([[0.0, 0.0], [0.0, 2.0]])], pen=0.1, longer=100)

    assert abs(shape.shape[0] - 100) <= 1
    assert abs(np.median(shape.sum(axis=1)) - 10) <= 1
    assert shape.dtype == np.float32
    assert shape.max() == 1


def test_strokes_keep_their_ends() -> None:
    """Rounding and resampling keep the first and the last point; strength 0 distorts nothing."""
    stroke = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])

    for changed in (smooth(stroke), resampled(stroke, 0.1)):
        np.testing.assert_allclose(changed[[0, -1]], stroke[[0, -1]])
    steps = np.hypot(*np.diff(resampled(stroke, 0.1), axis=0).T)
    assert steps.max() <= 0.1 + 1e-9
    (unchanged,) = by_hand([stroke], np.random.default_rng(0), strength=0.0)
    np.testing.assert_allclose(unchanged, resampled(stroke, 0.04))


@pytest.mark.skipif(not FASHION_MNIST.exists(), reason="needs dataset-fashion-mnist")
def test_clothes_are_drawn_once() -> None:
    """No image of clothes comes twice."""
    images = [
        image.tobytes() for image in islice(outliers()["clothes"](50, np.random.default_rng(0)), 50)
    ]
    assert len(set(images)) == 50

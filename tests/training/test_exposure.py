"""Outliers to learn from are what the network would see of them, and no measured source is used."""

from pathlib import Path

import numpy as np
import pytest

from service.errors import NothingDrawn
from service.images.digit.preprocessing import prepare
from training import exposure
from training.data import Mnist
from training.exposure import exposures, kinds
from training.fonts import FOLDER, installed_fonts, learned_font
from training.outliers import DIGIT_LIKE


@pytest.fixture
def digits(few: Mnist) -> tuple[np.ndarray, np.ndarray]:
    """Training digits to compose outliers of."""
    return few.train_images, few.train_labels


def test_the_same_seed_gives_the_same_outliers(digits: tuple[np.ndarray, np.ndarray]) -> None:
    """The images and their kinds depend on the seed alone, and another seed changes them."""
    first, again, other = (
        exposures(40, *digits, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert first[0].shape == (40, 28, 28)
    assert first[0].dtype == np.uint8
    assert first[0].max(axis=(1, 2)).min() > 0
    assert not np.array_equal(first[0], other[0])


def test_every_kind_can_be_drawn(digits: tuple[np.ndarray, np.ndarray]) -> None:
    """Each kind yields images in which the service finds something, or arrays of 28 × 28."""
    rng = np.random.default_rng(3)
    for name, (share, draw) in kinds(*digits).items():
        assert share > 0
        images = [draw(rng) for _ in range(20)]
        assert all(image.dtype == np.uint8 and image.ndim == 2 for image in images), name
        if name == "noise":
            assert {image.shape for image in images} == {(28, 28)}
            continue
        found = 0
        for image in images:
            try:
                found += prepare(image).digit.any()
            except NothingDrawn:
                continue
        assert found >= 10, name


def test_no_learned_glyph_looks_like_a_digit_or_comes_from_a_measured_font() -> None:
    """Letters such as O, l and S are left out, and the fonts are not those that measure."""
    measured = {Path(font).name for font in installed_fonts() if font}
    glyphs = exposure._glyphs()

    assert len(glyphs) > 800
    assert not {character for character, _ in glyphs} & set(DIGIT_LIKE + "0123456789")
    assert not {Path(font).name for _, font in glyphs} & measured
    assert not any(Path(font).is_relative_to(FOLDER) for _, font in glyphs)
    assert Path(learned_font("cmr10")).exists()

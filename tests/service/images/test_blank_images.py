"""Preprocessing raises NothingDrawn for an image without a digit."""

import numpy as np
import pytest

from service.errors import NothingDrawn
from service.images.decode import decode
from service.images.digit.preprocessing import prepare
from training import renderings


@pytest.mark.parametrize("size", [(28, 28), (280, 280), (600, 600), (1, 1), (1, 50), (5, 700)])
@pytest.mark.parametrize("tone", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("mode", ["auto", "mnist"])
def test_a_uniform_image_is_blank(size, tone, mode):
    """An image of one tone, from black to white, holds no digit at any size."""
    with pytest.raises(NothingDrawn, match="draw one digit"):
        prepare(np.full(size, tone, np.uint8), mode)


@pytest.mark.parametrize("size", [(28, 28), (280, 280), (600, 600), (2000, 1500)])
@pytest.mark.parametrize("background", [0, 255])
def test_one_pixel_is_not_a_digit(size, background):
    """A single pixel of another tone, anywhere, is not a digit."""
    for row, column in ((0, 0), (size[0] // 2, size[1] // 2), (size[0] - 1, 3)):
        image = np.full(size, background, np.uint8)
        image[row, column] = 255 - background
        with pytest.raises(NothingDrawn):
            prepare(image)


@pytest.mark.parametrize("size", [(28, 28), (280, 280), (600, 600)])
def test_noise_is_not_a_digit(size):
    """Uniform and normal noise are not digits."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        for noise in (rng.integers(0, 256, size), np.clip(rng.normal(128, 25, size), 0, 255)):
            with pytest.raises(NothingDrawn):
                prepare(noise.astype(np.uint8))


def test_a_photo_of_blank_paper_is_not_a_digit():
    """Uneven light, texture and JPEG artefacts are not foreground."""
    for seed in range(15):
        rng = np.random.default_rng(seed)
        photo = renderings.photographed(np.full((280, 280), 255, np.uint8), rng)
        with pytest.raises(NothingDrawn):
            prepare(decode(renderings.encode(photo, "JPEG", "RGB", quality=30), 10_000_000))

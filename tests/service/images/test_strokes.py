"""Resampling keeps tones and places; strokes get the width of MNIST's, by exact steps."""

import numpy as np
import pytest

from service.images.digit.strokes import LONGER, normalise_strokes, resample


@pytest.mark.parametrize("shape", [(10, 8), (20, 20), (77, 50), (200, 160)])
def test_an_even_tone_stays_when_it_is_resampled(shape):
    """Larger or smaller, the pixels that do not touch the edge keep their tone."""
    resampled = resample(np.full(shape, 200, np.float32), 40)
    assert max(resampled.shape) == 40
    np.testing.assert_allclose(resampled[3:-3, 3:-3], 200, rtol=1e-5)


def test_the_middle_stays_the_middle():
    """A symmetric image is symmetric after it was resampled."""
    image = np.zeros((31, 25), np.float32)
    image[10:21, 8:17] = 255
    resampled = resample(image, 13)
    np.testing.assert_allclose(resampled, resampled[::-1, ::-1], atol=1e-3)


def stroke_width(image):
    """Return twice the area by the length of the outline (Cauchy–Crofton), in MNIST's pixels."""
    padded = np.pad(image / 255, 1)
    crossings = sum(np.abs(np.diff(padded, axis=axis)).sum() for axis in (0, 1))
    return 2 * padded.sum() / (np.pi / 4 * crossings) * LONGER / max(image.shape)


@pytest.mark.parametrize(
    ("thickness", "expected"),
    [(4, 1.7), (6, 1.7), (10, 1.7), (14, 1.7), (30, 3.2), (34, 3.2), (38, 3.2)],
)
def test_thin_and_bold_strokes_get_the_width_of_mnists(thickness, expected):
    """A thin bar is dilated to 1.7 pixels of MNIST, a bold one is eroded to 3.2."""
    bar = np.full((200, thickness), 255, np.float32)
    changed, factor = normalise_strokes(bar)
    assert stroke_width(changed) == pytest.approx(expected, abs=0.2)
    assert (factor > 1) == (expected == 1.7)


def test_strokes_as_wide_as_mnists_are_not_changed():
    """Between both widths the digit stays as it is."""
    bar = np.full((200, 24), 255, np.float32)
    changed, factor = normalise_strokes(bar)
    assert (changed == bar).all()
    assert factor == 1

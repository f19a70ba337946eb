"""A local background follows the edges of shadows, and only strokes stand out from it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.foreground import find_foreground
from service.images.digit.local import LocalBackground, window_of

STROKES = (slice(40, 160), slice(60, 70)), (slice(40, 160), slice(140, 150))  # left, right


def in_shadow(*, negative: bool = False) -> NDArray[np.uint8]:
    """Draw two strokes, the left one in a shadow that halves all tones; uint8 (200, 200)."""
    image = np.full((200, 200), 220.0)
    for stroke in STROKES:
        image[stroke] = 40
    image[:, :100] *= 0.5
    image += np.random.default_rng(0).normal(0, 2, image.shape)
    picture = np.rint(image).astype(np.uint8)
    return 255 - picture if negative else picture


def test_strokes_in_light_and_in_shadow_are_equally_dark():
    """Contrast is relative to the light: both strokes get full intensity, the edge none."""
    image = in_shadow()
    foreground = LocalBackground.of(find_foreground(image), inverted=True).separate()

    drawn = np.zeros(image.shape, bool)
    for stroke in STROKES:
        drawn[stroke] = True
        assert foreground.certain[stroke].mean() > 0.95
        assert np.median(foreground.intensity[stroke]) > 235
    assert not foreground.certain[~drawn].any()
    assert foreground.possible[:, 90:110].mean() < 0.01


def test_the_polarity_is_the_callers_choice():
    """White strokes are separated from a dark background that is lighter on one side."""
    image = in_shadow(negative=True)
    foreground = LocalBackground.of(find_foreground(image), inverted=False).separate()

    assert not foreground.inverted
    assert all(foreground.certain[stroke].mean() > 0.95 for stroke in STROKES)
    assert foreground.certain.sum() < 1.1 * sum(image[stroke].size for stroke in STROKES)


def test_only_the_region_has_foreground():
    """Outside the region that the caller names there is no foreground, however dark."""
    image = in_shadow()
    region = np.zeros(image.shape, bool)
    region[:, 100:] = True
    foreground = LocalBackground.of(find_foreground(image), inverted=True).separate(region)

    assert foreground.certain[STROKES[1]].mean() > 0.95
    assert not foreground.possible[:, :100].any()
    assert not foreground.intensity[:, :100].any()


@pytest.mark.parametrize("tone", [60, 128, 220])
@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_noise_is_no_stroke(tone, sigma):
    """An even image of noise has no foreground in either polarity."""
    noise = np.random.default_rng(1).normal(tone, sigma, (200, 200))
    first = replace(find_foreground(in_shadow()), grey=np.rint(noise).astype(np.uint8))
    for inverted in (True, False):
        with pytest.raises(NothingDrawn):
            LocalBackground.of(first, inverted).separate()


def test_the_window_is_wider_than_a_stroke_and_never_below_3_pixels():
    """It grows with the shorter side; a tiny image gets the smallest window."""
    assert window_of((280, 280)) == window_of((280, 900)) == window_of((900, 280))
    assert window_of((560, 560)) == pytest.approx(2 * window_of((280, 280)), abs=1)
    assert window_of((2, 2)) == 3

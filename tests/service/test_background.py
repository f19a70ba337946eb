"""The background's polarity and tone, on a coarse grid of cells."""

import numpy as np
import pytest

from service.images.digit.background import find_background


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (200, 40), (90, 240)])
def test_background_of_one_tone_keeps_exactly_that_tone(paper, ink):
    """A drawing's paper is not estimated from its ink: one tone in most cells is the paper's."""
    cells = np.full((28, 32), paper, np.float32)
    cells[6:22, 14:17] = ink
    cells[6:22, 13] = (paper + ink) / 2  # the stroke's edge lies within these cells
    inverted, light = find_background(cells)
    assert inverted == (ink < paper)
    assert light.min() == light.max() == paper


def test_uneven_light_is_followed():
    """The tone under the ink is that of the paper around it."""
    paper = np.linspace(120, 240, 32, dtype=np.float32) * np.ones((28, 1), np.float32)
    cells = paper.copy()
    cells[6:22, 14:17] = 20
    inverted, light = find_background(cells)
    assert inverted
    assert np.abs(light - paper).max() < 3

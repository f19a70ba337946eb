"""Decide which components of a foreground are strokes rather than specks. Does not know digits."""

import numpy as np
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.components import Components, find_components
from service.images.digit.foreground import NOTHING_DRAWN, Foreground

_MIN_SIDE = 6  # pixels: longer side of the smallest digit
_MIN_SOLIDITY = 0.6  # of a stroke at the image's edge, as a share of the largest stroke's
_MIN_STROKE_SHARE = 0.3  # of the foreground's area that strokes must have; the rest is specks
_MAX_STROKES = 100  # components: more are texture
_SPECK = 0.05  # share of the largest component's area, below which a component is a speck


def find_strokes(foreground: Foreground) -> tuple[Components, NDArray[np.bool_]]:
    """Label the foreground's components and decide which are strokes rather than specks.

    Returns:
        The components, and bool (count,), true for strokes; at least one is.

    Raises:
        NothingDrawn: there are only specks, or so many similar components that they are texture.
    """
    components = find_components(foreground.possible)
    certain = components.count(foreground.certain)
    longer = np.maximum(components.bottom - components.top, components.right - components.left)
    area = np.where(certain > 0, components.area, 0)
    is_stroke = area > _SPECK * area.max(initial=0)
    at_edge = components.at_edge(foreground.margins)
    if at_edge.any() and is_stroke.any():
        solidity = certain / components.area
        # a dark corner of a photo is mostly shade, with few certain pixels
        is_stroke &= ~at_edge | (solidity > _MIN_SOLIDITY * solidity[np.argmax(certain)])
    is_texture = (
        np.count_nonzero(is_stroke) > _MAX_STROKES
        or area[is_stroke].sum() < _MIN_STROKE_SHARE * area.sum()
    )
    if is_texture or not (is_stroke & (longer >= _MIN_SIDE)).any():
        raise NothingDrawn(NOTHING_DRAWN)
    return components, is_stroke

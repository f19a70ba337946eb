"""Recognise the frame around a digit, separate or touched by the digit."""

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import Components
from service.images.digit.morphology import fill, widen

_BANDS = 5  # of a frame's shorter side, in the outermost of which it lies
_ALONG = 0.8  # share of a side of its box
_SIDE = 0.25  # of a frame's side, for the side of the smallest stroke within
_FILL = 0.84  # share of its box that a frame encloses; a 0 encloses less
_HOLLOW = 0.5  # share of what it encloses that a frame leaves free


def find_frames(components: Components, is_stroke: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which strokes are frames, or parts of frames, around another one, bool (count,)."""
    is_frame = np.zeros(len(is_stroke), np.bool_)
    strokes = np.flatnonzero(is_stroke)
    height, width = components.bottom - components.top, components.right - components.left
    for outer in strokes:
        inside = strokes[
            (components.top[strokes] >= components.top[outer])
            & (components.bottom[strokes] <= components.bottom[outer])
            & (components.left[strokes] >= components.left[outer])
            & (components.right[strokes] <= components.right[outer])
            & (strokes != outer)
        ]
        sides = np.maximum(height[inside] / height[outer], width[inside] / width[outer])
        is_frame[outer] = bool((sides > _SIDE).any()) and _is_box(components, int(outer))
    return is_frame


def _is_box(components: Components, index: int) -> bool:
    """Return whether a component lies along neighbouring sides of its box, and nowhere inside."""
    rows = slice(components.top[index], components.bottom[index])
    columns = slice(components.left[index], components.right[index])
    part = components.labels[rows, columns] == index
    height, width = part.shape
    band = max(min(part.shape) // _BANDS, 1)
    if part[band : height - band, band : width - band].any():
        return False
    across = sum(np.count_nonzero(part[side].any(axis=0)) > _ALONG * width for side in ends(band))
    upright = sum(
        np.count_nonzero(part[:, side].any(axis=1)) > _ALONG * height for side in ends(band)
    )
    return bool(across > 0 and upright > 0)


def touching_frame(components: Components, index: int) -> NDArray[np.bool_] | None:
    """Return the frame that a component consists of together with what is drawn in it.

    The frame is what lies along the outline of the component, as thick as it is in the middle of
    its sides.

    Args:
        components: of the image.
        index: of the component.

    Returns:
        bool (h, w) of the mask's shape; None where the component is not such a frame.
    """
    rows = slice(components.top[index], components.bottom[index])
    columns = slice(components.left[index], components.right[index])
    part = components.labels[rows, columns] == index
    enclosed = fill(part)
    if enclosed.mean() < _FILL or part.sum() > _HOLLOW * enclosed.sum():
        return None
    outside = np.pad(~enclosed, 1, constant_values=True)
    frame = part & widen(outside, _thickness(part) + 1)[1:-1, 1:-1]
    down, right = np.nonzero(part & ~frame)
    if not len(down):
        return None
    shares = np.ptp(down) / part.shape[0], np.ptp(right) / part.shape[1]
    if max(shares) < _SIDE or min(shares) > _ALONG:
        return None  # a part of an outline, or a grid
    mask = np.zeros_like(components.mask)
    mask[rows, columns] = frame
    return mask


def _thickness(part: NDArray[np.bool_]) -> int:
    """Return how thick a component, bool (h, w), is in the middle of the sides of its box."""
    lengths = []
    for turned in (np.rot90(part, quarter) for quarter in range(4)):
        middle = turned[:, turned.shape[1] // 4 : -(turned.shape[1] // 4)]
        first = middle.argmax(axis=0)
        beyond = np.arange(len(middle))[:, np.newaxis] > first
        lengths.append((~middle & beyond).argmax(axis=0) - first)
    return int(np.median(np.concatenate(lengths)))


def ends(band: int) -> tuple[slice, slice]:
    """Return the first and the last `band` rows or columns."""
    return slice(band), slice(-band, None)

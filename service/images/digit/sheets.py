"""Find sheets of paper in a mask. Does not know tones, digits or thresholds."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import Components, find_components
from service.images.digit.morphology import close_gaps, fill, shrink, wide_parts

MIN_SHEET, _MAX_SHEET = 0.08, 0.93  # shares of the image
_TEXTURE = 3  # windows: narrower parts are a desk's texture
_MARGIN = 8  # windows a margin: the edge of a sheet is not searched
_MIN_RECTANGULARITY = 0.86  # of a sheet, photographed at an angle
_MIN_CONVEXITY = 0.97  # of a sheet that the image's edge cuts
_ANGLES = np.deg2rad(np.arange(-45, 45, 3.0))
_ALL_ROUND = np.deg2rad(np.arange(0, 360, 6.0))


def find_sheets(paper: NDArray[np.bool_], window: int) -> Iterator[NDArray[np.bool_]]:
    """Yield the masks, bool (H, W), of sheets without their edges.

    Args:
        paper: bool (H, W), what has one tone; strokes on a sheet are gaps in it.
        window: pixels, wider than a stroke.
    """
    # not closed: closing with a square window gives a bold digit corners
    parts = find_components(wide_parts(paper, max(window // _TEXTURE, 3)))
    is_possible = (parts.area > MIN_SHEET * paper.size) & (parts.area < _MAX_SHEET * paper.size)
    for part in np.flatnonzero(is_possible):
        sheet = fill(parts.labels == part)
        reaches_edge = 0 in (parts.top[part], parts.left[part])
        reaches_edge |= parts.bottom[part] == len(paper) or parts.right[part] == paper.shape[1]
        if rectangularity(sheet) > _MIN_RECTANGULARITY or (
            reaches_edge and convexity(sheet) > _MIN_CONVEXITY
        ):
            yield shrink(sheet, max(window // _MARGIN, 3))


def solid_parts(paper: NDArray[np.bool_], window: int) -> Components:
    """Return the wide parts of a mask, with the gaps closed that strokes leave.

    Args:
        paper: bool (H, W).
        window: pixels, wider than a stroke.
    """
    solid = wide_parts(paper, max(window // _TEXTURE, 3))
    return find_components(wide_parts(close_gaps(solid, window), window))


def rectangularity(mask: NDArray[np.bool_]) -> float:
    """Return the share of the smallest rectangle around a mask, bool (H, W), that it fills."""
    rows, columns = _outline(mask)
    cosine, sine = np.cos(_ANGLES)[:, np.newaxis], np.sin(_ANGLES)[:, np.newaxis]
    heights = np.ptp(cosine * rows + sine * columns, axis=1) + 1
    widths = np.ptp(cosine * columns - sine * rows, axis=1) + 1
    return float(np.count_nonzero(mask) / (heights * widths).min())


def convexity(mask: NDArray[np.bool_]) -> float:
    """Return the share of its convex hull that a mask, bool (H, W), fills; about 1 if convex."""
    rows, columns = _outline(mask)
    directions = np.cos(_ALL_ROUND)[:, np.newaxis] * rows
    directions += np.sin(_ALL_ROUND)[:, np.newaxis] * columns
    corners = directions.argmax(axis=1)
    y, x = rows[corners].astype(np.float64), columns[corners].astype(np.float64)
    area = abs(float(y @ np.roll(x, 1) - x @ np.roll(y, 1))) / 2
    return float(np.count_nonzero(mask) / max(area, 1))


def _outline(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column, int64 (n,) each, of the first and last pixel of each row."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    return np.concatenate((rows, rows)), np.concatenate((first, last))

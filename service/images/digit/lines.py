"""Decide which straight strokes are lines; remove them without cutting strokes that cross them.

A line ends at the image's edges or at other lines, or is longer than the strokes beside it. Does
not know digits or thresholds.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import find_components
from service.images.digit.straight import Lines, paint, straight_strokes

Edges: TypeAlias = tuple[bool, bool, bool, bool]

_NEAR_EDGE = 0.025  # share of the longer side
_CORNER = 0.05  # of a line's length: the gap or the overhang where two lines meet
_MIN_CONTENT = 0.25  # share of the cells' height that the content between lines has
_MIN_CROSSINGS = 3  # of a lattice's line; a digit's strokes cross fewer
_PARALLEL = 0.05  # difference of slopes
_MIN_SIDE = 6  # pixels: longer side of the smallest digit
_SOLID = 0.72  # share of a part of a line that is not a gap; else it is a row of bars
_WHOLE = 0.85  # share of such a line that is not a gap; else it is a row of bars
_LONGER = 1.3  # than any other stroke that a line that ends freely must be


def find_lines(mask: NDArray[np.bool_], edges: Edges = (True, True, True, True)) -> Lines:
    """Find the lines of a mask: of boxes, tables, grids, ruled paper, and underlines.

    A digit's own strokes are no lines, such as the stem of a 1 and the bars of 7, 5, 4 and 2: of
    what is left without the lines, some part must be large enough for a digit.

    Args:
        mask: bool (H, W).
        edges: whether the mask's top, left, bottom and right side are the image's; lines end there.
    """
    strokes = straight_strokes(mask)
    if not len(strokes):
        return strokes
    is_line = _is_anchored(strokes, edges) | _is_in_lattice(strokes)
    if is_line.any():
        is_line |= _is_alike(strokes, is_line, edges)
        if not _leaves_content(mask, strokes.only(is_line)):
            is_line[:] = False
    if not is_line.all():
        rest = without_lines(mask, strokes.only(is_line))
        is_line[~is_line] = _is_longer(rest, strokes.only(~is_line))
    return strokes.only(is_line)


def _is_anchored(strokes: Lines, edges: Edges) -> NDArray[np.bool_]:
    """Return which strokes end at the image's edges or at other such strokes, bool (n,)."""
    at_start, at_end = _at_edge(strokes, 0, edges), _at_edge(strokes, 1, edges)
    meets, place = _meetings(strokes), _crossings(strokes)
    gap = (_CORNER * strokes.length + 3 + strokes.thickness)[:, np.newaxis]
    starts = meets & (np.abs(place - strokes.start[:, np.newaxis]) <= gap)
    ends = meets & (np.abs(place - strokes.end[:, np.newaxis]) <= gap)
    anchored = np.ones(len(strokes), np.bool_)
    while True:
        before = np.count_nonzero(anchored)
        anchored &= at_start | (starts & anchored).any(axis=1)
        anchored &= at_end | (ends & anchored).any(axis=1)
        if np.count_nonzero(anchored) == before:
            return anchored


def _is_in_lattice(strokes: Lines) -> NDArray[np.bool_]:
    """Return which strokes cross several others that do so too, bool (n,): not all ends count."""
    meets = _meetings(strokes)
    inside = np.ones(len(strokes), np.bool_)
    while True:
        before = np.count_nonzero(inside)
        inside &= np.count_nonzero(meets & inside, axis=1) >= _MIN_CROSSINGS
        if np.count_nonzero(inside) == before:
            return inside


def _at_edge(strokes: Lines, share: int, edges: Edges) -> NDArray[np.bool_]:
    """Return which strokes start (share 0) or end (share 1) at an edge of the image, bool (n,)."""
    near = _NEAR_EDGE * max(strokes.shape) + 2
    height, width = strokes.shape
    top, left, bottom, right = edges
    row, is_flat = strokes.row_at(share), strokes.horizontal
    at_first = (row <= near) & np.where(is_flat, top, left)
    at_last = (row >= np.where(is_flat, height, width) - 1 - near) & np.where(
        is_flat, bottom, right
    )
    if share == 0:
        at_tip = (strokes.start <= near) & np.where(is_flat, left, top)
    else:
        ahead = np.where(is_flat, width, height) - strokes.end
        at_tip = (ahead <= near) & np.where(is_flat, right, bottom)
    return np.asarray(at_first | at_last | at_tip)


def _crossings(strokes: Lines) -> NDArray[np.float32]:
    """Return at which column of each stroke a stroke across it passes, float32 (n, n)."""
    slope = (strokes.row_at(1) - strokes.row_at(0)) / strokes.length
    middle = (strokes.start + strokes.end) / 2
    row = strokes.row_at(0.5)
    # stroke j has the row r at the column c: r = row_j + slope_j (c - middle_j); c is row_i
    return np.asarray(row + slope * (row[:, np.newaxis] - middle), np.float32)


def _meetings(strokes: Lines) -> NDArray[np.bool_]:
    """Return which strokes meet or cross at a right angle, bool (n, n)."""
    gap = _CORNER * strokes.length + 3 + strokes.thickness
    place = _crossings(strokes)
    reaches = (place >= (strokes.start - gap)[:, np.newaxis]) & (
        place <= (strokes.end + gap)[:, np.newaxis]
    )
    is_crossing = strokes.horizontal[:, np.newaxis] != strokes.horizontal
    return np.asarray(reaches & reaches.T & is_crossing)


def _is_alike(strokes: Lines, is_line: NDArray[np.bool_], edges: Edges) -> NDArray[np.bool_]:
    """Return which strokes are parts of lines that a digit interrupts, bool (n,).

    They cross two lines, or start at the image's edge, parallel to lines, and are as thin.
    """
    slope = (strokes.row_at(1) - strokes.row_at(0)) / strokes.length
    thickest = 1.5 * float(np.median(strokes.thickness[is_line])) + 1
    is_thin = (strokes.thickness <= thickest) & (strokes.filled >= _SOLID)
    crossings = np.count_nonzero(_meetings(strokes)[:, is_line], axis=1)
    at_edge = _at_edge(strokes, 0, edges) | _at_edge(strokes, 1, edges)
    alike = np.zeros(len(strokes), np.bool_)
    for is_horizontal in (True, False):
        slopes = slope[is_line & (strokes.horizontal == is_horizontal)]
        if len(slopes):
            is_parallel = np.abs(slope - np.median(slopes)) < _PARALLEL
            alike |= at_edge & is_parallel & (strokes.horizontal == is_horizontal)
    return np.asarray(is_thin & (alike | (crossings >= 2)))


def _leaves_content(mask: NDArray[np.bool_], lines: Lines) -> bool:
    """Return whether a part of the mask without the lines is large enough for a digit."""
    rest = find_components(without_lines(mask, lines))
    height, width = rest.bottom - rest.top, rest.right - rest.left
    space = min(_spacing(lines, True), _spacing(lines, False))
    is_digit = (height >= _MIN_CONTENT * space) & (np.maximum(height, width) >= _MIN_SIDE)
    return bool(is_digit.any())


def _spacing(lines: Lines, horizontal: bool) -> float:
    """Return the median distance of neighbouring parallel lines, or the image's side."""
    side = lines.shape[0] if horizontal else lines.shape[1]
    gaps = np.diff(np.sort(lines.row_at(0.5)[lines.horizontal == horizontal]))
    gaps = gaps[gaps >= _MIN_SIDE]
    return float(np.median(gaps)) if len(gaps) else float(side)


def _is_longer(mask: NDArray[np.bool_], strokes: Lines) -> NDArray[np.bool_]:
    """Return which strokes are longer than every other part of the mask, bool (n,)."""
    rest = find_components(without_lines(mask, strokes))
    if not len(rest.area):
        return np.zeros(len(strokes), np.bool_)
    height, width = rest.bottom - rest.top, rest.right - rest.left
    largest = int(np.argmax(np.maximum(height, width)))
    along = np.where(strokes.horizontal, width[largest], height[largest])
    is_beside_digit = along >= _MIN_CONTENT * strokes.length
    longest = max(int(height[largest]), int(width[largest]))
    is_whole = strokes.filled >= _WHOLE
    # the bar of a 7 and the base of a 2 reach beyond the rest of the digit on one side
    low = np.where(strokes.horizontal, rest.left[largest], rest.top[largest])
    high = np.where(strokes.horizontal, rest.right[largest], rest.bottom[largest])
    is_beyond = (strokes.start < low) & (strokes.end > high)
    return np.asarray(is_beside_digit & is_beyond & is_whole & (strokes.length > _LONGER * longest))


def without_lines(mask: NDArray[np.bool_], lines: Lines) -> NDArray[np.bool_]:
    """Remove lines from a mask, and keep the strokes that cross them.

    A line's pixels are kept where strokes reach the line on both sides of it.

    Args:
        mask: bool (H, W).
        lines: of that mask.

    Returns:
        bool (H, W)
    """
    beside = mask & ~lines.area
    crossed = np.zeros_like(mask)
    for is_horizontal in (True, False):
        sides = (beside, crossed) if is_horizontal else (beside.T, crossed.T)
        _mark_crossed(*sides, *lines.extents(is_horizontal))
    crossed &= mask
    return beside | crossed


def _mark_crossed(
    beside: NDArray[np.bool_],
    crossed: NDArray[np.bool_],
    along: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> None:
    """Mark where horizontal lines are crossed: there are strokes above and below.

    Args:
        beside: bool (H, W), the mask without lines.
        crossed: bool (H, W), receives the marks.
        along: see `Lines.extents`, as `first` and `last`.
        first: see `along`.
        last: see `along`.
    """
    if not len(along):
        return
    height = len(beside)
    reach = int((last - first).max()) // 2 + 1  # a slanted stroke is displaced from side to side
    sides = []
    for start, step in ((first, -1), (last, 1)):
        near, far = start + step, start + 2 * step
        touches = beside[np.clip(near, 0, height - 1), along]
        touches = touches | beside[np.clip(far, 0, height - 1), along]
        sides.append(_widened(touches, along, reach))
    chosen = sides[0] & sides[1]
    paint(crossed, along[chosen], first[chosen], last[chosen])


def _widened(touches: NDArray[np.bool_], along: NDArray[np.int64], reach: int) -> NDArray[np.bool_]:
    """Widen stretches of true columns by `reach` at both ends, within each line."""
    wide = touches.copy()
    for step in range(1, reach + 1):
        follows = along[step:] - along[:-step] == step  # else the next line began in between
        wide[step:] |= touches[:-step] & follows
        wide[:-step] |= touches[step:] & follows
    return wide

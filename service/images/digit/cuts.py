"""Cut a component where it may consist of touching digits. Does not know the model.

A cut is a path from the top to the bottom that crosses as little ink as possible. Several cuts are
returned: which of them separate digits is for the model to decide.
"""

import numpy as np
from numpy.typing import NDArray

from service.images.digit.strokes import resample

_ROWS = 40  # pixels: height at which cuts are searched
_INK = np.float32(1.0)  # cost of a pixel of ink, and of background: short paths are preferred
_FREE = np.float32(0.06)
_ASIDE = np.float32(0.05)  # cost of a step to the side
_MAX_COST = 0.55  # of a cut, as a share of the height
_MIN_WIDTH = 0.12  # share of the height between two cuts, and between a cut and a side


def find_cuts(mask: NDArray[np.bool_], count: int) -> list[NDArray[np.int64]]:
    """Return the best cuts from left to right.

    Args:
        mask: bool (h, w), cropped to the component.
        count: how many cuts at most.

    Returns:
        For each, int64 (h,): the first column on its right, in each row. Cuts do not cross.
    """
    height, width = mask.shape
    small = _reduced(mask)
    cost = np.where(small, _INK, _FREE)
    down, from_above = _paths(cost)
    up, from_below = _paths(cost[::-1])
    middle = len(small) // 2
    total = (down + up[::-1] - cost)[middle]  # of the best path through each pixel of that row
    apart = _MIN_WIDTH * len(small)
    cuts: list[NDArray[np.int64]] = []
    for column in np.argsort(total, kind="stable").tolist():
        if len(cuts) == count or total[column] > _MAX_COST * len(small):
            break
        path = _trace(from_above, from_below, middle, column)
        is_inside = apart < path.mean() < small.shape[1] - apart
        if is_inside and all(np.abs(path - other).mean() > apart for other in cuts):
            cuts.append(path)
    cuts.sort(key=lambda path: float(path.mean()))
    at = (np.arange(height) + 0.5) * len(small) / height - 0.5
    scaled = [
        np.rint((np.interp(at, np.arange(len(small)), path) + 0.5) * width / small.shape[1])
        for path in cuts
    ]
    ordered = np.maximum.accumulate(np.array(scaled).reshape(-1, height), axis=0)
    return list(ordered.astype(np.int64))


def _reduced(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Resample to 40 rows, or to 40 columns where the mask is narrow."""
    longer = round(_ROWS * max(mask.shape) / mask.shape[0])
    return resample(mask.astype(np.float32), longer) > 0.4


def _paths(
    cost: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the cost of the cheapest path from the top to each pixel, and its last step aside."""
    total = cost.copy()
    aside = np.zeros(cost.shape, np.int64)
    far = np.float32(1e9)
    for row in range(1, len(cost)):
        above = total[row - 1]
        left = np.concatenate(([far], above[:-1])) + _ASIDE
        right = np.concatenate((above[1:], [far])) + _ASIDE
        best = np.minimum(above, np.minimum(left, right))
        aside[row] = np.where(best == above, 0, np.where(best == left, -1, 1))
        total[row] += best
    return total, aside


def _trace(
    from_above: NDArray[np.int64], from_below: NDArray[np.int64], middle: int, column: int
) -> NDArray[np.int64]:
    """Return the columns of the best path through a pixel, int64 (rows,)."""
    rows = len(from_above)
    path = np.empty(rows, np.int64)
    path[middle] = column
    for row in range(middle, 0, -1):
        path[row - 1] = path[row] + from_above[row, path[row]]
    for row in range(middle, rows - 1):
        path[row + 1] = path[row] + from_below[rows - 1 - row, path[row]]
    return path

"""Connected regions of a mask, in NumPy alone. Knows nothing of ink or digits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Components:
    """The 8-connected regions of a mask, numbered 0 to count − 1, by first row.

    Attributes:
        labels: int32 (H, W); the region's number, −1 outside every region.
        area: int64 (count,), pixels.
        top, left, bottom, right: int64 (count,), pixels; bottom and right exclusive.
    """

    labels: NDArray[np.int32]
    area: NDArray[np.int64]
    top: NDArray[np.int64]
    left: NDArray[np.int64]
    bottom: NDArray[np.int64]
    right: NDArray[np.int64]

    def mask_of(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The pixels, bool (H, W), of the regions chosen by bool (count,)."""
        return np.append(chosen, False).take(self.labels)  # label −1 finds the last entry


def find_components(mask: NDArray[np.bool_]) -> Components:
    """Label the 8-connected regions of a mask.

    Works on runs (stretches of true pixels in one row), of which there are far fewer than pixels.

    Args:
        mask: bool (H, W).

    Returns:
        The regions; none where the mask is empty.
    """
    height, width = mask.shape
    # one false column between rows, so that no run crosses from a row to the next
    separated = np.zeros((height, width + 1), np.bool_)
    separated[:, :width] = mask
    flat = separated.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat[0]:
        edges = np.insert(edges, 0, 0)
    start, end = edges[::2], edges[1::2]  # positions in the flat array, end exclusive
    names, number = np.unique(_merge(start, end, width + 1), return_inverse=True)
    # what lies between two edges is, in turn, no region and a run
    between = np.full(2 * len(start) + 1, -1, np.int32)
    between[1::2] = number
    labels = np.repeat(between, np.diff(edges, prepend=0, append=len(flat)))
    row, count = start // (width + 1), len(names)
    left, right = start - row * (width + 1), end - row * (width + 1)
    return Components(
        labels=labels.reshape(height, width + 1)[:, :width],
        area=np.bincount(number, end - start, count).astype(np.int64),
        top=_extreme(np.minimum, number, row, count, height),
        left=_extreme(np.minimum, number, left, count, width),
        bottom=_extreme(np.maximum, number, row + 1, count, 0),
        right=_extreme(np.maximum, number, right, count, 0),
    )


def _merge(start: NDArray[np.int64], end: NDArray[np.int64], stride: int) -> NDArray[np.int64]:
    """For each run the lowest index of a run that it is connected to: union-find, all at once."""
    # the runs of the next row that a run touches, diagonals too, follow one another
    first = np.searchsorted(end, start + stride, side="left")
    beyond = np.searchsorted(start, end + stride, side="right")
    touched = np.maximum(beyond - first, 0)
    upper = np.repeat(np.arange(len(start)), touched)
    offsets = np.arange(len(upper)) - np.repeat(np.cumsum(touched) - touched, touched)
    lower = np.repeat(first, touched) + offsets
    root = np.arange(len(start))
    while True:
        low = np.minimum(root[upper], root[lower])
        high = np.maximum(root[upper], root[lower])
        if np.array_equal(low, high):
            return root
        np.minimum.at(root, high, low)
        while not np.array_equal(root, root[root]):  # follow every chain to its end
            root = root[root]


def _extreme(
    ufunc: np.ufunc,
    number: NDArray[np.int64],
    values: NDArray[np.int64],
    count: int,
    initial: int,
) -> NDArray[np.int64]:
    result = np.full(count, initial, np.int64)
    ufunc.at(result, number, values)
    return result

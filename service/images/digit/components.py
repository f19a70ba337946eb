"""Label the connected components of a mask; find its bounding box. Does not know digits."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Components:
    """The 8-connected components of a mask, numbered 0 to count − 1, by first row.

    Attributes:
        mask: bool (H, W), the mask itself.
        edges: int64 (2 × runs,), where each run (a stretch of true pixels in one row) starts and
            ends, end exclusive; counted along rows of W + 1 pixels.
        number: int64 (runs,), the component that each run is a part of.
        area: int64 (count,), pixels.
        top, left, bottom, right: int64 (count,), pixels; bottom and right exclusive.
    """

    mask: NDArray[np.bool_]
    edges: NDArray[np.int64]
    number: NDArray[np.int64]
    area: NDArray[np.int64]
    top: NDArray[np.int64]
    left: NDArray[np.int64]
    bottom: NDArray[np.int64]
    right: NDArray[np.int64]

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """The component's number in each of its pixels, −1 in the background; int32 (H, W)."""
        height, width = self.mask.shape
        # between two edges there is alternately background and a run
        numbers = np.full(len(self.edges) + 1, -1, np.int32)
        numbers[1::2] = self.number
        lengths = np.diff(self.edges, prepend=0, append=height * (width + 1))
        return np.repeat(numbers, lengths).reshape(height, width + 1)[:, :width]

    def mask_of(self, selected: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the pixels, bool (H, W), of the components selected by bool (count,)."""
        if selected.all():
            return self.mask
        return np.append(selected, False).take(self.labels)  # label −1 takes the last entry

    def at_edge(self, margins: tuple[int, int, int, int]) -> NDArray[np.bool_]:
        """Return which components touch an edge of the image, bool (count,).

        Args:
            margins: rows above and below the mask in the image, columns to its left and right.
        """
        height, width = self.mask.shape
        above, below, left, right = margins
        at_edge: NDArray[np.bool_] = (self.top + above == 0) | (self.left + left == 0)
        at_edge |= self.bottom == height + below
        at_edge |= self.right == width + right
        return at_edge

    def count(self, pixels: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the pixels in each component.

        Args:
            pixels: bool (H, W), true only within the components.

        Returns:
            int64 (count,)
        """
        if len(self.area) == 1:
            return np.array([np.count_nonzero(pixels)])
        return np.bincount(self.labels[pixels], minlength=len(self.area))


def bounding_box(pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns of the smallest box around all pixels that are not 0.

    Both are empty where every pixel is 0.

    Args:
        pixels: bool or uint8 (H, W).
    """
    # Pillow stops at the first such pixel from each side
    box = Image.fromarray(pixels.view(np.uint8)).getbbox() or (0, 0, 0, 0)
    return slice(box[1], box[3]), slice(box[0], box[2])


def find_components(mask: NDArray[np.bool_]) -> Components:
    """Label the 8-connected components of a mask.

    Merges runs (stretches of true pixels in one row), of which there are far fewer than pixels.

    Args:
        mask: bool (H, W).

    Returns:
        The components; none where the mask is empty.
    """
    height, width = mask.shape
    # a false column before each row, so that no run crosses from a row to the next
    separated = np.zeros(height * (width + 1) + 1, np.bool_)
    separated[:-1].reshape(height, width + 1)[:, 1:] = mask
    edges = np.flatnonzero(separated[1:] != separated[:-1])
    start, end = edges[::2], edges[1::2]  # positions in the mask with a false column after it
    root = _merge(start, end, width + 1)
    is_root = root == np.arange(len(root))
    number = (np.cumsum(is_root) - 1)[root]
    row, count = start // (width + 1), int(np.count_nonzero(is_root))
    left, right = start - row * (width + 1), end - row * (width + 1)
    return Components(
        mask=mask,
        edges=edges,
        number=number,
        area=np.bincount(number, end - start, count).astype(np.int64),
        top=row[is_root],
        left=_extreme(np.minimum, number, left, count, width),
        bottom=_extreme(np.maximum, number, row + 1, count, 0),
        right=_extreme(np.maximum, number, right, count, 0),
    )


def _merge(start: NDArray[np.int64], end: NDArray[np.int64], stride: int) -> NDArray[np.int64]:
    """Return for each run the lowest index of a connected run: a vectorised union-find."""
    # the runs of the next row that a run touches, diagonals too, follow one another
    first = np.searchsorted(end, start + stride, side="left")
    beyond = np.searchsorted(start, end + stride, side="right")
    touched = np.maximum(beyond - first, 0)
    upper = np.repeat(np.arange(len(start)), touched)
    lower = np.arange(len(upper)) + np.repeat(first - np.cumsum(touched) + touched, touched)
    root = np.arange(len(start))
    root[lower[::-1]] = upper[::-1]  # link to a run above: that connects most digits already
    while True:
        for _ in range(len(root).bit_length()):  # follow every chain to its end
            root = root[root]
        one, other = root[upper], root[lower]
        differ = one != other
        if not differ.any():
            return root
        upper, lower, one, other = upper[differ], lower[differ], one[differ], other[differ]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))


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

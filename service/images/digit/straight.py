"""Find long, thin, straight strokes in a mask that are nearly horizontal or nearly vertical.

They may be skewed, slightly bent, and have gaps. Does not know which of them are lines rather than
a digit's strokes: see `lines`.

A mask is searched in strips a few pixels wide. Where a line crosses a strip, it fills a short run
of the strip's rows; the runs of neighbouring strips at about the same height form a chain, and
chains that continue one another across a gap form a straight stroke.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_STRIPS = 60  # of the longer side, within these limits in pixels a strip
_NARROWEST, _WIDEST = 3, 8
_MAX_THICKNESS = 1 / 14  # of the longer side
_MIN_MAX_THICKNESS = 6  # pixels: also in a small image a line may be so thick
_MAX_SLOPE = 0.25
_MIN_STRIPS = 3  # of a chain
_MAX_CHAINS = 400  # only the longest are joined: joining compares all pairs
_MAX_BEND = 0.008  # root mean square distance from a straight line, as a share of the length
_MAX_GAP = 0.4  # share of the longer side, between parts of a line
_MIN_ASPECT = 7.0  # length divided by thickness
_FILLED = 0.4  # share of a line's length that is not a gap, such as a digit on it
_OUTLINE = 1.0  # pixels on either side of a line that are still its blurred outline


@dataclass(frozen=True)
class Lines:
    """Straight strokes of a mask. A vertical one's "columns" are rows, and its "row" a column.

    Attributes:
        shape: of the mask, (H, W).
        horizontal: bool (n,), whether each is nearly horizontal; otherwise nearly vertical.
        start, end: int64 (n,), its columns; end exclusive.
        thickness: float32 (n,), pixels.
        filled: float32 (n,), the share of its length that is not a gap, such as a digit on it.
        paths: float32 (sum of lengths,), the row of each in each of its columns, one after another.
    """

    shape: tuple[int, int]
    horizontal: NDArray[np.bool_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    thickness: NDArray[np.float32]
    filled: NDArray[np.float32]
    paths: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def length(self) -> NDArray[np.int64]:
        """The length of each, int64 (n,), pixels."""
        return self.end - self.start

    def row_at(self, share: float) -> NDArray[np.float32]:
        """Return the row of each at a share of its length, float32 (n,)."""
        return self.paths[self._offset + ((self.length - 1) * share).astype(np.int64)]

    def path(self, index: int) -> NDArray[np.float32]:
        """Return the row of one line at each column from its start, float32 (length,)."""
        return self.paths[self._offset[index] :][: self.length[index]]

    def only(self, selected: NDArray[np.bool_]) -> "Lines":
        """Return the lines selected by bool (n,)."""
        return Lines(
            self.shape,
            self.horizontal[selected],
            self.start[selected],
            self.end[selected],
            self.thickness[selected],
            self.filled[selected],
            self.paths[np.repeat(selected, self.length)],
        )

    @cached_property
    def area(self) -> NDArray[np.bool_]:
        """The pixels that the lines cover, bool (H, W), whether or not the mask has them."""
        covered = np.zeros(self.shape, np.bool_)
        for is_horizontal in (True, False):
            paint(covered if is_horizontal else covered.T, *self.extents(is_horizontal))
        return covered

    def extents(
        self, horizontal: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return each column of all horizontal (or vertical) lines, and their rows there.

        Returns:
            Column, first row and last row, int64 (pixels,) each; a row may lie outside the mask.
        """
        along = np.arange(len(self.paths)) + np.repeat(self.start - self._offset, self.length)
        half = np.repeat(self.thickness / 2 + np.float32(_OUTLINE), self.length)
        chosen = np.repeat(self.horizontal == horizontal, self.length)
        path, half = self.paths[chosen], half[chosen]
        return along[chosen], np.ceil(path - half).astype(np.int64), (path + half).astype(np.int64)

    @cached_property
    def _offset(self) -> NDArray[np.int64]:
        return np.cumsum(self.length) - self.length


def paint(
    target: NDArray[np.bool_],
    along: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> None:
    """Set rows `first` to `last` of `target` in each of the columns `along`."""
    for offset in range(int((last - first).max(initial=-1)) + 1):
        row = first + offset
        inside = (row <= last) & (row >= 0) & (row < len(target))
        target[row[inside], along[inside]] = True


def straight_strokes(mask: NDArray[np.bool_]) -> Lines:
    """Find every long, thin, straight stroke that is nearly horizontal or nearly vertical.

    Some of them may be strokes of a digit, such as the stem of a 1 or the bar of a 7.

    Args:
        mask: bool (H, W).
    """
    flat, upright = _horizontal(mask), _horizontal(np.ascontiguousarray(mask.T))
    names = ("start", "end", "thickness", "filled", "paths")
    joined = (np.concatenate((getattr(flat, name), getattr(upright, name))) for name in names)
    is_horizontal = np.repeat([True, False], [len(flat), len(upright)])
    return Lines((mask.shape[0], mask.shape[1]), is_horizontal, *joined)


def _horizontal(mask: NDArray[np.bool_]) -> Lines:
    """Find the nearly horizontal straight strokes of a mask."""
    longer = max(mask.shape)
    width = min(max(longer // _STRIPS, _NARROWEST), _WIDEST)
    thickest = max(int(longer * _MAX_THICKNESS), _MIN_MAX_THICKNESS)
    strip, centre, thick = _pieces(mask, width, thickest)
    chain = _chains(strip, centre, 4 * mask.shape[0], _MAX_SLOPE * width + 1)
    group = _join(strip, centre, chain, _MAX_GAP * longer / width)
    order = np.lexsort((thick, group))
    order = order[group[order] >= 0]
    _, number, count = np.unique(group[order], return_inverse=True, return_counts=True)
    first = np.cumsum(count) - count
    thickness = thick[order][first + count * 3 // 4].astype(np.float32)
    strip, centre = strip[order], centre[order]
    start = np.full(len(count), mask.shape[1])
    end = np.zeros(len(count), np.int64)
    np.minimum.at(start, number, strip * width)
    np.maximum.at(end, number, (strip + 1) * width)
    end[end + width > mask.shape[1]] = mask.shape[1]  # the last strip may be incomplete
    filled = (count * width / (end - start)).astype(np.float32)
    is_long = (end - start >= _MIN_ASPECT * thickness) & (filled >= _FILLED)
    kept = is_long[number]
    number = (np.cumsum(is_long) - 1)[number[kept]]
    start, end = start[is_long], end[is_long]
    thickness, filled = thickness[is_long], filled[is_long]
    along = ((strip[kept] + 0.5) * width - 0.5).astype(np.float64)
    paths = _paths(number, along, centre[kept], start, end, thickness)
    shape, is_horizontal = (mask.shape[0], mask.shape[1]), np.ones(len(start), np.bool_)
    return Lines(shape, is_horizontal, start, end, thickness, filled, paths)


def _pieces(
    mask: NDArray[np.bool_], width: int, thickest: int
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Return strip, centre row and thickness of each short run of rows that fill a strip."""
    height, strips = mask.shape[0], mask.shape[1] // width
    # A line's row changes by a pixel within a strip: rows are compared with their neighbours.
    near = mask[:, : strips * width].copy()
    near[1:] |= mask[:-1, : strips * width]
    near[:-1] |= mask[1:, : strips * width]
    count = np.zeros((height, strips), np.uint8)
    for column in range(width):
        count += near[:, column::width]
    filled = np.zeros((strips, height + 2), np.bool_)  # a false row before and after each strip
    filled[:, 1:-1] = (count >= width - (width > 5)).T
    flat = filled.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    start, end = edges[::2], edges[1::2]
    is_thin = end - start <= thickest + 2
    start, end = start[is_thin], end[is_thin]
    strip = start // (height + 2)
    first = start - strip * (height + 2) - 1
    last = end - strip * (height + 2) - 1
    # the comparison made each run a row longer at both ends, except at the mask's edges
    first, last = np.where(first > 0, first + 1, 0), np.where(last < height, last - 1, height)
    return strip, ((first + last - 1) / 2).astype(np.float32), np.maximum(last - first, 1)


def _chains(
    strip: NDArray[np.int64], centre: NDArray[np.float32], stride: int, reach: float
) -> NDArray[np.int64]:
    """Return the chain of each piece, named by its first piece, int64 (pieces,).

    Two pieces of neighbouring strips are linked where each is the other's nearest.
    """
    key = (strip * stride + centre).astype(np.float64)
    after, before = _nearest(key, key + stride, reach), _nearest(key, key - stride, reach)
    index = np.arange(len(key))
    is_mutual = (before >= 0) & (after[before] == index)
    root = np.where(is_mutual, before, index)
    for _ in range(len(key).bit_length()):
        root = root[root]
    return root


def _nearest(
    key: NDArray[np.float64], target: NDArray[np.float64], reach: float
) -> NDArray[np.int64]:
    """Return the index of the ascending key nearest to each target; −1 beyond `reach`."""
    right = np.minimum(np.searchsorted(key, target), len(key) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(key[left] - target) < np.abs(key[right] - target), left, right)
    return np.where(np.abs(key[nearest] - target) <= reach, nearest, -1)


def _join(
    strip: NDArray[np.int64], centre: NDArray[np.float32], chain: NDArray[np.int64], gap: float
) -> NDArray[np.int64]:
    """Join straight chains that continue one another; return each piece's group, −1 for none."""
    _, number, count = np.unique(chain, return_inverse=True, return_counts=True)
    middle, mean, slope, distance = _fit(number, strip, centre, count)
    is_kept = (count >= _MIN_STRIPS) & (distance <= 0.6 + 4 * _MAX_BEND * count)
    if np.count_nonzero(is_kept) > _MAX_CHAINS:
        is_kept &= count > np.sort(count[is_kept])[-_MAX_CHAINS]
    middle, mean, slope = middle[is_kept], mean[is_kept], slope[is_kept]
    length = count[is_kept]
    # (n, n): from the end of one chain, by row, to the start of another, by column
    between = (middle - length / 2) - (middle + length / 2)[:, np.newaxis]
    halfway = ((middle - length / 2) + (middle + length / 2)[:, np.newaxis]) / 2
    ahead = mean[:, np.newaxis] + slope[:, np.newaxis] * (halfway - middle[:, np.newaxis])
    back = mean + slope * (halfway - middle)
    reach = np.minimum(gap, length + length[:, np.newaxis])
    joined = (between > -1.5) & (between <= reach)
    joined &= np.abs(ahead - back) <= 2 + 0.25 * np.maximum(between, 0)
    shorter = np.minimum(length, length[:, np.newaxis])
    joined &= np.abs(slope - slope[:, np.newaxis]) <= 0.8 + 2 / shorter
    group = np.arange(len(length))
    for one, other in np.argwhere(joined):
        group[group == group[other]] = group[one]
    names = np.full(len(count), -1)
    names[is_kept] = group
    return names[number]


def _fit(
    number: NDArray[np.int64],
    strip: NDArray[np.int64],
    centre: NDArray[np.float32],
    count: NDArray[np.int64],
) -> tuple[NDArray[np.float64], ...]:
    """Fit a line to each chain: middle strip, mean row, slope per strip, distance (RMS)."""
    middle, mean = np.bincount(number, strip) / count, np.bincount(number, centre) / count
    along, across = strip - middle[number], centre - mean[number]
    spread = np.bincount(number, along * along)
    slope = np.bincount(number, along * across) / np.maximum(spread, 1)
    distance = np.sqrt(np.bincount(number, (across - slope[number] * along) ** 2) / count)
    return middle, mean, slope, distance


def _paths(
    number: NDArray[np.int64],
    along: NDArray[np.float64],
    row: NDArray[np.float32],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    thickness: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Interpolate each line's rows between its pieces, without outliers; see `Lines.paths`."""
    length = end - start
    if not len(start):
        return np.zeros(0, np.float32)

    def terms(line: NDArray[np.int64], at: NDArray[np.floating]) -> NDArray[np.float64]:
        share = (at - start[line]) / length[line]
        return np.stack((np.ones_like(share), share, share * share), axis=1)

    factors = terms(number, along)  # (pieces, 3)
    products = np.zeros((len(start), 3, 3))
    np.add.at(products, number, factors[:, :, np.newaxis] * factors[:, np.newaxis])
    products += np.diag((0, 1e-3, 1e-1))  # a short line stays straight
    right = np.stack([np.bincount(number, factors[:, k] * row) for k in range(3)], axis=1)
    solved = np.linalg.solve(products, right[:, :, np.newaxis])[:, :, 0]
    fitted = (factors * solved[number]).sum(axis=1)
    is_outlier = np.abs(row - fitted) > 1 + thickness[number] / 2
    row = np.where(is_outlier, fitted, row)
    lines = np.arange(len(start))
    ends = [(terms(lines, at) * solved).sum(axis=1) for at in (start - 1.0, end + 1.0)]
    stride = int(end.max()) + 4  # a column that counts on from line to line
    key = np.concatenate(
        (number * stride + along, lines * stride + start - 1, lines * stride + end + 1)
    )
    order = np.argsort(key)
    offset = np.cumsum(length) - length
    at = np.arange(length.sum()) + np.repeat(lines * stride + start - offset, length)
    rows = np.interp(at, key[order], np.concatenate((row, *ends))[order])
    return np.asarray(rows, np.float32)

"""Several digits in one picture, left to right. Knows nothing of the model.

Digits are told apart by the paper between them. Where two touch there is none: such a segment is
marked, not cut, for a cut in the wrong place makes two wrong digits without anybody knowing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import Components
from service.images.digit.ink import find_ink
from service.images.digit.preprocessing import Prepared, draw_digit, find_strokes

_OVERLAP = 0.5  # share of the narrower of two regions under or over the other: parts of one digit
_GAP = 0.2  # share of the height of both, that the parts of one digit may be apart
_TOO_LOW = 0.35  # share of the highest digit's height, below which a region is punctuation
_WIDE = 1.25  # width by height, beyond nearly every single digit
_NECK = 0.25  # share of the height: ink in the column where two digits touch
_FULL_HEIGHT = 0.75  # share of the height that a digit on either side of the neck has


@dataclass(frozen=True)
class Segment:
    """One digit of several.

    Attributes:
        prepared: the digit as MNIST would have drawn it; `prepared.applied.bounding_box` says where
            it was.
        touching: this looks like two digits or more that touch; its prediction means little.
    """

    prepared: Prepared
    touching: bool


def segment(picture: NDArray[np.uint8]) -> list[Segment]:
    """Find every digit that stands apart.

    Args:
        picture: uint8 (H, W) in 0–255, either polarity.

    Returns:
        At least one segment, ordered by left edge.

    Raises:
        NothingDrawn: there is no digit in the picture.
    """
    ink = find_ink(picture)
    regions, strokes = find_strokes(ink)
    segments = []
    for digit in _group(regions, np.flatnonzero(strokes)):
        mask = regions.mask_of(np.isin(np.arange(len(strokes)), digit))
        prepared = draw_digit(ink, mask)
        segments.append(Segment(prepared, looks_touching(prepared.stages["cropped"] > 0)))
    return segments


def _group(regions: Components, strokes: NDArray[np.int64]) -> list[list[int]]:
    """Regions that make up one digit together, such as the bar and the belly of a 5."""
    groups: list[list[int]] = []
    for region in sorted(strokes.tolist(), key=lambda region: int(regions.left[region])):
        for group in groups:
            if _belong_together(regions, group, region):
                group.append(region)
                break
        else:
            groups.append([region])
    heights = [int(regions.bottom[group].max() - regions.top[group].min()) for group in groups]
    return [
        group
        for group, height in zip(groups, heights, strict=True)
        if height >= _TOO_LOW * max(heights)
    ]


def _belong_together(regions: Components, group: list[int], region: int) -> bool:
    left, right = regions.left[group].min(), regions.right[group].max()
    top, bottom = regions.top[group].min(), regions.bottom[group].max()
    overlap = min(right, regions.right[region]) - max(left, regions.left[region])
    narrower = min(right - left, regions.right[region] - regions.left[region])
    gap = max(top, regions.top[region]) - min(bottom, regions.bottom[region])
    height = max(bottom, regions.bottom[region]) - min(top, regions.top[region])
    return bool(overlap > _OVERLAP * narrower and gap < _GAP * height)


def looks_touching(drawn: NDArray[np.bool_]) -> bool:
    """Whether ink, bool (h, w) cut to its edges, is wide or has a neck between two full heights."""
    height, width = drawn.shape
    if width > _WIDE * height:
        return True
    per_column = drawn.sum(axis=0)
    crossings = np.count_nonzero(np.diff(drawn.astype(np.int8), axis=0, prepend=0) > 0, axis=0)
    necks = np.flatnonzero((per_column <= _NECK * height) & (crossings <= 1))
    for neck in necks[(necks > width / 5) & (necks < width * 4 / 5)]:
        sides = (drawn[:, :neck], drawn[:, neck:])
        if all(_reach(side) >= _FULL_HEIGHT * height for side in sides):
            return True
    return False


def _reach(side: NDArray[np.bool_]) -> int:
    """Rows from the first that has ink to the last."""
    rows = np.flatnonzero(side.any(axis=1))
    return int(rows[-1] - rows[0]) + 1 if len(rows) else 0

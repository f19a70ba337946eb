"""Segment several digits in one image, left to right. Does not know the model.

Digits are separated by the background between them. Where two touch there is none: such a segment
is flagged and not split, because a wrong split would silently give two wrong digits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import Components
from service.images.digit.foreground import find_foreground
from service.images.digit.preprocessing import Prepared, normalise
from service.images.digit.specks import find_strokes
from service.images.digit.surroundings import FoundDigit

_MIN_OVERLAP = 0.5  # horizontal, of the narrower of two components that form one digit
_MAX_GAP = 0.2  # vertical, between components that form one digit, as a share of their height
_MIN_HEIGHT = 0.35  # share of the tallest digit's height; lower components are punctuation
_MAX_ASPECT = 1.25  # width divided by height; nearly every single digit is narrower
_NECK = 0.25  # share of the height that is foreground in the column where two digits touch
_FULL_HEIGHT = 0.75  # share of the height that a digit on either side of the neck has


@dataclass(frozen=True)
class Place:
    """Where a segment is on its page; part of the response.

    Attributes:
        index: in reading order, from 0.
        row: of the page, from 0 at the top.
        column: of a grid, from 0 at the left; None where no grid was asked for.
        is_digit: false for operators, separators and the empty cells of a grid.
        touching: whether it looked as if it touched its neighbour.
    """

    index: int
    row: int
    column: int | None
    is_digit: bool
    touching: bool


@dataclass(frozen=True)
class Segment:
    """One digit of several.

    Attributes:
        prepared: the digit in MNIST's format; `prepared.applied.bounding_box` is its position.
        place: on the page.
    """

    prepared: Prepared
    place: Place


def segment(image: NDArray[np.uint8]) -> list[Segment]:
    """Find and preprocess every digit of an image.

    Args:
        image: uint8 (H, W) in 0–255, either polarity.

    Returns:
        At least one segment, ordered by left edge.

    Raises:
        NothingDrawn: there is no digit in the image.
    """
    foreground = find_foreground(image)
    components, is_stroke = find_strokes(foreground)
    segments = []
    for index, digit in enumerate(_group(components, np.flatnonzero(is_stroke))):
        mask = components.mask_of(np.isin(np.arange(len(is_stroke)), digit))
        prepared = normalise(FoundDigit(foreground, mask))
        touching = looks_touching(prepared.stages["cropped"] > 0)
        segments.append(Segment(prepared, Place(index, 0, None, True, touching)))
    return segments


def _group(components: Components, strokes: NDArray[np.int64]) -> list[list[int]]:
    """Group the components of each digit, such as the bar and the bowl of a 5."""
    groups: list[list[int]] = []
    for stroke in sorted(strokes.tolist(), key=lambda stroke: int(components.left[stroke])):
        for group in groups:
            if _is_same_digit(components, group, stroke):
                group.append(stroke)
                break
        else:
            groups.append([stroke])
    heights = [
        int(components.bottom[group].max() - components.top[group].min()) for group in groups
    ]
    return [
        group
        for group, height in zip(groups, heights, strict=True)
        if height >= _MIN_HEIGHT * max(heights)
    ]


def _is_same_digit(components: Components, group: list[int], stroke: int) -> bool:
    """Return whether a component belongs to the digit of a group: one is above the other."""
    left, right = components.left[group].min(), components.right[group].max()
    top, bottom = components.top[group].min(), components.bottom[group].max()
    overlap = min(right, components.right[stroke]) - max(left, components.left[stroke])
    narrower = min(right - left, components.right[stroke] - components.left[stroke])
    gap = max(top, components.top[stroke]) - min(bottom, components.bottom[stroke])
    height = max(bottom, components.bottom[stroke]) - min(top, components.top[stroke])
    return bool(overlap > _MIN_OVERLAP * narrower and gap < _MAX_GAP * height)


def looks_touching(mask: NDArray[np.bool_]) -> bool:
    """Return whether a digit is wide, or has a narrow neck between two parts of full height.

    Args:
        mask: bool (h, w), the digit's foreground cropped to its bounding box.
    """
    height, width = mask.shape
    if width > _MAX_ASPECT * height:
        return True
    per_column = mask.sum(axis=0)
    crossings = np.count_nonzero(np.diff(mask.astype(np.int8), axis=0, prepend=0) > 0, axis=0)
    necks = np.flatnonzero((per_column <= _NECK * height) & (crossings <= 1))
    for neck in necks[(necks > width / 5) & (necks < width * 4 / 5)]:
        sides = (mask[:, :neck], mask[:, neck:])
        if all(_height(side) >= _FULL_HEIGHT * height for side in sides):
            return True
    return False


def _height(mask: NDArray[np.bool_]) -> int:
    """Return the number of rows from the first to the last one that has foreground."""
    rows = np.flatnonzero(mask.any(axis=1))
    return int(rows[-1] - rows[0]) + 1 if len(rows) else 0

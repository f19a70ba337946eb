"""Segment a page: several digits in one image, in reading order. Does not know the model.

Digits are separated by the background between them. Where two touch there is none: such a
component is cut in several ways, and all parts are returned as candidates, from which the model
chooses (`service.candidates`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.components import Components, find_components
from service.images.digit.cuts import find_cuts
from service.images.digit.foreground import NOTHING_DRAWN, Foreground
from service.images.digit.lines import find_lines, without_lines
from service.images.digit.marks import shape_of
from service.images.digit.page import cropped, is_ink_of, page_foreground, prepared_part
from service.images.digit.preprocessing import Prepared
from service.images.digit.regions import Removal
from service.images.digit.rows import Row, find_rows

_MIN_SIDE = 6  # pixels: longer side of the smallest digit
_MAX_STROKES = 700  # components of a page: more are texture
_SPECK = 0.0006  # share of the square of the tallest component, below which one is a speck
_LOOSE = 0.5  # share of the row's height: a lower character may be a part of its neighbour,
_MIN_LOOSE = 0.2  # if it is longer than this
_NEAR = 0.12  # and nearer to it
_MAX_CUTS = 8
_SUSPICIOUS = 0.8  # width divided by height; few single digits are as wide
_MIN_TOUCHING = 0.5  # width divided by height: two digits are wider than this
_NECK = 0.3  # share of the height that is ink in the column where two digits touch
_FULL_HEIGHT = 0.7  # share of the height that a digit on either side of the neck has
_THREE_DIGITS = 1.3  # width divided by height from which it may be three digits
_MIN_PIECE, _MAX_PIECE = 0.1, 1.4  # widths of a digit, as shares of its height
_MIN_AREA = 0.04  # share of the component's area that a piece of it has at least
_SHARED = (0.0, 0.1)  # shares of the height by which a piece reaches beyond its cuts
_FRAGMENT = 0.15  # share of a piece's area below which a component of it is its neighbour's


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
class Span:
    """The pieces of a component that a candidate consists of.

    Attributes:
        group: the same number for all candidates of a component.
        first, last: its pieces from left to right; last exclusive.
        count: the number of pieces of the component.
        cut: ink that is cut on its left side, as a share of the component's height.
    """

    group: int
    first: int
    last: int
    count: int
    cut: float = 0.0


@dataclass(frozen=True)
class Segment:
    """One digit or mark of several.

    Attributes:
        prepared: the digit in MNIST's format; `prepared.applied.bounding_box` is its position.
        place: on the page.
        shape: whether its shape is a digit's or a mark's.
        span: where it is one of several candidates; else None.
    """

    prepared: Prepared
    place: Place
    shape: Literal["digit", "mark", "either"] = "digit"
    span: Span | None = None


def segment(image: NDArray[np.uint8]) -> list[Segment]:
    """Find and preprocess every digit and mark of an image.

    Args:
        image: uint8 (H, W) in 0–255, either polarity.

    Returns:
        At least one segment, in reading order; candidates follow one another.

    Raises:
        NothingDrawn: there is no digit in the image.
    """
    foreground = page_foreground(image)
    lines = find_lines(foreground.possible, foreground.edges)
    removed: tuple[Removal, ...] = ("lines",) if len(lines) else ()
    mask = without_lines(foreground.possible, lines) if removed else foreground.possible
    components = find_components(mask)
    strokes = _strokes(components, foreground)
    segments: list[Segment] = []
    for number, row in enumerate(find_rows(components, strokes)):
        characters = list(row.characters)
        while characters:
            character = characters.pop(0)
            place = Place(len(segments), number, None, True, False)
            read = partial(_read, foreground, components, row, place=place, removed=removed)
            segments += read(character)
            if characters and _may_be_one(components, row, character, characters[0]):
                following = characters.pop(0)
                single = segments.pop() if segments[-1].span is None else None
                if single is None:
                    segments += read(following)
                else:
                    segments += _alternatives(single, read(following), read(character + following))
    return segments


def _may_be_one(components: Components, row: Row, one: list[int], other: list[int]) -> bool:
    """Return whether neighbours may be parts of one digit, such as a 5 and its displaced bar."""
    parts = [*one, *other]
    heights = [components.bottom[part].max() - components.top[part].min() for part in (one, other)]
    gap = components.left[other].min() - components.right[one].max()
    width = components.right[parts].max() - components.left[parts].min()
    lower = one if heights[0] < heights[1] else other
    longer = max(min(heights), components.right[lower].max() - components.left[lower].min())
    return bool(
        min(heights) < _LOOSE * row.height <= max(heights)
        and longer >= _MIN_LOOSE * row.height
        and gap < _NEAR * row.height
        and width < _MAX_PIECE * row.height
    )


def _alternatives(one: Segment, following: list[Segment], united: list[Segment]) -> list[Segment]:
    """Return two neighbours and their union as candidates, or as they are if one may be cut."""
    if len(following) > 1:
        return [one, *following]
    group = one.place.index
    return [
        replace(segment, span=Span(group, first, last, 2))
        for segment, first, last in ((united[0], 0, 2), (one, 0, 1), (following[0], 1, 2))
    ]


def _strokes(components: Components, foreground: Foreground) -> NDArray[np.int64]:
    """Return the components that are strokes rather than specks, int64 (n,).

    Raises:
        NothingDrawn: there are none, or so many that they are texture.
    """
    longer = np.maximum(components.bottom - components.top, components.right - components.left)
    is_stroke = is_ink_of(components, foreground) & (longer >= 2)
    tallest = longer[is_stroke].max(initial=0)
    is_stroke &= components.area > _SPECK * tallest**2
    strokes = np.flatnonzero(is_stroke)
    if tallest < _MIN_SIDE or len(strokes) > _MAX_STROKES:
        raise NothingDrawn(NOTHING_DRAWN)
    return strokes


def _read(
    foreground: Foreground,
    components: Components,
    row: Row,
    character: list[int],
    place: Place,
    removed: tuple[Removal, ...],
) -> list[Segment]:
    """Preprocess a character; where it may be touching digits, also its parts."""
    part, mask = cropped(foreground, components, character)
    shape = shape_of(mask & part.certain, components, character, row.height)
    whole = prepared_part(part, mask, removed)
    if shape == "mark":
        return [Segment(whole, replace(place, is_digit=False), shape)]
    whole_segment = Segment(whole, place, shape)
    if not may_touch(mask):
        return [whole_segment]
    cuts = find_cuts(mask, _MAX_CUTS)
    span = Span(place.index, 0, len(cuts) + 1, len(cuts) + 1)
    candidates = [replace(whole_segment, span=span)]
    for first, last, piece in _pieces(mask, cuts):
        prepared = prepared_part(part, piece, removed)
        cut = _ink_cut(mask, cuts[first - 1]) if first else 0.0
        span = replace(span, first=first, last=last, cut=cut)
        candidates.append(Segment(prepared, replace(place, touching=True), shape, span))
    return candidates


def _ink_cut(mask: NDArray[np.bool_], cut: NDArray[np.int64]) -> float:
    """Return the rows in which a cut has ink on both sides, as a share of all."""
    rows, width = np.arange(len(mask)), mask.shape[1]
    is_cut = mask[rows, np.clip(cut, 0, width - 1)] & mask[rows, np.clip(cut - 1, 0, width - 1)]
    return float(is_cut.mean())


def may_touch(mask: NDArray[np.bool_]) -> bool:
    """Return whether a character is wide, or has a narrow neck between two parts of full height.

    Args:
        mask: bool (h, w), cropped to the character.
    """
    height, width = mask.shape
    if width > _SUSPICIOUS * height:
        return True
    if width < _MIN_TOUCHING * height:
        return False
    inner = slice(width // 6, width - width // 6)
    ink = np.count_nonzero(mask, axis=0)
    top = np.where(ink > 0, mask.argmax(axis=0), height)
    bottom = np.where(ink > 0, height - mask[::-1].argmax(axis=0), 0)
    left = np.maximum.accumulate(bottom) - np.minimum.accumulate(top)
    right = (np.maximum.accumulate(bottom[::-1]) - np.minimum.accumulate(top[::-1]))[::-1]
    is_neck = (ink <= _NECK * height) & (np.minimum(left, right) >= _FULL_HEIGHT * height)
    return bool(is_neck[inner].any())


def _pieces(
    mask: NDArray[np.bool_], cuts: list[NDArray[np.int64]]
) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Yield the parts of a mask between its cuts that may be digits; first and last as in `Span`.

    Digits that overlap share ink: each part is yielded once up to its cuts and once beyond them.
    """
    height, width = mask.shape
    columns, area = np.arange(width), np.count_nonzero(mask)
    count = len(cuts) + 1
    for first in range(count):
        for last in range(first + 1, count + 1):
            is_inner = first > 0 and last < count
            if last - first == count or (is_inner and width < _THREE_DIGITS * height):
                continue
            for share in _SHARED:
                beyond, piece = int(share * height), mask
                if first > 0:
                    piece = piece & (columns >= (cuts[first - 1] - beyond)[:, np.newaxis])
                if last < count:
                    piece = piece & (columns < (cuts[last - 1] + beyond)[:, np.newaxis])
                if np.count_nonzero(piece) < _MIN_AREA * area:
                    continue
                parts = find_components(piece)
                piece = parts.mask_of(parts.area >= _FRAGMENT * parts.area.sum())
                if _MIN_PIECE * height <= _width(piece) <= _MAX_PIECE * height:
                    yield first, last, piece


def _width(mask: NDArray[np.bool_]) -> int:
    columns = np.flatnonzero(mask.any(axis=0))
    return int(columns[-1] - columns[0]) + 1 if len(columns) else 0

"""Segment a page: several digits in one image, in reading order. Does not know the model.

Digits are separated by the background between them. Where two touch there is none: such a
component is cut in several ways, and all parts are returned as candidates, from which the model
chooses (`service.candidates`).
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.components import Components, find_components
from service.images.digit.cuts import find_cuts
from service.images.digit.foreground import NOTHING_DRAWN, Foreground, find_foreground
from service.images.digit.lines import find_lines, without_lines
from service.images.digit.marks import shape_of
from service.images.digit.preprocessing import Prepared, Removal, normalise
from service.images.digit.rows import Row, find_rows

_MIN_SIDE = 6  # pixels: longer side of the smallest digit
_MAX_STROKES = 1500  # components of a page: more are texture
_SPECK = 0.0006  # share of the square of the tallest component, below which one is a speck
_MAX_CUTS = 5
_SUSPICIOUS = 0.85  # width divided by the row's height from which a component is cut
_MIN_PIECE, _MAX_PIECE = 0.1, 1.5  # widths of a digit, as shares of the row's height
_MIN_AREA = 0.04  # share of the component's area that a piece of it has at least


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
    """

    group: int
    first: int
    last: int
    count: int


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
    foreground = find_foreground(image)
    lines = find_lines(foreground.possible)
    removed: tuple[Removal, ...] = ("lines",) if len(lines) else ()
    mask = without_lines(foreground.possible, lines) if removed else foreground.possible
    components = find_components(mask)
    strokes = _strokes(components, foreground)
    segments: list[Segment] = []
    for number, row in enumerate(find_rows(components, strokes)):
        for character in row.characters:
            place = Place(len(segments), number, None, True, False)
            segments += _read(foreground, components, row, character, place, removed)
    return segments


def _strokes(components: Components, foreground: Foreground) -> NDArray[np.int64]:
    """Return the components that are strokes rather than specks, int64 (n,).

    Raises:
        NothingDrawn: there are none, or so many that they are texture.
    """
    certain = components.count(foreground.certain & components.mask)
    longer = np.maximum(components.bottom - components.top, components.right - components.left)
    is_stroke = (certain > 0) & (longer >= 2)
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
    part, mask = _cropped(foreground, components, character)
    shape = shape_of(mask, components, character, row.height)
    whole = _prepared(part, mask, removed)
    if shape == "mark":
        return [Segment(whole, replace(place, is_digit=False), shape)]
    pieces = _pieces(mask, row.height)
    if len(pieces) < 2:
        return [Segment(whole, place, shape)]
    candidates = []
    for first in range(len(pieces)):
        for last in range(first + 1, len(pieces) + 1):
            span = Span(place.index, first, last, len(pieces))
            if last - first == len(pieces):
                candidates.append(Segment(whole, place, shape, span))
                continue
            union = np.logical_or.reduce(pieces[first:last])
            if _MIN_PIECE * row.height <= _width(union) <= _MAX_PIECE * row.height:
                prepared = _prepared(part, union, removed)
                candidates.append(Segment(prepared, replace(place, touching=True), shape, span))
    return candidates


def _cropped(
    foreground: Foreground, components: Components, character: list[int]
) -> tuple[Foreground, NDArray[np.bool_]]:
    """Return the foreground around a character, and its pixels there, bool (h, w)."""
    rows = slice(int(components.top[character].min()), int(components.bottom[character].max()))
    columns = slice(int(components.left[character].min()), int(components.right[character].max()))
    labels = components.labels[rows, columns]
    mask = labels == character[0]
    for other in character[1:]:
        mask |= labels == other
    return crop(foreground, rows, columns), mask


def crop(foreground: Foreground, rows: slice, columns: slice) -> Foreground:
    """Return the foreground of a part of the searched pixels; the rest becomes background."""
    top, left = foreground.rows.start, foreground.columns.start
    return replace(
        foreground,
        rows=slice(top + rows.start, top + rows.stop),
        columns=slice(left + columns.start, left + columns.stop),
        intensity=foreground.intensity[rows, columns],
        certain=foreground.certain[rows, columns],
        possible=foreground.possible[rows, columns],
    )


def _prepared(
    part: Foreground, mask: NDArray[np.bool_], removed: tuple[Removal, ...]
) -> Prepared:
    prepared = normalise(part, mask)
    return replace(prepared, applied=replace(prepared.applied, removed=removed))


def _pieces(mask: NDArray[np.bool_], row_height: float) -> list[NDArray[np.bool_]]:
    """Cut a character that may be touching digits; return its pieces from left to right."""
    if not may_touch(mask, row_height):
        return [mask]
    columns = np.arange(mask.shape[1])
    pieces = [mask]
    for cut in find_cuts(mask, _MAX_CUTS):
        rest, is_right = pieces.pop(), columns >= cut[:, np.newaxis]
        left, right = rest & ~is_right, rest & is_right
        enough = _MIN_AREA * np.count_nonzero(mask)
        if min(np.count_nonzero(left), np.count_nonzero(right)) < enough:
            pieces.append(rest)
        else:
            pieces += [left, right]
    return pieces


def may_touch(mask: NDArray[np.bool_], row_height: float) -> bool:
    """Return whether a character is as wide as two narrow digits may be.

    Args:
        mask: bool (h, w), cropped to the character.
        row_height: of the row's digits, pixels.
    """
    height, width = mask.shape
    return width > _SUSPICIOUS * min(max(row_height, 0.7 * height), height)


def _width(mask: NDArray[np.bool_]) -> int:
    columns = np.flatnonzero(mask.any(axis=0))
    return int(columns[-1] - columns[0]) + 1 if len(columns) else 0

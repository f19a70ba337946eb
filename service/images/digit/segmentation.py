"""Segment a page: several digits in one image, in reading order. Does not know the model.

Digits are separated by the background between them. Where two touch there is none: such a
component is cut in several ways, and all parts are returned as candidates, from which the model
chooses (`service.candidates`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.components import Components, find_components
from service.images.digit.cuts import find_cuts
from service.images.digit.foreground import (
    NOTHING_DRAWN,
    Foreground,
    find_foreground,
    follow_shadows,
)
from service.images.digit.grid import digits_of_cells, find_grid
from service.images.digit.lines import find_lines, without_lines
from service.images.digit.marks import shape_of
from service.images.digit.preprocessing import (
    SIZE,
    Prepared,
    Preprocessing,
    Removal,
    normalise,
)
from service.images.digit.rows import Row, find_rows

_MIN_SIDE = 6  # pixels: longer side of the smallest digit
_MAX_STROKES = 1500  # components of a page: more are texture
_SPECK = 0.0006  # share of the square of the tallest component, below which one is a speck
_SOLID = 0.5  # share of the foreground that is certain; below, much of it is uneven light
_MAX_CUTS = 8
_SUSPICIOUS = 0.75  # width divided by height from which a component is cut
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
    foreground = page_foreground(image)
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


def segment_grid(image: NDArray[np.uint8]) -> list[Segment]:
    """Find the grid of an image, and preprocess the digit of each cell.

    Args:
        image: uint8 (H, W) in 0–255, either polarity.

    Returns:
        The cells row by row; the digit of an empty one is all 0.

    Raises:
        NothingDrawn: there is no grid in the image.
    """
    foreground = page_foreground(image)
    lines = find_lines(foreground.possible)
    grid = find_grid(lines)
    components = find_components(without_lines(foreground.possible, lines))
    is_ink = components.count(foreground.certain & components.mask) > 0
    digits = digits_of_cells(grid, components, is_ink)
    segments = []
    for row in range(len(grid.rows) - 1):
        for column in range(len(grid.columns) - 1):
            place = Place(len(segments), row, column, (row, column) in digits, False)
            if place.is_digit:
                part, mask = _cropped(foreground, components, digits[row, column])
                prepared = _prepared(part, mask, ("grid",))
            else:
                prepared = _empty(crop(foreground, *grid.box(row, column)))
            segments.append(Segment(prepared, place))
    return segments


def _empty(cell: Foreground) -> Prepared:
    """Return the preprocessing of an empty cell, without a digit."""
    digit = np.zeros((SIZE, SIZE), np.uint8)
    height, width = (part.stop - part.start for part in (cell.rows, cell.columns))
    left, top = cell.columns.start * cell.reduction, cell.rows.start * cell.reduction
    applied = Preprocessing(
        mode="mnist",
        inverted=cell.inverted,
        bounding_box=(left, top, width * cell.reduction, height * cell.reduction),
        scale=1.0,
        shift=(0, 0),
        threshold=cell.threshold,
        stroke=1.0,
        removed=("grid",),
    )
    return Prepared(digit, applied, lambda: {"grey": cell.grey, "digit": digit})


def page_foreground(image: NDArray[np.uint8]) -> Foreground:
    """Separate the strokes of a page, which are thin, from uneven light.

    Raises:
        NothingDrawn: the image has no contrast beyond its own noise.
    """
    foreground = find_foreground(image)
    solid = np.count_nonzero(foreground.certain) / np.count_nonzero(foreground.possible)
    return foreground if solid >= _SOLID else follow_shadows(foreground, foreground.inverted)


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
    shape = shape_of(mask & part.certain, components, character, row.height)
    whole = _prepared(part, mask, removed)
    if shape == "mark":
        return [Segment(whole, replace(place, is_digit=False), shape)]
    whole_segment = Segment(whole, place, shape)
    if mask.shape[1] <= _SUSPICIOUS * mask.shape[0]:
        return [whole_segment]
    cuts = find_cuts(mask, _MAX_CUTS)
    span = Span(place.index, 0, len(cuts) + 1, len(cuts) + 1)
    candidates = [replace(whole_segment, span=span)]
    for first, last, piece in _pieces(mask, cuts):
        prepared = _prepared(part, piece, removed)
        span = replace(span, first=first, last=last)
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


def _prepared(part: Foreground, mask: NDArray[np.bool_], removed: tuple[Removal, ...]) -> Prepared:
    prepared = normalise(part, mask)
    return replace(prepared, applied=replace(prepared.applied, removed=removed))


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

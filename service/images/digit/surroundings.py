"""Find the strokes of one digit in an image, without what surrounds them.

Surroundings are what lies outside a sheet of paper, shadows and bars (see `regions`), and on the
page itself lines, boxes, grids and the marks that are left of them. An image of a digit on even
background has none, and is recognised as such before any of them is searched.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.components import Components
from service.images.digit.foreground import Foreground, find_foreground
from service.images.digit.frames import ends, find_frames, touching_frame
from service.images.digit.lines import find_lines, without_lines
from service.images.digit.morphology import widen
from service.images.digit.regions import Page, Removal, find_page
from service.images.digit.specks import find_strokes
from service.images.digit.straight import Lines

_EDGE_BANDS = 7  # of a stroke's box, in the outermost of which a frame's side lies
_WIDE = 1.2  # width divided by height, of a digit joined to the line below it
_NEAR = 3  # pixels between a line and what is left of it
_PART = 0.1  # share of a digit's size, between its parts
_AT_LINE, _AT_EDGE = 0.3, 0.5  # weights of a stroke's area that may be left of something else
_THIN = 6  # length divided by thickness, of a line
_ALONG = 0.8  # share of a side of its box


@dataclass(frozen=True)
class FoundDigit:
    """The strokes of a digit.

    Attributes:
        foreground: the image's.
        mask: bool (h, w) of the foreground's shape, true where the digit is.
        removed: what surrounded it, in the order of removal.
        area: bool (h, w), what was removed; None for nothing.
    """

    foreground: Foreground
    mask: NDArray[np.bool_]
    removed: tuple[Removal, ...] = ()
    area: NDArray[np.bool_] | None = None


def find_digit(image: NDArray[np.uint8]) -> FoundDigit:
    """Find the strokes of one digit.

    Args:
        image: uint8 (H, W) in 0–255, any size, either polarity.

    Raises:
        NothingDrawn: there is no digit in the image.
    """
    page = find_page(find_foreground(image))
    foreground = page.foreground
    components, is_stroke = find_strokes(foreground)
    if page.area is None and not _may_have_lines(components, is_stroke, foreground):
        return FoundDigit(foreground, components.mask_of(is_stroke))
    return _without_surroundings(page, components, is_stroke)


def _may_have_lines(
    components: Components, is_stroke: NDArray[np.bool_], foreground: Foreground
) -> bool:
    """Return whether the strokes are more than one that stands free.

    A single one may be a digit joined to its frame or to a long line below it.
    """
    if np.count_nonzero(is_stroke) > 1:
        return True
    if min(foreground.margins) == 0 and components.at_edge(foreground.margins)[is_stroke].any():
        return True
    only = int(np.argmax(is_stroke))
    rows = slice(components.top[only], components.bottom[only])
    columns = slice(components.left[only], components.right[only])
    part = foreground.possible[rows, columns]
    height, width = part.shape
    band = height // _EDGE_BANDS + 1
    if np.count_nonzero(np.logical_or.reduce(part[-band:])) < _ALONG * width:
        return False  # neither a frame nor a line below
    if width > _WIDE * height:
        return True
    top = np.count_nonzero(np.logical_or.reduce(part[:band]))
    bands = ends(width // _EDGE_BANDS + 1)
    sides = [np.count_nonzero(part[:, end].any(axis=1)) for end in bands]
    return bool(top > _ALONG * width and min(sides) > _ALONG * height)


def _without_surroundings(
    page: Page, components: Components, is_stroke: NDArray[np.bool_]
) -> FoundDigit:
    """Remove lines, frames and what is left of them from the page's strokes."""
    foreground, removed = page.foreground, list(page.removed)
    frame = touching_frame(components, int(np.argmax(components.area * is_stroke)))
    if frame is not None:
        foreground = _without(foreground, frame)
        components, is_stroke = find_strokes(foreground)
        removed.append("box")
    lines = find_lines(foreground.possible, foreground.edges)
    if len(lines):
        left = without_lines(foreground.possible, lines)
        try:
            components, is_stroke = find_strokes(_without(foreground, ~left))
        except NothingDrawn:
            lines = lines.only(np.zeros(len(lines), np.bool_))
        else:
            removed.append(name_of(lines))
    is_line = _detached_lines(components, is_stroke, foreground)
    if is_line.any():
        removed.append("lines")
        is_stroke = is_stroke & ~is_line
    is_frame = find_frames(components, is_stroke)
    if is_frame.any():
        removed.append("box")
        is_stroke = is_stroke & ~is_frame
    if removed:
        is_mark = _marks(components, is_stroke, lines, foreground)
        if is_mark.any():
            removed.append("marks")
            is_stroke = is_stroke & ~is_mark
    mask = components.mask_of(is_stroke)
    area = page.foreground.possible & ~mask
    if page.area is not None:
        area |= page.area
    return FoundDigit(foreground, mask, tuple(dict.fromkeys(removed)), area if removed else None)


def _without(foreground: Foreground, area: NDArray[np.bool_]) -> Foreground:
    """Return a foreground without the strokes in an area, bool (h, w)."""
    return replace(
        foreground, possible=foreground.possible & ~area, certain=foreground.certain & ~area
    )


def name_of(lines: Lines) -> Removal:
    """Return whether lines form a grid, a box, or neither."""
    across = np.count_nonzero(lines.horizontal)
    upright = len(lines) - across
    if across >= 2 and upright >= 2 and len(lines) > 4:
        return "grid"
    return "box" if across and upright and len(lines) > 2 else "lines"


def _detached_lines(
    components: Components, is_stroke: NDArray[np.bool_], foreground: Foreground
) -> NDArray[np.bool_]:
    """Return which strokes are straight lines below or beside the largest, bool (count,).

    They are as long as that; the bar of a 5 is above it.
    """
    size = components.count(foreground.certain & components.mask) * is_stroke
    digit = int(np.argmax(size))
    top, bottom = components.top[digit], components.bottom[digit]
    left, right = components.left[digit], components.right[digit]
    height, width = components.bottom - components.top, components.right - components.left
    is_below = (components.top >= bottom) & (width > _THIN * height)
    is_below &= width > _ALONG * (right - left)
    is_beside = (components.left >= right) | (components.right <= left)
    is_beside &= (height > _THIN * width) & (height > _ALONG * (bottom - top))
    lines: NDArray[np.bool_] = is_stroke & (is_below | is_beside)
    return lines


def _marks(
    components: Components,
    is_stroke: NDArray[np.bool_],
    lines: Lines,
    foreground: Foreground,
) -> NDArray[np.bool_]:
    """Return which strokes are left of lines or of the image's edge, bool (count,).

    The largest stroke is the digit, or a part of it; strokes near it may be others. A stroke that
    touches a line or the edge counts as smaller.
    """
    touching = np.zeros(len(is_stroke), np.bool_)
    near = widen(lines.area, _NEAR)
    touching[np.unique(components.labels[near & components.mask])] = True
    at_edge = components.at_edge(foreground.margins)
    size = components.count(foreground.certain & components.mask) * is_stroke
    size = size * np.where(touching, _AT_LINE, 1) * np.where(at_edge, _AT_EDGE, 1)
    digit = int(np.argmax(size))
    gap = _NEAR + _PART * max(
        components.bottom[digit] - components.top[digit],
        components.right[digit] - components.left[digit],
    )
    is_near = (
        (components.top < components.bottom[digit] + gap)
        & (components.bottom > components.top[digit] - gap)
        & (components.left < components.right[digit] + gap)
        & (components.right > components.left[digit] - gap)
    )
    is_mark: NDArray[np.bool_] = is_stroke & (touching | at_edge) & ~is_near
    return is_mark

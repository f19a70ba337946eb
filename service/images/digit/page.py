"""Separate the strokes of a page from its background, and prepare parts of it as digits.

Does not know which parts are digits.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import Components
from service.images.digit.foreground import Foreground, find_foreground, follow_shadows
from service.images.digit.lines import Edges
from service.images.digit.preprocessing import Prepared, Removal, normalise

_MIN_CERTAIN = 0.2  # share of a stroke's area; the rest is its blurred outline
_SOLID = 0.5  # share of the foreground that is certain; below, much of it is uneven light


def page_foreground(image: NDArray[np.uint8]) -> Foreground:
    """Separate the strokes of a page, which are thin, from uneven light.

    Raises:
        NothingDrawn: the image has no contrast beyond its own noise.
    """
    foreground = find_foreground(image)
    solid = np.count_nonzero(foreground.certain) / np.count_nonzero(foreground.possible)
    return foreground if solid >= _SOLID else follow_shadows(foreground, foreground.inverted)


def edges_of(foreground: Foreground) -> Edges:
    """Return whether the searched part's top, left, bottom and right side are the image's."""
    height, width = foreground.grey.shape
    rows, columns = foreground.rows, foreground.columns
    return rows.start == 0, columns.start == 0, rows.stop == height, columns.stop == width


def is_ink_of(components: Components, foreground: Foreground) -> NDArray[np.bool_]:
    """Return which components are no mere shade, bool (count,)."""
    certain = components.count(foreground.certain & components.mask)
    return np.asarray(certain > _MIN_CERTAIN * components.area)


def cropped(
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


def prepared_part(
    part: Foreground, mask: NDArray[np.bool_], removed: tuple[Removal, ...]
) -> Prepared:
    prepared = normalise(part, mask)
    return replace(prepared, applied=replace(prepared.applied, removed=removed))

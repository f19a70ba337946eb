"""Separate the strokes of a page from its background, and prepare parts of it as digits.

Does not know which parts are digits.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import Components
from service.images.digit.foreground import Foreground, find_foreground
from service.images.digit.local import LocalBackground
from service.images.digit.preprocessing import Prepared, normalise
from service.images.digit.regions import Removal
from service.images.digit.surroundings import FoundDigit

_MIN_CERTAIN = 0.2  # share of a stroke's area; the rest is its blurred outline
_SOLID = 0.5  # share of the foreground that is certain; below, much of it is uneven light


def page_foreground(image: NDArray[np.uint8]) -> Foreground:
    """Separate the strokes of a page, which are thin, from uneven light.

    Raises:
        NothingDrawn: the image has no contrast beyond its own noise.
    """
    foreground = find_foreground(image)
    solid = np.count_nonzero(foreground.certain) / np.count_nonzero(foreground.possible)
    if solid >= _SOLID:
        return foreground
    return LocalBackground.of(foreground, foreground.inverted).separate(None)


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
    """Normalise the masked foreground to MNIST's format; record what was removed around it."""
    return normalise(FoundDigit(part, mask, removed))

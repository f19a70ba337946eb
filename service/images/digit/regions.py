"""Find the page in an image: a sheet on a desk, or paper with shadows, bars or dark corners.

A background that varies smoothly does not fit such images: some part of the supposed foreground is
then wider than any stroke. Only then is the foreground separated from a local background, for both
polarities, in the whole image and in every sheet, and the one with the best stroke is chosen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.components import Components, find_components
from service.images.digit.foreground import Foreground
from service.images.digit.local import LocalBackground, window_of
from service.images.digit.morphology import close_gaps, fill, shrink, wide_parts
from service.images.digit.specks import find_strokes

# what surrounds a digit and is removed, see `Preprocessing.removed`
Removal = Literal["outside", "shadow", "border", "grid", "box", "lines", "marks"]

_COARSE = 4  # samples a window: enough to see that no part is wide
_SHEET_AREA = 0.08, 0.93  # of the image
_SHEET_MARGIN = 8  # windows a margin: the sheet's edge is not searched
_MIN_RECTANGULARITY = 0.86  # of a sheet, photographed at an angle
_ANGLES = np.deg2rad(np.arange(-45, 45, 3.0))
_BORDER_CONTACT = 0.3  # of a bar's or a corner's outline, on the image's edge
_NARROW = 1.6  # longer side divided by the shorter: such an image may show just a 1
_WHOLE, _CUT = 1.15, 0.8  # weights of a stroke within a sheet, and of one that its edge cuts
_ON_SHADOW = 0.1  # share of a stroke


@dataclass(frozen=True)
class Page:
    """The foreground of an image's page, and what surrounds the page.

    Attributes:
        foreground: of the page alone.
        removed: what surrounds it: "outside", "shadow", "border", or nothing.
        area: bool (H, W), what was removed; None for nothing.
    """

    foreground: Foreground
    removed: tuple[Removal, ...] = ()
    area: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class _Candidate:
    """A foreground; its score is high for a large stroke of high contrast.

    Attributes:
        foreground: of the image or of a sheet.
        sheet: bool (H, W); None for the whole image.
        stroke: bool (H, W), the largest stroke's certain pixels.
        score: pixels × grey levels.
    """

    foreground: Foreground
    sheet: NDArray[np.bool_] | None
    stroke: NDArray[np.bool_]
    score: float


def find_page(first: Foreground) -> Page:
    """Return the page's foreground: the image's own in most cases.

    Args:
        first: the image's foreground on a background that varies smoothly.
    """
    window = window_of(first.grey.shape)
    step = max(window // _COARSE, 1)
    if not wide_parts(first.possible[::step, ::step], max(_COARSE - 1, 2)).any():
        return Page(first)
    possible = first.uncropped(first.possible, fill=False)
    wide = wide_parts(possible, window)
    sheets = list(_find_sheets(wide, possible, window))
    if not sheets and not _is_surroundings(wide):
        return Page(first)
    candidates = list(_candidates(first, sheets))
    if not candidates:
        return Page(first)
    best = max(candidates, key=lambda candidate: candidate.score)
    if best.sheet is not None:
        return Page(best.foreground, ("outside",), ~best.sheet)
    if not _reaches_edge(wide):  # a bold digit
        return Page(first)
    is_shadow = np.count_nonzero(best.stroke & wide) > _ON_SHADOW * np.count_nonzero(best.stroke)
    area = wide & ~best.foreground.possible
    return Page(best.foreground, ("shadow" if is_shadow else "border",), area)


def _is_surroundings(wide: NDArray[np.bool_]) -> bool:
    """Return whether wide parts, bool (H, W), are more than a digit's own strokes."""
    if not _reaches_edge(wide):
        return False
    height, width = wide.shape
    if max(height, width) <= _NARROW * min(height, width):
        return True
    edge = sum(map(np.count_nonzero, (wide[0], wide[-1], wide[:, 0], wide[:, -1])))
    padded = np.pad(wide, 1)
    outline = sum(np.count_nonzero(np.diff(padded.view(np.int8), axis=axis)) for axis in (0, 1))
    return bool(edge > _BORDER_CONTACT * outline)


def _reaches_edge(mask: NDArray[np.bool_]) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _find_sheets(
    wide: NDArray[np.bool_], possible: NDArray[np.bool_], window: int
) -> Iterator[NDArray[np.bool_]]:
    """Yield the masks, bool (H, W), of sheets of paper without their edges.

    Args:
        wide: bool (H, W), the parts of `possible` that are wider than a stroke.
        possible: bool (H, W), the foreground, or a sheet that was taken for foreground.
        window: pixels, wider than a stroke.
    """
    # strokes on a sheet, or on the paper beside a desk, are gaps to be closed
    around = wide_parts(close_gaps(~possible, window), window)
    for paper in (close_gaps(wide, window), around):
        components = find_components(paper)
        if not len(components.area):
            continue
        sheet = fill(components.labels == np.argmax(components.area))
        low, high = _SHEET_AREA
        if low < sheet.mean() < high and rectangularity(sheet) > _MIN_RECTANGULARITY:
            yield shrink(sheet, max(window // _SHEET_MARGIN, 3))


def rectangularity(mask: NDArray[np.bool_]) -> float:
    """Return the share of the smallest rectangle around a mask, bool (H, W), that it fills."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    outline = np.concatenate((rows, rows)), np.concatenate((first, last))
    cosine, sine = np.cos(_ANGLES)[:, np.newaxis], np.sin(_ANGLES)[:, np.newaxis]
    heights = np.ptp(cosine * outline[0] + sine * outline[1], axis=1) + 1
    widths = np.ptp(cosine * outline[1] - sine * outline[0], axis=1) + 1
    return float(np.count_nonzero(mask) / (heights * widths).min())


def _candidates(first: Foreground, sheets: list[NDArray[np.bool_]]) -> Iterator[_Candidate]:
    """Yield the foregrounds of both polarities, in the whole image and in each sheet."""
    for inverted in (True, False):
        background = LocalBackground.of(first, inverted)
        for sheet in (None, *sheets):
            try:
                foreground = background.separate(sheet)
                components, is_stroke = find_strokes(foreground)
            except NothingDrawn:
                continue
            stroke = _largest(components, is_stroke, foreground)
            rows = np.flatnonzero(stroke.any(axis=1))
            columns = np.flatnonzero(stroke.any(axis=0))
            longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
            score = float(longer * np.median((background.light - background.dark)[stroke]))
            if sheet is not None:
                score *= _CUT if (stroke & ~shrink(sheet, 3)).any() else _WHOLE
            yield _Candidate(foreground, sheet, stroke, score)


def _largest(
    components: Components, is_stroke: NDArray[np.bool_], foreground: Foreground
) -> NDArray[np.bool_]:
    """Return the certain pixels, bool (H, W), of the stroke that has most of them."""
    largest = np.argmax(components.count(foreground.certain) * is_stroke)
    return np.asarray((components.labels == largest) & foreground.certain)

"""Find the page in an image: a sheet on a desk, or paper with shadows, bars or dark corners.

A background that varies smoothly does not fit such images: some part of the supposed foreground is
then wider than any stroke. Only then is the foreground separated from a local background, for both
polarities, in the whole image and in every sheet, and the one with the best stroke is chosen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.components import Components, bounding_box, find_components
from service.images.digit.foreground import Foreground
from service.images.digit.lines import find_lines, without_lines
from service.images.digit.local import LocalBackground, window_of
from service.images.digit.morphology import fill, shrink, wide_parts, widen
from service.images.digit.sheets import MIN_SHEET, convexity, find_sheets, solid_parts
from service.images.digit.specks import find_strokes

# what surrounds a digit and is removed, see `Preprocessing.removed`
Removal = Literal["outside", "shadow", "border", "grid", "box", "lines", "marks"]

_MIN_FILL = 0.6  # of the box around a sheet; a digit's strokes fill less
_COARSE = 4  # samples a window: enough to see that no part is wide
_MAX_STROKES = 0.2  # share of a drawing that a digit's wide parts cover
_MAX_PART = 0.08  # of an image that a digit's wide parts at the edge cover
_FULL = 200  # intensity of ink; a shadow's is lower
_MIN_DEPTH = 0.06  # share of the shorter side that a bar reaches inwards
_MIN_STROKE = 0.15  # of the shorter side, for the longer side of a digit
_MUCH_STRONGER = 1.5  # contrast
_MIN_CONTRAST_SHARE = 0.25  # of the contrast of the foreground that would be replaced
_IN_SHEET = 1.15  # weight of a stroke within a sheet
_JOINT = 3  # pixels between a stroke and the wide part that it continues
_MIN_JOINT = 0.01  # share of the stroke
_SAME_TONE = 0.3  # share of the contrast
_CROPPED = 0.02  # share of the shorter side that an image cropped to a digit leaves
_CONVEX = 0.9  # share of its convex hull that paper fills
_WIDE = 0.2  # area divided by the squared diagonal of the box around it
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
        contrast: of the stroke, grey levels.
        score: its longer side, pixels, times its contrast.
    """

    foreground: Foreground
    sheet: NDArray[np.bool_] | None
    stroke: NDArray[np.bool_]
    contrast: float
    score: float


def find_page(first: Foreground) -> Page:
    """Return the page's foreground: the image's own in most cases.

    Args:
        first: the image's foreground on a background that varies smoothly.
    """
    if min(first.margins) > 0 and (
        np.count_nonzero(first.possible) < _MIN_FILL * first.possible.size
    ):
        return Page(first)  # a drawing
    window = window_of(first.grey.shape)
    step = max(window // _COARSE, 1)
    possible = first.uncropped(first.possible, fill=False)
    coarse = wide_parts(possible[::step, ::step], _COARSE - 1)
    if coarse.mean() < MIN_SHEET and not _reaches_edge(coarse):
        return Page(first)
    possible = without_lines(possible, find_lines(possible))
    wide = wide_parts(possible, window)
    if not wide.any():
        return Page(first)
    at_edge = _parts_at_edge(wide)
    if _is_bold_digit(at_edge, first):
        return Page(first)
    # the first foreground may be strokes on the paper around it, or a sheet with strokes on it
    sheets = list(find_sheets(possible, window))
    regions: dict[bool, list[NDArray[np.bool_] | None]] = {
        first.inverted: [None, *sheets, *(find_sheets(~possible, window) if at_edge.any() else ())],
        not first.inverted: [None, *sheets],
    }
    candidates = [
        candidate
        for inverted, sheets in regions.items()
        for candidate in _candidates(first, inverted, sheets)
    ]
    plausible = [each for each in candidates if _is_plausible(each, first, at_edge)]
    if not plausible:
        return Page(first)
    best = max(plausible, key=lambda candidate: candidate.score)
    if best.sheet is not None:
        return Page(best.foreground, ("outside",), ~best.sheet)
    is_shadow = np.count_nonzero(best.stroke & wide) > _ON_SHADOW * np.count_nonzero(best.stroke)
    area = at_edge & ~best.foreground.possible
    return Page(best.foreground, ("shadow" if is_shadow else "border",), area)


def _reaches_edge(mask: NDArray[np.bool_]) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _is_bold_digit(at_edge: NDArray[np.bool_], first: Foreground) -> bool:
    """Return whether the wide parts at the image's edge, bool (H, W), are rather a digit's.

    Shadows, bars and desks are large or have a corner of the image. A finger is small, but then the
    digit is another component.
    """
    if _corners(at_edge):
        return False
    if 2 * int(np.bincount(first.grey.reshape(-1)).max()) > first.grey.size:  # a drawing
        reaches_all = all(side.any() for side in (at_edge[0], at_edge[-1], *at_edge[:, [0, -1]].T))
        return reaches_all or at_edge.mean() < _MAX_STROKES
    if not at_edge.any() or at_edge.mean() > _MAX_PART:
        return False
    intensity = first.uncropped(first.intensity, fill=0)
    if np.median(intensity[at_edge]) < _FULL:
        return False
    parts = find_components(first.uncropped(first.possible, fill=False))
    longer = np.maximum(parts.bottom - parts.top, parts.right - parts.left)
    is_stroke = longer > _MIN_STROKE * min(at_edge.shape)
    is_stroke[np.unique(parts.labels[at_edge & parts.mask])] = False
    return not is_stroke.any()


def _corners(mask: NDArray[np.bool_]) -> int:
    """Return how many of the image's corners belong to a mask, bool (H, W)."""
    height, width = mask.shape
    return int(np.count_nonzero(mask[:: max(height - 1, 1), :: max(width - 1, 1)]))


def _parts_at_edge(wide: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the wide parts that reach from the image's edge inwards, bool (H, W).

    A line along the edge is no such part.
    """
    parts = find_components(wide)
    height, width = wide.shape
    depth = _MIN_DEPTH * min(height, width)
    reaches = (parts.top == 0) & (parts.bottom > depth)
    reaches |= (parts.bottom == height) & (parts.top < height - depth)
    reaches |= (parts.left == 0) & (parts.right > depth)
    reaches |= (parts.right == width) & (parts.left < width - depth)
    return parts.mask_of(reaches)


def _is_plausible(best: _Candidate, first: Foreground, at_edge: NDArray[np.bool_]) -> bool:
    """Return whether a stroke is more likely to be the digit than the image's first foreground.

    Args:
        best: the candidate.
        first: the image's first foreground, which may be a bold digit, also one at the edge.
        at_edge: bool (H, W), the wide parts of the first foreground at the image's edge.
    """
    grey = first.grey[first.rows, first.columns]
    background = grey[~first.possible] if not first.possible.all() else grey
    contrast = abs(float(np.median(grey[first.certain])) - float(np.median(background)))
    if best.sheet is None and not at_edge.any():
        return best.contrast > _MUCH_STRONGER * contrast
    region = np.ones_like(best.stroke) if best.sheet is None else best.sheet
    if max(_sides(best.stroke)) < _MIN_STROKE * min(_sides(region)):
        return False
    if best.contrast < _MIN_CONTRAST_SHARE * contrast:
        return False
    if best.sheet is not None:
        is_cut = (best.stroke & ~shrink(best.sheet, _JOINT)).any()
        return not is_cut and not _is_blob(best.stroke)
    possible = first.uncropped(first.possible, fill=False)
    if best.foreground.inverted is first.inverted:
        joint = at_edge & ~best.foreground.possible & widen(best.stroke, _JOINT)
        wide = at_edge & ~best.foreground.possible
        is_part = _is_part(best.stroke, at_edge, possible) and _has_tone_of(wide, best)
        return not (is_part or _has_tone_of(joint, best))
    if _is_paper(possible):
        return not _is_gap(best, possible)
    return not _has_tone_of(~possible, best)


def _is_part(
    stroke: NDArray[np.bool_], at_edge: NDArray[np.bool_], possible: NDArray[np.bool_]
) -> bool:
    """Return whether a stroke is joined to a small part at the image's edge; all bool (H, W).

    A finger is separate from the digit, and a shadow or a desk is large or has a corner.
    """
    if _corners(at_edge) or at_edge.mean() >= _MAX_STROKES:
        return False
    labels = find_components(possible).labels
    return bool(np.isin(labels[stroke & possible], labels[at_edge & possible]).any())


def _is_paper(possible: NDArray[np.bool_]) -> bool:
    """Return whether a first foreground, bool (H, W), is rather paper with strokes on it.

    Paper has corners of the image, or is convex; a bold digit cropped to its box may be convex, but
    reaches all four sides.
    """
    height, width = possible.shape
    if _corners(possible) > 1:
        return True
    parts = solid_parts(possible, window_of(possible.shape))
    if not len(parts.area):
        return False
    paper = fill(parts.labels == np.argmax(parts.area))
    whole = find_components(possible)  # without the texture around the paper
    largest = np.argmax(whole.area)
    margin = max(
        *(int(whole.top[largest]), height - int(whole.bottom[largest])),
        *(int(whole.left[largest]), width - int(whole.right[largest])),
    )
    return margin > _CROPPED * min(height, width) and convexity(paper) > _CONVEX


def _has_tone_of(part: NDArray[np.bool_], best: _Candidate) -> bool:
    """Return whether a stroke has the tone of a part, bool (H, W), of the first foreground.

    Then both are one: a bold digit at the edge, or the background that shows in its gaps.
    """
    if np.count_nonzero(part) < _MIN_JOINT * np.count_nonzero(best.stroke):
        return False
    grey = best.foreground.grey
    difference = abs(float(np.median(grey[best.stroke])) - float(np.median(grey[part])))
    return bool(difference < _SAME_TONE * best.contrast)


def _is_gap(best: _Candidate, possible: NDArray[np.bool_]) -> bool:
    """Return whether a stroke is rather the background that shows in a digit's gap.

    Args:
        best: a candidate of the other polarity than the first foreground's.
        possible: bool (H, W), the first foreground.
    """
    reach = window_of(possible.shape) // 2
    beside = ~possible & ~best.foreground.possible & widen(best.stroke, reach)
    return _has_tone_of(beside, best) or _is_blob(best.stroke)


def _is_blob(stroke: NDArray[np.bool_]) -> bool:
    """Return whether a stroke, bool (H, W), is convex and wide, like the gap in a bold 0."""
    height, width = _sides(stroke)
    is_wide = int(np.count_nonzero(stroke)) > _WIDE * (height**2 + width**2)
    return is_wide and convexity(stroke) > _CONVEX


def _sides(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the height and the width of the box around a mask, bool (H, W)."""
    rows, columns = bounding_box(mask)
    return rows.stop - rows.start, columns.stop - columns.start


def _candidates(
    first: Foreground, inverted: bool, sheets: Sequence[NDArray[np.bool_] | None]
) -> Iterator[_Candidate]:
    """Yield the foregrounds of one polarity in each sheet; None is the whole image."""
    background = LocalBackground.of(first, inverted)
    for sheet in sheets:
        try:
            foreground = background.separate(sheet)
            components, is_stroke = find_strokes(foreground)
        except NothingDrawn:
            continue
        stroke = _largest(components, is_stroke, foreground)
        contrast = float(np.median((background.light - background.dark)[stroke]))
        score = max(_sides(stroke)) * contrast * (1 if sheet is None else _IN_SHEET)
        yield _Candidate(foreground, sheet, stroke, contrast, score)


def _largest(
    components: Components, is_stroke: NDArray[np.bool_], foreground: Foreground
) -> NDArray[np.bool_]:
    """Return the certain pixels, bool (H, W), of the stroke that has most of them."""
    largest = np.argmax(components.count(foreground.certain) * is_stroke)
    return np.asarray((components.labels == largest) & foreground.certain)

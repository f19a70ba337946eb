"""Any picture of a digit, drawn again as MNIST would have drawn it: the one implementation.

Used by the service, by training and by evaluation. Knows neither file formats nor HTTP nor the
model. The recipe is MNIST's own (QMNIST's reconstruction of it): crop to the ink, resample with
area weights so that the longer side is 20 pixels, scale to a maximum of 255, and shift by whole
pixels so that the centre of mass falls on the middle of 28 × 28.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.components import Components, find_components
from service.errors import NothingDrawn, WrongShape
from service.ink import NOTHING_DRAWN, Ink, find_ink

SIZE = 28
Mode = Literal["auto", "mnist", "none"]

_BOX = 20  # pixels: MNIST's longer side
_MIDDLE = SIZE / 2  # where MNIST's centre of mass falls, pixel index
_THINNEST, _THICKEST = 1.7, 3.2  # MNIST pixels: strokes between these are left as they are
_FINE = 80  # pixels: longer side at which strokes are thickened and thinned
_SMALLEST = 6  # pixels: longer side of the smallest thing taken for a digit
_SOLID = 0.6  # share of the digit's own solidity that a stroke at the picture's edge has
_LEAST_SHARE = 0.3  # of all ink, that strokes have; the rest is specks
_MOST_STROKES = 100  # regions: more than that are no writing
_SPECK = 0.05  # share of the largest region's area, below which a region is a speck


@dataclass(frozen=True)
class Applied:
    """What was done to a picture; goes to the client as JSON.

    Attributes:
        mode: "mnist" where the picture was drawn again, "none" where it was taken as it was.
        inverted: dark ink on bright paper was turned into bright on dark.
        bounding_box: the digit's left, top, width, height, in pixels of the sent picture.
        scale: pixels of the digit for one pixel of the sent picture.
        shift: rows and columns by which the digit was moved from the middle of 28 × 28, so that
            its centre of mass came to lie there.
        threshold: contrast to the paper, grey levels of 255, from which a pixel was surely ink;
            None where nothing had to be told apart.
        stroke: factor by which strokes were thickened (above 1) or thinned (below 1).
    """

    mode: Literal["mnist", "none"]
    inverted: bool
    bounding_box: tuple[int, int, int, int]
    scale: float
    shift: tuple[int, int]
    threshold: float | None
    stroke: float


@dataclass(frozen=True)
class Prepared:
    """A digit ready for the model, and how it came about.

    Attributes:
        digit: uint8 (28, 28), ink 255 on 0.
        applied: what was done.
        stages: the pictures on the way by name, in order, uint8 (h, w) each: `grey`, `ink`,
            `mask`, `cropped`, `resized` (the digit in its 20 pixels) and `digit`.
    """

    digit: NDArray[np.uint8]
    applied: Applied
    stages: dict[str, NDArray[np.uint8]]


UNTOUCHED = Applied("none", False, (0, 0, SIZE, SIZE), 1.0, (0, 0), None, 1.0)


def prepare(picture: NDArray[np.uint8], mode: Mode = "auto") -> Prepared:
    """Bring a picture with one digit to the form in which MNIST draws digits.

    Args:
        picture: uint8 (H, W) in 0–255, any size, either polarity.
        mode: "auto" leaves a true MNIST digit byte for byte alone and draws everything else again;
            "mnist" draws everything again; "none" takes 28 × 28 pixels as they are.

    Raises:
        NothingDrawn: there is no digit in the picture.
        WrongShape: mode "none" and another size than 28 × 28.
    """
    if mode == "none" and picture.shape != (SIZE, SIZE):
        height, width = picture.shape
        raise WrongShape(
            f"preprocess=none takes pictures of 28 × 28 pixels, not {width} × {height}: "
            "send that size, or preprocess=auto."
        )
    if mode == "none" or (mode == "auto" and _is_mnist(picture)):
        return Prepared(picture, UNTOUCHED, {"grey": picture, "digit": picture})
    ink = find_ink(picture)
    regions, strokes = find_strokes(ink)
    return draw_digit(ink, regions.mask_of(strokes))


def _is_mnist(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture has every property that all 70,000 MNIST digits share.

    White ink on a background of exactly 0, more than half of it; a longer side of 19 or 20 pixels;
    the centre of mass within half a pixel of the middle.
    """
    if picture.shape != (SIZE, SIZE) or picture.max() < 254:
        return False
    drawn = picture > 0
    if 2 * np.count_nonzero(drawn) > drawn.size:
        return False
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    if longer not in (_BOX - 1, _BOX):
        return False
    return bool(np.all(np.abs(_centre_of_mass(picture) - _MIDDLE) < 0.55))


def _centre_of_mass(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Row and column of the centre of mass, pixel index, float64 (2,)."""
    rows, columns = image.sum(axis=1), image.sum(axis=0)
    moments = (rows @ np.arange(len(rows)), columns @ np.arange(len(columns)))
    centre: NDArray[np.float64] = np.array(moments, np.float64) / rows.sum()
    return centre


def find_strokes(ink: Ink) -> tuple[Components, NDArray[np.bool_]]:
    """The regions of ink, and which of them are strokes rather than specks.

    Returns:
        The regions, and bool (count,): true for each that is a stroke. At least one is.

    Raises:
        NothingDrawn: only specks, or so many regions alike that they are texture.
    """
    regions = find_components(ink.possible)
    certain = np.bincount(regions.labels[ink.certain], minlength=len(regions.area))
    longer = np.maximum(regions.bottom - regions.top, regions.right - regions.left)
    area = np.where(certain > 0, regions.area, 0)
    strokes = area > _SPECK * area.max(initial=0)
    if np.any(strokes):
        solid = certain / regions.area
        height, width = ink.grey.shape
        at_edge = (regions.top == 0) | (regions.left == 0)
        at_edge |= (regions.bottom == height) | (regions.right == width)
        # a dark corner of the photo is mostly shade, not ink like the digit's own
        strokes &= ~at_edge | (solid > _SOLID * solid[np.argmax(certain)])
    count = np.count_nonzero(strokes)
    is_texture = count > _MOST_STROKES or area[strokes].sum() < _LEAST_SHARE * area.sum()
    if is_texture or not np.any(strokes & (longer >= _SMALLEST)):
        raise NothingDrawn(NOTHING_DRAWN)
    return regions, strokes


def draw_digit(ink: Ink, mask: NDArray[np.bool_]) -> Prepared:
    """Draw the masked ink as MNIST would have.

    Args:
        ink: the ink found in a picture.
        mask: bool (h, w) of the ink's size, true where the digit is; somewhere it is.
    """
    rows, columns = _extent(mask)
    cropped = np.where(mask[rows, columns], ink.density[rows, columns], 0).astype(np.uint8)
    crop, stroke = _even_strokes(cropped.astype(np.float32))
    longer = max(cropped.shape)
    resized = _resample(crop, _BOX)
    resized = np.rint(resized * (255 / resized.max())).astype(np.uint8)
    digit, shift = _place(resized)
    applied = Applied(
        mode="mnist",
        inverted=ink.inverted,
        bounding_box=_in_sent_pixels(rows, columns, ink),
        scale=round(_BOX / (longer * ink.reduction), 4),
        shift=shift,
        threshold=ink.threshold,
        stroke=stroke,
    )
    stages = {
        "grey": ink.grey,
        "ink": ink.density,
        "mask": mask.astype(np.uint8) * np.uint8(255),
        "cropped": cropped,
        "resized": resized,
        "digit": digit,
    }
    return Prepared(digit, applied, stages)


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns between the first and the last true pixel."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )


def _in_sent_pixels(rows: slice, columns: slice, ink: Ink) -> tuple[int, int, int, int]:
    left, top = columns.start * ink.reduction, rows.start * ink.reduction
    width = (columns.stop - columns.start) * ink.reduction
    height = (rows.stop - rows.start) * ink.reduction
    return left, top, width, height


def _resample(image: NDArray[np.float32], longer: int) -> NDArray[np.float32]:
    """Scale to a longer side of `longer` pixels with area weights, the shape kept.

    Args:
        image: float32 (h, w).
        longer: pixels.

    Returns:
        float32 (longer, narrower) or (narrower, longer).
    """
    scale = longer / max(image.shape)
    rows = _area_weights(image.shape[0], scale)
    columns = _area_weights(image.shape[1], scale)
    return (rows @ image @ columns.T).astype(np.float32, copy=False)


def _area_weights(length: int, scale: float) -> NDArray[np.float32]:
    """How much each of `length` pixels counts in each scaled pixel, float32 (scaled, length).

    A scaled pixel averages what it covers. Where it covers less than a pixel it is taken one pixel
    wide: that is linear interpolation.
    """
    scaled = max(round(length * scale), 1)
    middle = (np.arange(scaled, dtype=np.float32)[:, np.newaxis] + 0.5) / scale
    middle += (length - scaled / scale) / 2  # the rounding is shared by both ends
    half = max(1 / scale, 1) / 2
    pixel = np.arange(length, dtype=np.float32)
    covered = np.minimum(middle + half, pixel + 1) - np.maximum(middle - half, pixel)
    weights: NDArray[np.float32] = (np.maximum(covered, 0) / (2 * half)).astype(np.float32)
    return weights


def _even_strokes(crop: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Bring strokes far thinner or thicker than MNIST's near them; others are left alone.

    Args:
        crop: float32 (h, w) in 0–255, the digit to its edges.

    Returns:
        The digit again, of another size where it was changed, and the factor of change.
    """
    width = _stroke_width(_resample(crop, 2 * _BOX)) / 2
    target = min(max(width, _THINNEST), _THICKEST)
    if target == width:
        return crop, 1.0
    steps = abs(target - width) / 2 * _FINE / _BOX  # one pixel of the outline each
    fine = np.pad(_resample(crop, _FINE), int(steps) + 1)
    changed = _grow(fine, steps) if target > width else 255 - _grow(255 - fine, steps)
    rows, columns = _extent(changed > changed.max() / 8)
    return changed[rows, columns], round(target / width, 2)


def _stroke_width(image: NDArray[np.float32]) -> float:
    """Mean width of the strokes, pixels: twice their area by the length of their outline.

    The outline is measured by how often it is crossed along rows and columns (Cauchy and Crofton),
    which also holds for grey pixels and needs no threshold.
    """
    padded = np.pad(image, 1)
    crossings = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    return float(2 * image.sum() / (np.pi / 4 * crossings))


def _grow(image: NDArray[np.float32], steps: float) -> NDArray[np.float32]:
    """Move the outline outwards by `steps` pixels, the last of them in part; same size."""
    for step in range(int(np.ceil(steps))):
        padded = np.pad(image, 1, mode="edge")
        grown = np.maximum(padded[:, :-2], padded[:, 2:])
        if step % 2:  # a cross and a square in turn: nearly a circle
            grown = np.maximum(grown, padded[:, 1:-1])
            grown = np.maximum(np.maximum(grown[:-2], grown[2:]), grown[1:-1])
        else:
            grown = np.maximum(grown[1:-1], np.maximum(padded[:-2, 1:-1], padded[2:, 1:-1]))
            grown = np.maximum(grown, image)
        image = image + np.float32(min(steps - step, 1)) * (grown - image)
    return image


def _place(resized: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Put a digit on 28 × 28 with its centre of mass in the middle; also the shift from there."""
    size = np.array(resized.shape)
    # MNIST's own rounding: its centres of mass lie from 13.5 up to, and never at, 14.5
    corner = np.ceil(_MIDDLE - 0.5 - _centre_of_mass(resized)).astype(int)
    top, left = (int(side) for side in np.clip(corner, 0, SIZE - size))
    digit = np.zeros((SIZE, SIZE), np.uint8)
    digit[top : top + size[0], left : left + size[1]] = resized
    return digit, (top - int(SIZE - size[0]) // 2, left - int(SIZE - size[1]) // 2)

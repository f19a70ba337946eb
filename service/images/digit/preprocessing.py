"""Any picture of a digit, drawn again as MNIST would have drawn it: the one implementation.

Used by the service, by training and by evaluation. Knows neither file formats nor HTTP nor the
model. The recipe is MNIST's own (QMNIST's reconstruction of it): crop to the ink, resample with
area weights so that the longer side is 20 pixels, scale to a maximum of 255, and shift by whole
pixels so that the centre of mass falls on the middle of 28 × 28.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import NothingDrawn, WrongShape
from service.images.digit.components import Components, bounding_box, find_components
from service.images.digit.ink import NOTHING_DRAWN, Ink, find_ink
from service.images.digit.strokes import LONGER, even_strokes, resample

SIZE = 28
Mode = Literal["auto", "mnist", "none"]

_MIDDLE = SIZE / 2  # where MNIST's centre of mass falls, pixel index
# float32 (2, 20): ones, and pixel indices; both sides of an image multiplied with these are its
# sum and its moments, exact as float32 for so few pixels
_LINES = np.stack((np.ones(LONGER), np.arange(LONGER))).astype(np.float32)
# float32 (3, 784): their product with an image is its sum and its moments by row and by column
_MOMENTS = np.vstack(
    (np.ones(SIZE * SIZE), np.indices((SIZE, SIZE)).reshape(2, SIZE * SIZE))
).astype(np.float32)
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
        draw_stages: makes the pictures of `stages`; not called where nobody asks for them.
    """

    digit: NDArray[np.uint8]
    applied: Applied
    draw_stages: Callable[[], dict[str, NDArray[np.uint8]]]

    @cached_property
    def stages(self) -> dict[str, NDArray[np.uint8]]:
        """The pictures on the way by name, in order, uint8 (h, w) each.

        `grey`, `ink`, `mask`, `cropped`, `resized` (the digit in its 20 pixels) and `digit`; of a
        picture that was taken as it was, `grey` and `digit`.
        """
        return self.draw_stages()


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
        return Prepared(picture, UNTOUCHED, lambda: {"grey": picture, "digit": picture})
    ink = find_ink(picture)
    regions, strokes = find_strokes(ink)
    return draw_digit(ink, regions.mask_of(strokes))


def _is_mnist(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture has every property that all 70,000 MNIST digits share.

    White ink on a background of exactly 0, more than half of it; a longer side of 19 or 20 pixels;
    the centre of mass within half a pixel of the middle.
    """
    if picture.shape != (SIZE, SIZE):
        return False
    # 784 pixels are searched faster as bytes than as an array
    pixels = picture.tobytes()
    if b"\xff" not in pixels and b"\xfe" not in pixels:
        return False
    if 2 * pixels.count(0) < len(pixels):
        return False
    longer = max(_rows_drawn(pixels), _rows_drawn(picture.T.tobytes()))
    if longer not in (LONGER - 1, LONGER):
        return False
    mass, row, column = (_MOMENTS @ picture.astype(np.float32).reshape(-1)).tolist()
    off_middle = max(abs(row / mass - _MIDDLE), abs(column / mass - _MIDDLE))
    return bool(off_middle < 0.55)


def _rows_drawn(pixels: bytes) -> int:
    """Count the rows from the first to the last that is not blank, in rows of 28 pixels."""
    first = (len(pixels) - len(pixels.lstrip(b"\0"))) // SIZE
    last = (len(pixels.rstrip(b"\0")) - 1) // SIZE
    return last - first + 1


def find_strokes(ink: Ink) -> tuple[Components, NDArray[np.bool_]]:
    """The regions of ink, and which of them are strokes rather than specks.

    Returns:
        The regions, and bool (count,): true for each that is a stroke. At least one is.

    Raises:
        NothingDrawn: only specks, or so many regions alike that they are texture.
    """
    regions = find_components(ink.possible)
    certain = regions.count(ink.certain)
    longer = np.maximum(regions.bottom - regions.top, regions.right - regions.left)
    area = np.where(certain > 0, regions.area, 0)
    strokes = area > _SPECK * area.max(initial=0)
    at_edge = _at_edge(regions, ink)
    if at_edge.any() and strokes.any():
        solid = certain / regions.area
        # a dark corner of the photo is mostly shade, not ink like the digit's own
        strokes &= ~at_edge | (solid > _SOLID * solid[np.argmax(certain)])
    count = np.count_nonzero(strokes)
    is_texture = count > _MOST_STROKES or area[strokes].sum() < _LEAST_SHARE * area.sum()
    if is_texture or not (strokes & (longer >= _SMALLEST)).any():
        raise NothingDrawn(NOTHING_DRAWN)
    return regions, strokes


def _at_edge(regions: Components, ink: Ink) -> NDArray[np.bool_]:
    """Which regions touch an edge of the picture, bool (count,)."""
    height, width = ink.grey.shape
    at_edge: NDArray[np.bool_] = (regions.top + ink.rows.start == 0) | (
        regions.left + ink.columns.start == 0
    )
    at_edge |= regions.bottom + ink.rows.start == height
    at_edge |= regions.right + ink.columns.start == width
    return at_edge


def draw_digit(ink: Ink, mask: NDArray[np.bool_]) -> Prepared:
    """Draw the masked ink as MNIST would have.

    Args:
        ink: the ink found in a picture.
        mask: bool (h, w) of the ink's size, true where the digit is; somewhere it is.
    """
    rows, columns = bounding_box(mask)
    cropped = ink.density[rows, columns] * mask[rows, columns]
    crop, stroke = even_strokes(cropped.astype(np.float32))
    resized = resample(crop, LONGER)
    resized = np.rint(resized * (255 / resized.max())).astype(np.uint8)
    digit, shift = _place(resized)
    applied = Applied(
        mode="mnist",
        inverted=ink.inverted,
        bounding_box=_in_sent_pixels(rows, columns, ink),
        scale=round(LONGER / (max(cropped.shape) * ink.reduction), 4),
        shift=shift,
        threshold=ink.threshold,
        stroke=stroke,
    )

    def draw_stages() -> dict[str, NDArray[np.uint8]]:
        return {
            "grey": ink.grey,
            "ink": _whole(ink.density, ink, ink.background),
            "mask": _whole(mask.astype(np.uint8) * np.uint8(255), ink, 0),
            "cropped": cropped,
            "resized": resized,
            "digit": digit,
        }

    return Prepared(digit, applied, draw_stages)


def _whole(part: NDArray[np.uint8], ink: Ink, background: int) -> NDArray[np.uint8]:
    """Put what was looked at, uint8 (h, w), back to its place in the picture, uint8 (H, W)."""
    whole = np.full_like(ink.grey, background)
    whole[ink.rows, ink.columns] = part
    return whole


def _in_sent_pixels(rows: slice, columns: slice, ink: Ink) -> tuple[int, int, int, int]:
    left = (columns.start + ink.columns.start) * ink.reduction
    top = (rows.start + ink.rows.start) * ink.reduction
    width = (columns.stop - columns.start) * ink.reduction
    height = (rows.stop - rows.start) * ink.reduction
    return left, top, width, height


def _place(resized: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Put a digit on 28 × 28 with its centre of mass in the middle; also the shift from there."""
    height, width = resized.shape
    lines = _LINES[:, :height], _LINES[:, :width]
    ((mass, across), (down, _)) = (lines[0] @ resized.astype(np.float32) @ lines[1].T).tolist()
    top, left = _corner(down / mass, height), _corner(across / mass, width)
    digit = np.zeros((SIZE, SIZE), np.uint8)
    digit[top : top + height, left : left + width] = resized
    return digit, (top - (SIZE - height) // 2, left - (SIZE - width) // 2)


def _corner(centre: float, length: int) -> int:
    """Where a side of `length` pixels starts, so that its centre of mass is in the middle."""
    # MNIST's own rounding: its centres of mass lie from 13.5 up to, and never at, 14.5
    return min(max(math.ceil(_MIDDLE - 0.5 - centre), 0), SIZE - length)

"""Preprocess an image of a digit to MNIST's format: the one implementation.

Used by the service, by training and by evaluation. Does not know file formats, HTTP or the model.
The page has a second one for drawings only, `service/web/prepare`.
The steps are MNIST's own, as QMNIST reconstructed them: crop to the foreground's bounding box,
resample with area weights so that the longer side is 20 pixels, scale to a maximum of 255, and
shift by whole pixels so that the centre of mass is in the middle of 28 × 28.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import WrongShape
from service.images.digit.components import bounding_box
from service.images.digit.foreground import Foreground
from service.images.digit.regions import Removal
from service.images.digit.strokes import LONGER, normalise_strokes, resample
from service.images.digit.surroundings import FoundDigit, find_digit

SIZE = 28
Mode = Literal["auto", "mnist", "none"]

_MIDDLE = SIZE / 2  # pixel index of the centre of mass of MNIST's digits
# float32 (2, 20): ones, and pixel indices; multiplying both sides of an image with these gives its
# sum and its moments, which float32 represents exactly for so few pixels
_LINES = np.stack((np.ones(LONGER), np.arange(LONGER))).astype(np.float32)
# float32 (3, 784): the product with an image is its sum and its moments by row and by column
_MOMENTS = np.vstack(
    (np.ones(SIZE * SIZE), np.indices((SIZE, SIZE)).reshape(2, SIZE * SIZE))
).astype(np.float32)


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing of an image; part of the response.

    Attributes:
        mode: "mnist" where the image was normalised, "resize" where it was resized to the input of
            a model of other images, "none" where its pixels were not changed.
        inverted: whether a dark digit on a bright background was inverted.
        bounding_box: left, top, width, height of the digit, or of the part that was resized, in
            pixels of the client's image.
        scale: pixels of the digit for one pixel of the client's image.
        shift: rows and columns by which the digit was moved from the middle of 28 × 28, to centre
            its mass.
        threshold: contrast to the background, 0–255, from which a pixel was foreground; None
            where no threshold was needed.
        stroke: factor by which strokes were dilated (above 1) or eroded (below 1).
        removed: what surrounded the digit and was removed, in the order of removal. outside: all
            beyond a sheet of paper. shadow: the edge of a shadow. border: bars, fingers and dark
            corners at the image's edge. grid: crossing lines. box: a frame around the digit.
            lines: other straight lines. marks: small marks beside the digit.
    """

    mode: Literal["mnist", "resize", "none"]
    inverted: bool
    bounding_box: tuple[int, int, int, int]
    scale: float
    shift: tuple[int, int]
    threshold: float | None
    stroke: float
    removed: tuple[Removal, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """An image as the model's input, and its preprocessing.

    Attributes:
        digit: uint8 (28, 28), foreground 255 on 0; of a model that resizes images, (H, W, C).
        applied: the preprocessing.
        render_stages: renders the images of `stages`; called only where these are requested.
    """

    digit: NDArray[np.uint8]
    applied: Preprocessing
    render_stages: Callable[[], dict[str, NDArray[np.uint8]]]

    @cached_property
    def stages(self) -> dict[str, NDArray[np.uint8]]:
        """The intermediate images by name, in order, uint8 (h, w) each.

        `grey`, `ink`, `mask`, `cropped`, `resized` (the longer side 20 pixels) and `digit`; of an
        image whose pixels were not changed, `grey` and `digit`.
        """
        return self.render_stages()


NO_PREPROCESSING = Preprocessing("none", False, (0, 0, SIZE, SIZE), 1.0, (0, 0), None, 1.0)


def prepare(image: NDArray[np.uint8], mode: Mode = "auto") -> Prepared:
    """Preprocess an image of one digit to MNIST's format.

    Args:
        image: uint8 (H, W) in 0–255, any size, either polarity.
        mode: "auto" leaves a true MNIST digit byte for byte as it is and normalises every other
            image; "mnist" normalises every image; "none" requires 28 × 28 pixels and leaves them.

    Raises:
        NothingDrawn: there is no digit in the image.
        WrongShape: the mode is "none" and the image is not 28 × 28.
    """
    if mode == "none" and image.shape != (SIZE, SIZE):
        height, width = image.shape
        raise WrongShape(
            f"preprocess=none takes an image of 28 × 28 pixels, not {width} × {height}; "
            "send that size, or preprocess=auto."
        )
    if mode == "none" or (mode == "auto" and _is_mnist(image)):
        return Prepared(image, NO_PREPROCESSING, lambda: {"grey": image, "digit": image})
    return normalise(find_digit(image))


def _is_mnist(image: NDArray[np.uint8]) -> bool:
    """Return whether an image has every property that all 70,000 MNIST digits share.

    These are: white foreground on a background of exactly 0, which is more than half of the image;
    a longer side of 19 or 20 pixels; a centre of mass within half a pixel of the middle.
    """
    if image.shape != (SIZE, SIZE):
        return False
    # 784 pixels are searched faster as bytes than as an array
    pixels = image.tobytes()
    if b"\xff" not in pixels and b"\xfe" not in pixels:
        return False
    if 2 * pixels.count(0) < len(pixels):
        return False
    longer = max(_rows_drawn(pixels), _rows_drawn(image.T.tobytes()))
    if longer not in (LONGER - 1, LONGER):
        return False
    mass, row, column = (_MOMENTS @ image.astype(np.float32).reshape(-1)).tolist()
    distance = max(abs(row / mass - _MIDDLE), abs(column / mass - _MIDDLE))
    return bool(distance < 0.55)


def _rows_drawn(pixels: bytes) -> int:
    """Count the rows of 28 pixels from the first to the last one that is not blank."""
    first = (len(pixels) - len(pixels.lstrip(b"\0"))) // SIZE
    last = (len(pixels.rstrip(b"\0")) - 1) // SIZE
    return last - first + 1


def normalise(found: FoundDigit) -> Prepared:
    """Normalise the size, stroke width and position of a digit to MNIST's.

    Args:
        found: a digit's strokes, at least one pixel.
    """
    foreground, mask = found.foreground, found.mask
    rows, columns = bounding_box(mask)
    cropped = foreground.intensity[rows, columns] * mask[rows, columns]
    crop, stroke = normalise_strokes(cropped.astype(np.float32))
    resized = resample(crop, LONGER)
    resized = np.rint(resized * (255 / resized.max())).astype(np.uint8)
    digit, shift = _place(resized)
    applied = Preprocessing(
        mode="mnist",
        inverted=foreground.inverted,
        bounding_box=_in_client_pixels(rows, columns, foreground),
        scale=round(LONGER / (max(cropped.shape) * foreground.reduction), 4),
        shift=shift,
        threshold=foreground.threshold,
        stroke=stroke,
        removed=found.removed,
    )

    def render_stages() -> dict[str, NDArray[np.uint8]]:
        removed = {}
        if found.area is not None:
            removed["removed"] = foreground.uncropped(
                found.area.astype(np.uint8) * np.uint8(255), 0
            )
        return {
            "grey": foreground.grey,
            "ink": foreground.uncropped(foreground.intensity, foreground.background),
            **removed,
            "mask": foreground.uncropped(mask.astype(np.uint8) * np.uint8(255), 0),
            "cropped": cropped,
            "resized": resized,
            "digit": digit,
        }

    return Prepared(digit, applied, render_stages)


def _in_client_pixels(
    rows: slice, columns: slice, foreground: Foreground
) -> tuple[int, int, int, int]:
    """Return left, top, width and height in pixels of the client's image."""
    left = (columns.start + foreground.columns.start) * foreground.reduction
    top = (rows.start + foreground.rows.start) * foreground.reduction
    width = (columns.stop - columns.start) * foreground.reduction
    height = (rows.stop - rows.start) * foreground.reduction
    return left, top, width, height


def _place(resized: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Place a digit on 28 × 28 by its centre of mass; return it and its shift from the middle."""
    height, width = resized.shape
    lines = _LINES[:, :height], _LINES[:, :width]
    ((mass, across), (down, _)) = (lines[0] @ resized.astype(np.float32) @ lines[1].T).tolist()
    top, left = _corner(down / mass, height), _corner(across / mass, width)
    digit = np.zeros((SIZE, SIZE), np.uint8)
    digit[top : top + height, left : left + width] = resized
    return digit, (top - (SIZE - height) // 2, left - (SIZE - width) // 2)


def _corner(centre: float, length: int) -> int:
    """Return where a side of `length` pixels starts to have its centre of mass in the middle."""
    # this is MNIST's rounding: its centres of mass lie in [13.5, 14.5)
    return min(max(math.ceil(_MIDDLE - 0.5 - centre), 0), SIZE - length)

"""Resize an image of any size to a model's input. Does not know file formats or the model."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = Literal["grey", "rgb", "bgr"]
Fit = Literal["crop", "stretch", "pad"]
Box = tuple[int, int, int, int]
_MIDDLE_GREY = 128  # fills what `pad` leaves free: neither bright nor dark


@dataclass(frozen=True)
class Resized:
    """An image in the size of the model's input.

    Attributes:
        pixels: uint8 (height, width, channels), one channel for grey, else three.
        box: left, top, width, height of what it shows, in pixels of the original image.
    """

    pixels: NDArray[np.uint8]
    box: Box


def resize(
    image: NDArray[np.uint8],
    size: tuple[int, int],
    colour: Colour,
    fit: Fit,
    shorter: int | None = None,
) -> Resized:
    """Resize an image, bilinearly and with antialiasing.

    Args:
        image: uint8 (H, W) or (H, W, 3), red first.
        size: height and width of the result.
        colour: of the result's channels.
        fit: crop: the shorter side becomes `shorter` pixels, and the centre is cut out. stretch:
            both sides become the result's. pad: the longer side fits, the rest becomes grey.
        shorter: pixels; None for the fewest that cover the result.
    """
    height, width = image.shape[:2]
    box = (0.0, 0.0, float(width), float(height))
    target = size
    if fit == "crop":
        box = _centre(height, width, size, shorter)
    elif fit == "pad":
        factor = min(size[0] / height, size[1] / width)
        target = (max(round(height * factor), 1), max(round(width * factor), 1))
    picture = Image.fromarray(image)
    if target != (height, width) or box != (0, 0, width, height):
        # resampling reads beyond the box only where the image has pixels there
        picture = picture.resize((target[1], target[0]), Image.Resampling.BILINEAR, box)
    pixels = np.asarray(picture)
    if target != size:
        top, left = (size[0] - target[0]) // 2, (size[1] - target[1]) // 2
        padded = np.full((*size, *pixels.shape[2:]), _MIDDLE_GREY, np.uint8)
        padded[top : top + target[0], left : left + target[1]] = pixels
        pixels = padded
    left, top, right, bottom = (round(side) for side in box)
    return Resized(_channels(pixels, colour), (left, top, right - left, bottom - top))


def _centre(
    height: int, width: int, size: tuple[int, int], shorter: int | None
) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of what becomes the result, in the image's pixels."""
    factor = max(size[0] / height, size[1] / width)
    if shorter is not None:
        factor = max(factor, shorter / min(height, width))
    seen_height, seen_width = size[0] / factor, size[1] / factor
    left, top = (width - seen_width) / 2, (height - seen_height) / 2
    return (
        max(left, 0.0),
        max(top, 0.0),
        min(left + seen_width, width),
        min(top + seen_height, height),
    )


def _channels(pixels: NDArray[np.uint8], colour: Colour) -> NDArray[np.uint8]:
    if colour == "grey":
        grey = pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))
        return grey[..., np.newaxis]
    rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
    return rgb if colour == "rgb" else np.ascontiguousarray(rgb[..., ::-1])

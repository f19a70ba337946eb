"""Draw a digit on a background, and measure where it was drawn."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training import renderings

Pixels = NDArray[np.uint8]
Draw = Callable[[ImageDraw.ImageDraw], None]

PAPER, INK, SIDE = 230, 30, 280


def background(*draw: Draw, paper: int = PAPER, side: int = SIDE) -> Pixels:
    """Return a square of paper on which each of `draw` has drawn, uint8 (side, side)."""
    image = Image.new("L", (side, side), paper)
    for each in draw:
        each(ImageDraw.Draw(image))
    return np.asarray(image)


def with_digit(
    image: Pixels, digit: Pixels, *, longer: int = 110, top: int = 90, left: int = 100
) -> Pixels:
    """Return the image with a dark digit on it, uint8 (H, W)."""
    shape = renderings.shape_of(digit, longer)
    result = image.astype(np.float64)
    part = result[top : top + shape.shape[0], left : left + shape.shape[1]]
    part[:] = part * (1 - shape) + INK * shape
    return np.rint(result).astype(np.uint8)


def box_of(image: Pixels, empty: Pixels) -> NDArray[np.int64]:
    """Return left, top, width, height of what an image has and the empty one has not."""
    rows, columns = np.nonzero(np.abs(image.astype(int) - empty) > 18)
    return np.array(
        (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1), dtype=np.int64
    )

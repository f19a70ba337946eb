"""A decoded colour image, as decoding passes it on to resizing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Picture:
    """A decoded colour image, upright.

    Attributes:
        pixels: uint8 (H, W, 3) in 0–255, RGB; the channels are equal where the image is grey.
        size: height and width of the file's image.
        reduction: 2, 4 or 8 where a JPEG was decoded at that fraction of its size; H and W are then
            those of `size` divided by it and rounded up. 1 for every other image.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    reduction: int = 1

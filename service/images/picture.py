"""A decoded colour image, as decoding passes it on to resizing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Picture:
    """A decoded colour image, upright.

    Attributes:
        image: of mode RGB; the channels are equal where the image is grey. Pillow's object, because
            it is resized next, and each conversion to an array and back copies all pixels.
        size: height and width of the file's image.
        reduction: 2, 4 or 8 where a JPEG was decoded at that fraction of its size; the sides of
            `image` are then those of `size` divided by it and rounded up. 1 for all others.
    """

    image: Image.Image
    size: tuple[int, int]
    reduction: int = 1

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Return the pixels, uint8 (H, W, 3) in 0–255."""
        return np.ascontiguousarray(np.asarray(self.image))

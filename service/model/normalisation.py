"""Turn pixels into the numbers that a graph takes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.float32]
BYTE = 1 / 255


@dataclass(frozen=True)
class Normalisation:
    """From bytes to the graph's numbers: (byte · scale − mean) / std.

    Attributes:
        scale: of a byte 0–255.
        mean: subtracted; a number for all channels, or one for each. None for 0.
        std: divides; as the mean. None for 1.
    """

    scale: float = BYTE
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def apply(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return the graph's numbers.

        Args:
            pixels: (…, H, W, C), uint8 in 0–255, or float32 in 0–1, where 1 is the byte 255.
        """
        if self._is_default:
            return as_floats(pixels)
        factor, offset = self._line
        if pixels.dtype == np.uint8:
            numbers = np.multiply(pixels, factor, dtype=np.float32)
        else:
            numbers = pixels * (factor * np.float32(255))
        numbers += offset
        return numbers

    @cached_property
    def _is_default(self) -> bool:
        return self == Normalisation()

    @cached_property
    def _line(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return factor and offset of byte · factor + offset, float32 (1,) or (C,) each."""
        mean, std = np.array(self.mean or (0.0,)), np.array(self.std or (1.0,))
        factor, offset = self.scale / std, -mean / std
        return np.atleast_1d(factor).astype(np.float32), np.atleast_1d(offset).astype(np.float32)


def as_floats(pixels: Pixels) -> NDArray[np.float32]:
    """Return uint8 0–255 as float32 0–1; float32 stays unchanged.

    Args:
        pixels: of any shape.
    """
    if pixels.dtype == np.float32:
        return pixels.astype(np.float32, copy=False)
    floats = pixels.astype(np.float32)
    floats /= np.float32(255)
    return floats

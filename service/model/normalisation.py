"""Turn pixels into the numbers that a graph takes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Normalisation:
    scale: float = 1 / 255
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        return as_floats(pixels)


def as_floats(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Return uint8 0–255 as float32 0–1; float32 stays unchanged.

    Args:
        pixels: of any shape.
    """
    if pixels.dtype == np.float32:
        return pixels.astype(np.float32, copy=False)
    floats = pixels.astype(np.float32)
    floats /= np.float32(255)
    return floats

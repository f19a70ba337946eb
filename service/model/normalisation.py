"""Convert the bytes of images to the numbers that a model was trained on.

Imports NumPy alone: training, the engine and the reader of bundles share this one implementation.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Normalisation:
    """From bytes to the graph's numbers: (byte · scale − mean) / std, per channel.

    Attributes:
        scale: above 0.
        mean: one number for all channels, or one per channel; empty for 0.
        std: one number for all channels, or one per channel, each above 0; empty for 1.
    """

    scale: float = 1 / 255
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: a number is not finite, or `scale` or `std` is not above 0.
        """
        if not all(math.isfinite(number) for number in (self.scale, *self.mean, *self.std)):
            raise ValueError("scale, mean and std must be finite numbers.")
        if not all(number > 0 for number in (self.scale, *self.std)):
            raise ValueError("scale and std must be above 0.")

    def apply(self, pixels: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise pixels.

        Args:
            pixels: (…, C), uint8 in 0–255 or float32 in 0–1, where 1 is the byte 255.

        Returns:
            float32 (…, C); `pixels` themselves where they are float32 and nothing is to be changed.

        Raises:
            ValueError: `mean` or `std` has neither one number nor C.
        """
        if self._is_default:
            return as_floats(pixels)
        has_bytes = pixels.dtype == np.uint8
        channels = pixels.shape[-1]
        self.check(channels)
        std = np.array(self.std or 1.0)
        factor = (self.scale if has_bytes else self.scale * 255) / std
        offset = -np.array(self.mean or 0.0) / std
        floats = np.array(pixels, np.float32, order="C")
        # A row at a time: NumPy is several times slower where the last axis has three elements.
        width = pixels.shape[-2] if pixels.ndim > 1 else 1
        rows = floats.reshape(math.prod(pixels.shape[:-2]), width * channels)
        rows *= _row(factor, channels, width)
        if self.mean:
            rows += _row(offset, channels, width)
        return floats

    @cached_property
    def _is_default(self) -> bool:
        return self == Normalisation()

    def check(self, channels: int) -> None:
        """Check that it can be applied to pixels of that many channels.

        Raises:
            ValueError: `mean` or `std` has neither one number nor one per channel.
        """
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in (0, 1, channels):
                allowed = "one number" if channels == 1 else f"one number or {channels}"
                raise ValueError(f"{name} must have {allowed}, got {len(numbers)}.")


def _row(numbers: NDArray[np.float64], channels: int, width: int) -> NDArray[np.float32]:
    """Repeat numbers of one or all channels for each pixel of a row, float32 (width · channels)."""
    return np.tile(np.broadcast_to(numbers.astype(np.float32), channels), width)


def as_floats(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Return uint8 0–255 as float32 0–1; float32 stays unchanged.

    Args:
        pixels: of any shape.
    """
    if pixels.dtype == np.float32:
        return pixels.astype(np.float32, copy=False)
    floats = pixels.astype(np.float32)
    # not multiplied by 1/255: the quotients are the values that bundles recorded
    floats /= np.float32(255)
    return floats

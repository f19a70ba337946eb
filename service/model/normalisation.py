"""Convert the bytes of images to the numbers that a model was trained on.

Imports NumPy alone: training, the engine and the reader of bundles share this one implementation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

KEYS = ("scale", "mean", "std")  # of the manifest's object
_MAX_BYTE = np.float32(255)


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
        has_bytes = pixels.dtype == np.uint8
        if self._is_default:
            floats = pixels.astype(np.float32, copy=False)
            if has_bytes:
                # Not multiplied by 1/255: the quotients are the values that bundles recorded.
                floats /= _MAX_BYTE
            return floats
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

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's object, with every key of `KEYS`."""
        return {"scale": self.scale, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], channels: int) -> Self:
        """Parse a manifest's object; a missing key has its default.

        Args:
            fields: keys of `KEYS` alone.
            channels: of the model's input.

        Raises:
            ValueError: a key is unknown, or a value is not allowed.
        """
        if unknown := fields.keys() - set(KEYS):
            raise ValueError(f"The normalisation has {', '.join(KEYS)}, not {min(unknown)!r}.")
        normalisation = cls(
            _number("scale", fields.get("scale", cls.scale)),
            _numbers("mean", fields.get("mean", [])),
            _numbers("std", fields.get("std", [])),
        )
        normalisation.check(channels)
        return normalisation


def _number(key: str, value: object) -> float:
    """Return a JSON number as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} must be a number, got {value!r}.")
    return float(value)


def _numbers(key: str, values: object) -> tuple[float, ...]:
    """Return a JSON list of numbers as floats."""
    if not isinstance(values, list):
        raise ValueError(f"{key} must be a list of numbers, got {values!r}.")
    return tuple(_number(key, value) for value in values)


def _row(numbers: NDArray[np.float64], channels: int, width: int) -> NDArray[np.float32]:
    """Repeat numbers of one or all channels for each pixel of a row, float32 (width · channels)."""
    return np.tile(np.broadcast_to(numbers.astype(np.float32), channels), width)

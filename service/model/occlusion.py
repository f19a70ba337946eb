"""Compute an occlusion map: how much the confidence drops when each patch of the digit is covered.

The method is Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.2. It uses the model's inputs and probabilities alone, no inner layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequest
from service.model.engine import Engine

# A 6 × 6 patch interrupts a stroke of 2 to 3 pixels and still separates neighbouring strokes:
# smaller patches hardly change the confidence, larger ones hide half a digit. Stride 2 divides
# 28 - 6, so that all positions are equally far apart, and takes a quarter of stride 1's time.
DEFAULT_PATCH, DEFAULT_STRIDE, DEFAULT_FILL = 6, 2, 0
MAX_POSITIONS = 1024  # runs of the model for one digit; a 28 × 28 one has at most 784

Positions = tuple[int, ...]


@dataclass(frozen=True)
class Occlusion:
    """How much the confidence in the predicted class drops when a patch is covered.

    Attributes:
        index: of the class that is predicted for the uncovered digit.
        label: that class's label.
        confidence: its probability for the uncovered digit, 0–1.
        heat: float32 (rows, columns), -1–1, a cell for every position of the patch: confidence
            without the patch minus confidence with it. Below 0 where covering raises it.
        pixels: float32 (H, W), -1–1: for every pixel, the mean of `heat` over the patches on it.
        patch: side of the covered square, pixels.
        stride: distance between neighbouring positions, pixels.
        fill: value of the covered pixels, 0–255, in every channel.
        tops: top row of the patch, for each row of `heat`.
        lefts: left column of the patch, for each column of `heat`.
    """

    index: int
    label: str
    confidence: float
    heat: NDArray[np.float32]
    pixels: NDArray[np.float32]
    patch: int
    stride: int
    fill: int
    tops: Positions
    lefts: Positions


def occlude(
    engine: Engine,
    digit: NDArray[np.uint8],
    patch: int = DEFAULT_PATCH,
    stride: int = DEFAULT_STRIDE,
    fill: int = DEFAULT_FILL,
) -> Occlusion:
    """Predict the digit with a patch at every position, all of them in one batch.

    Args:
        engine: runs the model.
        digit: uint8 (H, W, C), 0–255, of the model's input shape.
        patch: side of the square to cover, pixels.
        stride: distance between neighbouring positions, pixels. Where it does not divide H - patch
            or W - patch, the last position is at the border, so that every pixel is covered.
        fill: value of the covered pixels, 0–255; 0 is the background.

    Raises:
        MalformedRequest: a parameter is out of its range, or there are more than MAX_POSITIONS.
    """
    height, width, _ = digit.shape
    _check("patch", patch, 1, min(height, width), "the digit's shorter side")
    _check("stride", stride, 1, patch, "the patch, so that every pixel is covered")
    _check("fill", fill, 0, 255, "ink")
    tops, lefts = _positions(height, patch, stride), _positions(width, patch, stride)
    count = len(tops) * len(lefts)
    if count > MAX_POSITIONS:
        raise MalformedRequest(
            f"patch={patch} with stride={stride} has {count} positions; at most {MAX_POSITIONS} "
            "are allowed: use a larger patch or stride."
        )
    batch = np.repeat(digit[np.newaxis], 1 + count, axis=0)  # (1 + N, H, W, C)
    for covered, square in zip(batch[1:], _squares(tops, lefts, patch), strict=True):
        covered[square] = fill
    probabilities = engine.probabilities(batch)  # (1 + N, classes)
    index = int(probabilities[0].argmax())
    heat = (probabilities[0, index] - probabilities[1:, index]).reshape(len(tops), len(lefts))
    return Occlusion(
        index=index,
        label=engine.bundle.labels[index],
        confidence=float(probabilities[0, index]),
        heat=heat,
        pixels=_by_pixel(heat, _squares(tops, lefts, patch), (height, width)),
        patch=patch,
        stride=stride,
        fill=fill,
        tops=tops,
        lefts=lefts,
    )


def _check(name: str, value: int, lowest: int, highest: int, limit: str) -> None:
    if not lowest <= value <= highest:
        raise MalformedRequest(f"{name} must be {lowest} to {highest} ({limit}), got {value}.")


def _positions(side: int, patch: int, stride: int) -> Positions:
    """Return where the patch starts along one side, the last one at the border."""
    last = side - patch
    return (*range(0, last, stride), last)


def _squares(tops: Positions, lefts: Positions, patch: int) -> Iterator[tuple[slice, slice]]:
    """Yield the covered squares in the order of `heat`'s cells, row by row."""
    for top in tops:
        for left in lefts:
            yield slice(top, top + patch), slice(left, left + patch)


def _by_pixel(
    heat: NDArray[np.float32], squares: Iterator[tuple[slice, slice]], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Average the drop over the patches that cover each pixel, float32 (H, W)."""
    total, count = np.zeros(shape), np.zeros(shape)
    for drop, square in zip(heat.flat, squares, strict=True):
        total[square] += drop
        count[square] += 1
    return (total / count).astype(np.float32)

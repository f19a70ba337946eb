"""Which pixels the answer rests on: cover a patch, ask again, and see how far the confidence falls.

The method is Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.2. It knows nothing of layers: only what goes into the engine and what comes out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequest
from service.model.engine import Engine

# A 6 × 6 patch breaks a stroke of 2 to 3 pixels and still tells one stroke from another: smaller
# ones leave most digits as sure as before, larger ones hide half a digit. Stride 2 divides
# 28 - 6, so no place is crowded against the border, and makes a quarter of stride 1's work.
DEFAULT_PATCH, DEFAULT_STRIDE, DEFAULT_FILL = 6, 2, 0
MAX_COVERS = 1024  # runs of the model for one digit; a 28 × 28 one has at most 784 places

Places = tuple[int, ...]


@dataclass(frozen=True)
class Occlusion:
    """How much the confidence in the predicted class drops when a patch is covered.

    Attributes:
        index: of the class that is watched: the one predicted for the digit without cover.
        label: that class's label.
        confidence: its probability without cover, 0–1.
        heat: float32 (rows, columns), -1–1, a cell for every place of the patch: confidence without
            cover minus confidence with it. Below 0 where the cover makes the model surer.
        pixels: float32 (H, W), -1–1: for every pixel, the mean of `heat` over the patches on it.
        patch: side of the square that is covered, pixels.
        stride: from one place to the next, pixels.
        fill: what the patch is covered with, 0–255, in every channel.
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
    tops: Places
    lefts: Places


def occlude(
    engine: Engine,
    digit: NDArray[np.uint8],
    patch: int = DEFAULT_PATCH,
    stride: int = DEFAULT_STRIDE,
    fill: int = DEFAULT_FILL,
) -> Occlusion:
    """Cover every place of a digit in turn, all of them in one batch.

    Args:
        engine: the model that is asked.
        digit: uint8 (H, W, C), 0–255, of the model's input shape.
        patch: side of the square to cover, pixels.
        stride: from one place to the next, pixels. Where it does not divide H - patch or W - patch,
            the last place is moved back to the border, so that every pixel is covered.
        fill: what to cover with, 0–255; 0 is the background.

    Raises:
        MalformedRequest: a parameter is out of its range, or they make more than MAX_COVERS places.
    """
    height, width, _ = digit.shape
    _check("patch", patch, 1, min(height, width), "the digit's shorter side")
    _check("stride", stride, 1, patch, "the patch, so that every pixel is covered")
    _check("fill", fill, 0, 255, "ink")
    tops, lefts = _places(height, patch, stride), _places(width, patch, stride)
    if len(tops) * len(lefts) > MAX_COVERS:
        raise MalformedRequest(
            f"patch={patch} with stride={stride} has {len(tops) * len(lefts)} places, and "
            f"{MAX_COVERS} are the most: take a larger patch and stride."
        )
    batch = np.repeat(digit[np.newaxis], 1 + len(tops) * len(lefts), axis=0)  # (1 + N, H, W, C)
    for covered, place in zip(batch[1:], _squares(tops, lefts, patch), strict=True):
        covered[place] = fill
    answers = engine.probabilities(batch)  # (1 + N, classes)
    index = int(answers[0].argmax())
    heat = (answers[0, index] - answers[1:, index]).reshape(len(tops), len(lefts))
    return Occlusion(
        index=index,
        label=engine.bundle.labels[index],
        confidence=float(answers[0, index]),
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
        raise MalformedRequest(f"{name}={value} must be {lowest} to {highest} ({limit}).")


def _places(side: int, patch: int, stride: int) -> Places:
    """Where the patch begins along one side, the last one at the border."""
    last = side - patch
    return (*range(0, last, stride), last)


def _squares(tops: Places, lefts: Places, patch: int) -> Iterator[tuple[slice, slice]]:
    """The covered squares in the order of `heat`'s cells, row by row."""
    for top in tops:
        for left in lefts:
            yield slice(top, top + patch), slice(left, left + patch)


def _by_pixel(
    heat: NDArray[np.float32], squares: Iterator[tuple[slice, slice]], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """The mean drop over the patches that cover each pixel, float32 (H, W)."""
    total, count = np.zeros(shape), np.zeros(shape)
    for drop, square in zip(heat.flat, squares, strict=True):
        total[square] += drop
        count[square] += 1
    return (total / count).astype(np.float32)

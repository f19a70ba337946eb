"""Compute an occlusion map: how much the confidence drops when each patch of an image is covered.

The method is Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.2. It uses the model's inputs and probabilities alone, no inner layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequest
from service.model.engine import Engine

# A 6 × 6 patch on a digit of 28 × 28 interrupts a stroke of 2 to 3 pixels and still separates
# neighbouring strokes: smaller patches hardly change the confidence, larger ones hide half a digit.
# A step of a third of it divides 28 - 6, so that all positions are equally far apart, and takes a
# quarter of stride 1's time. Other inputs get the same shares of their shorter side.
_PATCH, _SIDE, _STRIDES_A_PATCH = 6, 28, 3
_DEFAULT_POSITIONS = 256  # a square input has at most 196; a long one gets a larger stride
MAX_POSITIONS = 1024  # a 28 × 28 image has at most 784
MAX_S = 20.0  # time of one map; a model that takes long has fewer positions

# A black square in a photograph is an object of its own. Zeiler & Fergus cover with grey, which is
# also near 0, the mean of the training images, after the usual normalisations.
BACKGROUND, MID_GREY = 0, 128

Positions = tuple[int, ...]
Shape = tuple[int, int]
Square = tuple[slice, slice]


@dataclass(frozen=True)
class Occlusion:
    """How much the confidence in the predicted class drops when a patch is covered.

    Attributes:
        index: of the class that is predicted for the uncovered image.
        label: that class's label.
        confidence: its probability for the uncovered image, 0–1.
        heat: float32 (rows, columns), -1–1, a cell for every position of the patch: confidence
            without the patch minus confidence with it. Below 0 where covering raises it.
        pixels: float32 (H, W), -1–1: for every pixel, the mean of `heat` over the patches on it.
        patch: side of the covered square, pixels of the model's input.
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
    image: NDArray[np.uint8],
    patch: int | None = None,
    stride: int | None = None,
    fill: int | None = None,
) -> Occlusion:
    """Predict the image with a patch at every position.

    It keeps no interpreter from one block of images to the next, and no more copies of the image
    than one block has.

    Args:
        engine: runs the model.
        image: uint8 (H, W, C), 0–255, of the model's input shape.
        patch: side of the square to cover, pixels; None for 6/28 of the shorter side.
        stride: distance between neighbouring positions, pixels. Where it does not divide H - patch
            or W - patch, the last position is at the border, so that every pixel is covered. None
            for a third of the default patch, or for the patch where that is smaller.
        fill: value of the covered pixels, 0–255; None for the background of a digit, and for mid
            grey in other images.

    Raises:
        MalformedRequest: a parameter is out of its range, or there are too many positions.
    """
    height, width, _ = image.shape
    shape = (height, width)
    patch = _default_patch(shape) if patch is None else patch
    _check("patch", patch, 1, min(shape), "the shorter side of the model's input")
    stride = min(_default_stride(shape), patch) if stride is None else stride
    _check("stride", stride, 1, patch, "the patch, so that every pixel is covered")
    fill = _default_fill(engine) if fill is None else fill
    _check("fill", fill, 0, 255, "in every channel")
    _check_count(engine, shape, patch, stride)
    tops, lefts = (_positions(side, patch, stride) for side in shape)
    squares = list(_squares(tops, lefts, patch))
    uncovered = engine.probabilities(image[np.newaxis])[0]  # (classes,)
    index = int(uncovered.argmax())
    covered = [
        engine.probabilities(_cover(image, squares[first : first + engine.block], fill))[:, index]
        for first in range(0, len(squares), engine.block)
    ]
    heat = (uncovered[index] - np.concatenate(covered)).reshape(len(tops), len(lefts))
    return Occlusion(
        index=index,
        label=engine.bundle.labels[index],
        confidence=float(uncovered[index]),
        heat=heat,
        pixels=_by_pixel(heat, squares, shape),
        patch=patch,
        stride=stride,
        fill=fill,
        tops=tops,
        lefts=lefts,
    )


def _default_patch(shape: Shape) -> int:
    return max(1, round(min(shape) * _PATCH / _SIDE))


def _default_stride(shape: Shape) -> int:
    """Return a third of the default patch; more, up to all of it, on an input that is long."""
    patch = _default_patch(shape)
    strides = range(-(-patch // _STRIDES_A_PATCH), patch + 1)
    fitting = (each for each in strides if _count(shape, patch, each) <= _DEFAULT_POSITIONS)
    return next(fitting, patch)


def _default_fill(engine: Engine) -> int:
    return BACKGROUND if engine.bundle.input.is_digit else MID_GREY


def _check(name: str, value: int, lowest: int, highest: int, limit: str) -> None:
    if not lowest <= value <= highest:
        raise MalformedRequest(f"{name} must be {lowest} to {highest} ({limit}), got {value}.")


def _check_count(engine: Engine, shape: Shape, patch: int, stride: int) -> None:
    """Raise an error that states parameters to use if there are too many positions.

    The number that the defaults have is always allowed, however long the model takes.
    """
    count = _count(shape, patch, stride)
    default = _count(shape, _default_patch(shape), _default_stride(shape))
    seconds = engine.seconds()
    limit = max(default, min(MAX_POSITIONS, int(MAX_S / seconds)))
    if count <= limit:
        return
    same_patch = ((patch, each) for each in range(stride, patch + 1))
    larger = ((each, each) for each in range(patch + 1, min(shape) + 1))
    advice = next(each for each in chain(same_patch, larger) if _count(shape, *each) <= limit)
    reason = f" for a model of {1000 * seconds:.0f} ms an image" if limit < MAX_POSITIONS else ""
    raise MalformedRequest(
        f"patch={patch} with stride={stride} has {count:,} positions; at most {limit:,} are "
        f"allowed{reason}: use at least patch={advice[0]} with stride={advice[1]}."
    )


def _count(shape: Shape, patch: int, stride: int) -> int:
    """Return the number of positions."""
    rows, columns = (-(-(side - patch) // stride) + 1 for side in shape)
    return rows * columns


def _positions(side: int, patch: int, stride: int) -> Positions:
    """Return where the patch starts along one side, the last one at the border."""
    last = side - patch
    return (*range(0, last, stride), last)


def _squares(tops: Positions, lefts: Positions, patch: int) -> Iterator[Square]:
    """Yield the covered squares in the order of `heat`'s cells, row by row."""
    for top in tops:
        for left in lefts:
            yield slice(top, top + patch), slice(left, left + patch)


def _cover(image: NDArray[np.uint8], squares: Sequence[Square], fill: int) -> NDArray[np.uint8]:
    """Return a copy of the image for each square, with that square filled, uint8 (N, H, W, C)."""
    copies = np.repeat(image[np.newaxis], len(squares), axis=0)
    for copy, square in zip(copies, squares, strict=True):
        copy[square] = fill
    return copies


def _by_pixel(
    heat: NDArray[np.float32], squares: Sequence[Square], shape: Shape
) -> NDArray[np.float32]:
    """Average the drop over the patches that cover each pixel, float32 (H, W)."""
    total, count = np.zeros(shape), np.zeros(shape)
    for drop, square in zip(heat.flat, squares, strict=True):
        total[square] += drop
        count[square] += 1
    return (total / count).astype(np.float32)

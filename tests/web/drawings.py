"""Drawings by seed, as strokes of the page: digits traced from MNIST, and random ones."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize
from skimage.transform import resize

SIDE = 256  # of a drawing, pixels
BRUSHES = (14, 20, 28)
Points: TypeAlias = NDArray[np.float64]  # (n, 2): x, y
Stroke: TypeAlias = dict[str, Any]  # {"brush", "points"}, as models/strokes.js takes it

_FINE = 4  # pixels of the skeleton for one pixel of an MNIST digit
_EVERY = 3  # pixels of the skeleton between two points
_LIFTED = 8  # pixels of the skeleton; farther points belong to another stroke
_SIZES = ((0.02, 0.2), (0.3, 0.9), (0.9, 1.3))  # shares of a drawing's side


def drawings(images: NDArray[np.uint8], count: int, seed: int) -> list[list[Stroke]]:
    """Return drawings: every other one is a digit, the others are of seven random kinds.

    Args:
        images: uint8 (N, 28, 28), digits to trace.
        count: how many drawings.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    result = []
    for index in range(count):
        kind = _KINDS[index // 2 % len(_KINDS)]
        lines = trace(images[rng.integers(len(images))]) if index % 2 == 0 else kind(rng)
        brush = int(rng.choice(BRUSHES))
        result.append([_stroke(line, brush) for line in _moved(lines, rng)])
    return result


def trace(image: NDArray[np.uint8]) -> list[Points]:
    """Return the middle of a digit's strokes, each coordinate in 0–1."""
    side = image.shape[0] * _FINE
    skeleton = skeletonize(resize(image, (side, side), order=3) > 0.5)
    rest = np.argwhere(skeleton)[:, ::-1].astype(np.float64)
    lines: list[list[Points]] = []
    while len(rest):
        distance = np.hypot(*(rest - lines[-1][-1]).T) if lines else np.zeros(len(rest))
        nearest = int(np.argmin(distance))
        if not lines or distance[nearest] > _LIFTED:
            lines.append([])
        lines[-1].append(rest[nearest])
        rest = rest[np.hypot(*(rest - rest[nearest]).T) > _EVERY]
    return [np.array(line) / side for line in lines]


def _polyline(rng: np.random.Generator) -> list[Points]:
    return [rng.random((rng.integers(2, 6), 2)) for _ in range(rng.integers(1, 4))]


def _curve(rng: np.random.Generator) -> list[Points]:
    """Return strokes that turn by a random, slowly changing angle."""
    lines = []
    for _ in range(rng.integers(1, 4)):
        turn = rng.normal(0, 0.15) + np.cumsum(rng.normal(0, 0.03, rng.integers(5, 80)))
        angle = rng.uniform(0, 2 * np.pi) + np.cumsum(turn)
        steps = np.stack((np.cos(angle), np.sin(angle)), axis=1)
        lines.append(rng.uniform(0.2, 0.8, 2) + np.cumsum(steps, axis=0) * 0.04)
    return lines


def _dots(rng: np.random.Generator) -> list[Points]:
    return [rng.random((1, 2)) for _ in range(rng.integers(1, 9))]


def _line_and_dots(rng: np.random.Generator) -> list[Points]:
    return [*_curve(rng), *_dots(rng)]


def _straight(rng: np.random.Generator) -> list[Points]:
    """Return level and upright strokes, as of 1, 4, 7, + and =."""
    lines = []
    for _ in range(rng.integers(1, 5)):
        start, length = rng.random(2), rng.uniform(0.1, 1)
        across = rng.integers(2)
        end = start + length * np.array([across, 1 - across]) + rng.normal(0, 0.02, 2)
        lines.append(np.linspace(start, end, 12) + rng.normal(0, 0.004, (12, 2)))
    return lines


def _framed(rng: np.random.Generator) -> list[Points]:
    """Return a box, most often with a curve in it."""
    box = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) + rng.normal(0, 0.02, (5, 2))
    inside = [0.25 + 0.5 * line for line in _curve(rng)] if rng.random() < 0.7 else []
    return [box, *inside]


def _scribble(rng: np.random.Generator) -> list[Points]:
    """Return one long stroke that crosses itself often, and may fill an area."""
    return [np.cumsum(rng.normal(0, rng.uniform(0.02, 0.2), (rng.integers(5, 200), 2)), axis=0)]


_KINDS: tuple[Callable[[np.random.Generator], list[Points]], ...] = (
    _polyline,
    _curve,
    _dots,
    _line_and_dots,
    _straight,
    _framed,
    _scribble,
)


def _moved(lines: list[Points], rng: np.random.Generator) -> list[Points]:
    """Scale, skew and shift strokes; some become tiny, and some reach the edge or beyond it."""
    low, high = rng.choice(_SIZES, p=(0.1, 0.7, 0.2))
    size = rng.uniform(low, high)
    skew = np.array([[rng.uniform(0.7, 1), rng.normal(0, 0.1)], [rng.normal(0, 0.1), 1]])
    middle = 0.5 + rng.normal(0, 0.4 * max(1 - size, 0.02), 2)
    return [SIDE * (middle + size * (line - 0.5) @ skew.T) for line in lines]


def _stroke(line: Points, brush: int) -> Stroke:
    """Return a stroke as the page records it: whole coordinates within the drawing."""
    return {"brush": brush, "points": np.rint(line).clip(0, SIDE - 1).astype(int).tolist()}

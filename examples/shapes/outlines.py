"""Define the outline of each shape as polygons around the origin, about 1 in radius."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# (N, 2), x to the right and y down
Polygon = NDArray[np.float64]
# the polygon to fill, and then those to cut out
Outline = tuple[Polygon, ...]


def _regular(corners: int, radius: float = 1.0) -> Polygon:
    """Return a regular polygon with a corner at the top."""
    angles = np.arange(corners) * 2 * np.pi / corners - np.pi / 2
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _circle(radius: float = 1.0) -> Polygon:
    return _regular(72, radius)


def _star() -> Polygon:
    star = _regular(10)
    star[1::2] *= 0.42
    return star


def _cross() -> Polygon:
    arm, half = 1.0, 0.33
    quarter = np.array([[half, -arm], [half, -half], [arm, -half]])
    quarters = []
    for _ in range(4):
        quarters.append(quarter)
        quarter = np.stack([-quarter[:, 1], quarter[:, 0]], axis=1)  # turned by 90 degrees
    return np.concatenate(quarters)


def _heart() -> Polygon:
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x, y], axis=1) / 17


def _arrow() -> Polygon:
    return np.array(
        [[0, -1], [0.75, -0.1], [0.28, -0.1], [0.28, 1], [-0.28, 1], [-0.28, -0.1], [-0.75, -0.1]],
        np.float64,
    )


# the classes of the example, in order
OUTLINES: dict[str, Callable[[], Outline]] = {
    "circle": lambda: (_circle(0.95),),
    "ring": lambda: (_circle(), _circle(0.58)),
    "crescent": lambda: (_circle(), _circle(0.85) + np.array([0.45, 0.0])),
    "triangle": lambda: (_regular(3),),
    "square": lambda: (_regular(4),),
    "pentagon": lambda: (_regular(5),),
    "star": lambda: (_star(),),
    "cross": lambda: (_cross(),),
    "heart": lambda: (_heart(),),
    "arrow": lambda: (_arrow(),),
}

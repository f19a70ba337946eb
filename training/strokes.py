"""Draw polylines with a round pen, as by hand: the tool of all procedural generators.

A stroke is float64 (points, 2), x and y in about 0–1 with y downwards. The generators that use this
module decide what is drawn; it does not know digits or outliers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.renderings import Pixels, Shape, on_canvas

Stroke = NDArray[np.float64]
_FINE = 3  # lines are drawn so many times larger, because Pillow's have jagged edges


def draw(strokes: Sequence[Stroke], pen: float, longer: int) -> Shape:
    """Draw strokes as a shape whose longer side is `longer` pixels, the pen included.

    Args:
        strokes: at least one, with at least one point each.
        pen: width of the pen as a share of the longer side.
        longer: pixels.
    """
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    width = pen * longer * _FINE
    scale = (longer * _FINE - width) / max(float(extent.max()), 1e-6)
    size = [max(int(np.ceil(side * scale + width)), _FINE) for side in extent]
    image = Image.new("L", (size[0], size[1]))
    canvas = ImageDraw.Draw(image)
    radius = width / 2
    for stroke in strokes:
        line = [(float(x), float(y)) for x, y in (stroke - low) * scale + radius]
        canvas.line(line, fill=255, width=max(round(width), 1), joint="curve")
        for x, y in (line[0], line[-1]):
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    reduced = image.resize(
        (max(size[0] // _FINE, 1), max(size[1] // _FINE, 1)), Image.Resampling.BOX
    )
    return np.asarray(reduced, np.float32) / np.float32(255)


def draw_anywhere(
    strokes: Sequence[Stroke], rng: np.random.Generator, pen: tuple[float, float]
) -> Pixels:
    """Draw strokes in black on a white canvas, uint8 (280, 280), at a random size and position.

    Args:
        strokes: at least one.
        rng: chooses the pen's width, the size and the position.
        pen: range of the pen's width, as a share of the longer side.
    """
    return on_canvas(draw(strokes, rng.uniform(*pen), int(rng.integers(60, 241))), rng)


def smooth(stroke: Stroke, rounds: int = 3) -> Stroke:
    """Round a polyline by cutting its corners (Chaikin, 1974); its end points stay."""
    for _ in range(rounds):
        quarter = 0.75 * stroke[:-1] + 0.25 * stroke[1:]
        three_quarters = 0.25 * stroke[:-1] + 0.75 * stroke[1:]
        cut = np.stack([quarter, three_quarters], axis=1).reshape(-1, 2)
        stroke = np.concatenate([stroke[:1], cut, stroke[-1:]])
    return stroke


def by_hand(
    strokes: Sequence[Stroke], rng: np.random.Generator, strength: float = 1.0
) -> list[Stroke]:
    """Distort strokes as a hand does: rotation, shear, proportions, bends and displaced strokes.

    Args:
        strokes: within about 0–1.
        rng: chooses the distortion.
        strength: 1 for ordinary handwriting, 0 for none.
    """
    angle, shear = rng.normal(0, (0.09 * strength, 0.12 * strength))
    width, height = np.exp(rng.normal(0, 0.13 * strength, 2))
    matrix = np.array(
        [
            [np.cos(angle) * width, np.sin(angle)],
            [(shear - np.sin(angle)) * width, np.cos(angle) * height],
        ]
    )
    phases, bends = rng.uniform(0, 2 * np.pi, 2), rng.normal(0, 0.035 * strength, 2)
    distorted = []
    for stroke in strokes:
        dense = resampled(stroke, 0.04)
        waves = np.sin(2 * np.pi * dense[:, ::-1] * 0.8 + phases) * bends
        shift = rng.normal(0, 0.02 * strength, 2)
        distorted.append((dense + waves + shift) @ matrix)
    return distorted


def resampled(stroke: Stroke, step: float) -> Stroke:
    """Return a stroke with points at most `step` apart along it."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    along = np.concatenate([[0], np.cumsum(lengths)])
    places = np.linspace(0, along[-1], max(int(np.ceil(along[-1] / step)), 1) + 1)
    return np.stack([np.interp(places, along, axis) for axis in stroke.T], axis=1)

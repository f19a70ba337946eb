"""Draw coloured shapes on backgrounds of colours, gradients, clutter and noise.

An image depends on its seed and index alone, so that every machine draws the same data.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from examples.data import Data, Images
from examples.shapes.outlines import OUTLINES

log = logging.getLogger(__name__)

LABELS = tuple(OUTLINES)
SIZE = 64
TRAINING_SIZE, VALIDATION_SIZE, TEST_SIZE = 20_000, 2_000, 2_000
_SUPERSAMPLING = 4
_RADII = 13, 27  # pixels
_SQUEEZES = 0.7, 1.0  # of one axis: pictures of 4:3 are stretched to the square input
_LEAST_CONTRAST = 0.35  # between the shape's colour and the background's, of at most 1.7
_CLUTTERED = 0.4  # share of the images
_MOST_NOISE = 0.06  # standard deviation

Colour = NDArray[np.float64]  # (3,), RGB in 0–1


def draw_data(seed: int) -> Data:
    """Draw the three sets; no two have an image in common.

    Args:
        seed: of every drawing.
    """
    log.info("Drawing shapes …")
    sizes = TRAINING_SIZE, VALIDATION_SIZE, TEST_SIZE
    return Data(*(draw_images(size, (seed, part)) for part, size in enumerate(sizes)))


def draw_images(count: int, seed: Sequence[int]) -> Images:
    """Draw images of all classes in turn, uint8 (N, 64, 64, 3)."""
    labels = (np.arange(count) % len(LABELS)).astype(np.uint8)
    drawings = [
        draw(LABELS[label], np.random.default_rng((*seed, index)))
        for index, label in enumerate(tqdm(labels, "Drawing", unit=" images", disable=None))
    ]
    return Images(np.stack(drawings), labels)


def draw(label: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a shape of random colour, size, rotation and position, uint8 (64, 64, 3).

    Args:
        label: one of `LABELS`.
        rng: the only source of randomness; the same state gives the same image.
    """
    mask = shape_mask(label, rng)
    colours = _contrasting_colours(rng)
    image = _background(colours[1:], rng)
    if rng.random() < _CLUTTERED:
        image = _add_clutter(image, rng)
    image = _paint(image, mask, colours[0])
    image += rng.normal(0, rng.uniform(0, _MOST_NOISE), image.shape)
    pixels: NDArray[np.uint8] = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    return pixels


def shape_mask(label: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how much of each pixel a shape covers, float64 (64, 64) in 0–1; inside the image."""
    radius = rng.uniform(*_RADII)
    angle = rng.uniform(0, 2 * np.pi)
    squeeze = rng.uniform(*_SQUEEZES)
    centre = rng.uniform(radius, SIZE - radius, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    transform = turn * np.array([1, squeeze]) * radius
    first, *holes = (outline @ transform.T + centre for outline in OUTLINES[label]())
    mask = Image.new("L", (SIZE * _SUPERSAMPLING,) * 2)
    pen = ImageDraw.Draw(mask)
    pen.polygon(_points(first), fill=255)
    for hole in holes:
        pen.polygon(_points(hole), fill=0)
    return _coverage(mask)


def contact_sheet(path: Path, rows: int = 2, seed: int = 0) -> None:
    """Write a PNG with drawings of each class in a column, under its name."""
    gap, title = 6, 18
    width = len(LABELS) * (SIZE + gap) + gap
    sheet = Image.new("RGB", (width, title + rows * (SIZE + gap)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for column, label in enumerate(LABELS):
        left = gap + column * (SIZE + gap)
        pen.text((left + SIZE / 2, title / 2), label, "#222222", font, anchor="mm")
        for row in range(rows):
            drawing = Image.fromarray(draw(label, np.random.default_rng((seed, row, column))))
            sheet.paste(drawing, (left, title + row * (SIZE + gap)))
    sheet.quantize(256, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)


def _contrasting_colours(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return three colours, (3, 3): the shape's, and two of a background unlike it."""
    shares = np.linspace(0, 1, 5)[:, np.newaxis]
    while True:
        colours = rng.random((3, 3))
        gradient = colours[1] * shares + colours[2] * (1 - shares)
        if np.linalg.norm(gradient - colours[0], axis=1).min() >= _LEAST_CONTRAST:
            return colours


def _background(colours: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return one colour, or a gradient between both in a random direction, (64, 64, 3)."""
    angle = rng.uniform(0, 2 * np.pi)
    places = np.linspace(-0.5, 0.5, SIZE)
    along = places * np.cos(angle) + places[:, np.newaxis] * np.sin(angle)  # -0.7 to 0.7
    share = (along * rng.choice([0, 0.7]) + 0.5)[..., np.newaxis]
    gradient: NDArray[np.float64] = colours[0] * share + colours[1] * (1 - share)
    return gradient


def _add_clutter(image: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw lines and dots behind the shape, all thinner than any part of it."""
    for _ in range(rng.integers(1, 6)):
        mask = Image.new("L", (SIZE * _SUPERSAMPLING,) * 2)
        pen = ImageDraw.Draw(mask)
        start, end = rng.uniform(0, mask.width, (2, 2))
        if rng.random() < 0.5:
            pen.line(_points(np.stack([start, end]) / _SUPERSAMPLING), 255, int(rng.integers(4, 9)))
        else:
            pen.circle(tuple(start.tolist()), rng.uniform(4, 10), 255)
        image = _paint(image, _coverage(mask), rng.random(3))
    return image


def _paint(
    image: NDArray[np.float64], mask: NDArray[np.float64], colour: Colour
) -> NDArray[np.float64]:
    opacity = mask[..., np.newaxis]
    painted: NDArray[np.float64] = image * (1 - opacity) + colour * opacity
    return painted


def _coverage(mask: Image.Image) -> NDArray[np.float64]:
    return np.asarray(mask.reduce(_SUPERSAMPLING), np.float64) / 255


def _points(polygon: NDArray[np.float64]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in (polygon * _SUPERSAMPLING).tolist()]

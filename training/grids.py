"""Render photographed pages with a grid of digits, such as a sudoku, with what its cells hold."""

import numpy as np
from PIL import Image

from training.drawing import Cover
from training.pages import Page, Source, high, photographed
from training.drawing import paint, pasted
from training.renderings import Shape, fonts, printed


def sudoku_page(source: Source) -> Page:
    """Render a sudoku of which 30 to 50 % of the cells are filled, photographed and slightly bent.

    The given digits are printed; of the others on some pages many are written by hand.
    """
    return grid_page(source, 9, 9, 3)


def grid_page(source: Source, height: int, width: int, thick_every: int) -> Page:
    """Render a grid of digits, photographed in mild perspective.

    Args:
        source: of handwritten digits.
        height: rows of cells.
        width: columns of cells.
        thick_every: how many cells a block with thick lines is wide and high.
    """
    rng = source.rng
    pitch = int(rng.integers(40, 68))
    size = (pitch * height + 1, pitch * width + 1)
    cover = _lines(size, pitch, thick_every, rng)
    share, handwritten = rng.uniform(0.3, 0.5), rng.choice([0.0, 0.5, 1.0])
    font = fonts()[int(rng.integers(len(fonts())))]
    size_share = rng.uniform(0.5, 0.72)
    rows = []
    for row in range(height):
        texts = []
        for column in range(width):
            text = ""
            if rng.random() < share:
                shape, text = _digit(source, int(pitch * size_share), font, handwritten)
                free = np.array([pitch, pitch]) - shape.shape
                spot = free / 2 + rng.uniform(-0.25, 0.25, 2) * np.maximum(free, 0)
                top, left = row * pitch + int(spot[0]), column * pitch + int(spot[1])
                cover = np.maximum(cover, pasted(shape, size, top, left))
            texts.append(text)
        rows.append(texts)
    return Page(_photograph(cover, pitch, rng), rows)


def _digit(
    source: Source, height: int, font: str | None, handwritten: float
) -> tuple[Shape, str]:
    rng = source.rng
    if rng.random() < handwritten:
        return source.digit(round(height * rng.uniform(0.85, 1.1)))
    text = str(rng.integers(1, 10))
    return high(printed(text, 2 * height, font), height), text


def _lines(
    size: tuple[int, int], pitch: int, thick_every: int, rng: np.random.Generator
) -> Cover:
    cover = np.zeros(size, np.float32)
    thin, thick = int(rng.integers(1, 3)), int(rng.integers(3, 6))
    ink = rng.uniform(0.5, 1)
    for axis in range(2):
        for index in range(size[axis] // pitch + 1):
            is_thick = index % thick_every == 0
            width = thick if is_thick else thin
            first = max(index * pitch - width // 2, 0)
            target = cover if axis == 0 else cover.T
            band = target[first : first + width]
            np.maximum(band, 1 if is_thick else ink, out=band)
    return cover


def _photograph(cover: Cover, pitch: int, rng: np.random.Generator) -> np.ndarray:
    """Photograph a page with the grid: margins, a turn, mild perspective and a slight bend."""
    margin = int(rng.uniform(0.5, 1.5) * pitch)
    page = np.pad(cover, margin)
    height, width = page.shape
    corners = np.array([(0, 0), (0, height), (width, height), (width, 0)], float)
    corners += rng.uniform(-0.04, 0.04, (4, 2)) * (width, height)
    angle = np.radians(rng.uniform(-4, 4))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([width, height]) / 2
    corners = (corners - middle) @ turn + middle
    bend = rng.uniform(-0.008, 0.008, 2) * max(height, width)
    mesh = _mesh(corners, (width, height), bend)
    bent = Image.fromarray(page).transform((width, height), Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)
    ink = np.clip(np.asarray(bent, np.float32), 0, 1)
    paper, tone = rng.uniform(170, 250), rng.uniform(0, 80)
    return photographed(paint(np.full(ink.shape, paper, np.float32), ink, tone), rng)


def _mesh(corners: np.ndarray, size: tuple[int, int], bend: np.ndarray) -> list:
    """Return Pillow's mesh of a quadrilateral whose sides are bent."""
    steps = 16

    def at(x: float, y: float) -> tuple[float, float]:
        top = corners[0] + x * (corners[3] - corners[0])
        bottom = corners[1] + x * (corners[2] - corners[1])
        point = top + y * (bottom - top)
        return (
            float(point[0] + bend[0] * np.sin(np.pi * y)),
            float(point[1] + bend[1] * np.sin(np.pi * x)),
        )

    mesh = []
    for row in range(steps):
        for column in range(steps):
            low, high_ = (column / steps, row / steps), ((column + 1) / steps, (row + 1) / steps)
            box = (
                *(round(low[axis] * size[axis]) for axis in (0, 1)),
                *(round(high_[axis] * size[axis]) for axis in (0, 1)),
            )
            quad = [at(x, y) for x, y in (
                (low[0], low[1]), (low[0], high_[1]), (high_[0], high_[1]), (high_[0], low[1])
            )]
            mesh.append((box, tuple(value for point in quad for value in point)))
    return mesh

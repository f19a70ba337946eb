"""Render pages of several digits, with what stands on each: the tests of segmentation.

Each kind of page is a function of digits to draw and a random generator. Digits are MNIST's, drawn
in any size with any pen; operators are drawn by hand or printed. Everything random comes from the
generator that is passed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.images.digit.components import find_components
from training.drawing import Cover, Grey, as_pixels, axes, exposed, line, paint, pasted, texture
from training.renderings import Shape, fonts, printed, shape_of
from training.strokes import by_hand, draw

Pixels = NDArray[np.uint8]
OPERATORS = "+−×="
_STROKES = {  # x and y in 0–1
    "+": [[(0.0, 0.5), (1.0, 0.5)], [(0.5, 0.0), (0.5, 1.0)]],
    "−": [[(0.0, 0.5), (1.0, 0.5)]],
    "×": [[(0.0, 0.0), (1.0, 1.0)], [(1.0, 0.0), (0.0, 1.0)]],
    "=": [[(0.0, 0.25), (1.0, 0.25)], [(0.0, 0.75), (1.0, 0.75)]],
}
_HEIGHTS = {"+": 0.5, "−": 0.5, "×": 0.45, "=": 0.5}  # longer side, as a share of a digit's height
_PEN = 0.11  # of a digit's height: MNIST's strokes


@dataclass(frozen=True)
class Page:
    """A picture of several digits.

    Attributes:
        picture: uint8 (H, W).
        rows: what stands in each row from left to right: digits, operators, and "" for the empty
            cells of a grid.
    """

    picture: Pixels
    rows: list[list[str]]

    @property
    def digits(self) -> list[str]:
        """What is a digit, in reading order."""
        return [text for row in self.rows for text in row if text.isdigit()]


class Source:
    """Draws random digits from a set of MNIST digits."""

    def __init__(
        self, images: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator
    ) -> None:
        self._images, self._labels, self.rng = images, labels, rng

    def digit(self, height: int) -> tuple[Shape, str]:
        """Return a random digit of that height, and its label."""
        index = int(self.rng.integers(len(self._images)))
        return high(shape_of(self._images[index], 2 * height), height), str(self._labels[index])

    def number(self, count: int, height: int) -> list[tuple[Shape, str]]:
        """Return random digits of about the same height, as one hand writes them."""
        return [self.digit(round(height * self.rng.uniform(0.85, 1.1))) for _ in range(count)]


def high(shape: Shape, height: int) -> Shape:
    """Scale a shape to a height."""
    width = max(round(shape.shape[1] * height / shape.shape[0]), 1)
    resized = Image.fromarray(shape).resize((width, height), Image.Resampling.BOX)
    return np.asarray(resized, np.float32)


def row_of_numbers(source: Source) -> Page:
    """Render one number of 3 to 10 digits, or two beside each other."""
    rng, height = source.rng, int(source.rng.integers(36, 90))
    items = source.number(int(rng.integers(3, 11)), height)
    cover = in_row([shape for shape, _ in items], height, rng)
    return Page(on_paper(cover, height, rng), [[text for _, text in items]])


def three_rows(source: Source) -> Page:
    """Render three numbers of different lengths below each other."""
    rng, height = source.rng, int(source.rng.integers(30, 70))
    lengths = rng.choice(np.arange(2, 10), 3, replace=False)
    rows = [source.number(int(length), height) for length in lengths]
    covers = [in_row([shape for shape, _ in row], height, rng) for row in rows]
    tops = np.cumsum([0, *(cover.shape[0] + height * rng.uniform(0.25, 0.9) for cover in covers)])
    lefts = rng.uniform(0, height, 3) if rng.random() < 0.7 else rng.uniform(0, 3 * height, 3)
    width = int(max(left + cover.shape[1] for left, cover in zip(lefts, covers, strict=True)))
    block = np.zeros((int(tops[-1]), width), np.float32)
    for cover, top, left in zip(covers, tops, lefts, strict=False):
        block += pasted(cover, block.shape, int(top), int(left))
    picture = on_paper(np.minimum(block, 1), height, rng)
    return Page(picture, [[text for _, text in row] for row in rows])


def sum_of_numbers(source: Source) -> Page:
    """Render a sum such as 12 + 7 = 19, by hand or, one in three, printed."""
    rng, height = source.rng, int(source.rng.integers(36, 90))
    if rng.random() < 1 / 3:
        numbers = ["".join(map(str, rng.integers(0, 10, rng.integers(1, 3)))) for _ in "abc"]
        operator = str(rng.choice(list("+−×")))
        text = f"{numbers[0]}{operator}{numbers[1]}={numbers[2]}"
        names = fonts()
        shape = printed(" ".join(text), height, names[int(rng.integers(1, len(names)))])
        return Page(on_paper(shape, height, rng), [list(text)])
    items = source.number(int(rng.integers(1, 3)), height)
    for operator in (str(rng.choice(list("+−×"))), "="):
        items.append((operator_shape(operator, height, rng), operator))
        items += source.number(int(rng.integers(1, 3)), height)
    cover = in_row([shape for shape, _ in items], height, rng)
    return Page(on_paper(cover, height, rng), [[text for _, text in items]])


def touching_pair(source: Source) -> Page:
    """Render two digits that overlap by 0 to 4 of MNIST's pixels, so that their strokes connect."""
    rng, height = source.rng, int(source.rng.integers(50, 120))
    while True:
        pair = source.number(2, height)
        overlap = round(rng.uniform(0, 4) * height / 20)
        cover = beside([shape for shape, _ in pair], [-overlap], rng)
        if len(find_components(cover > 0.5).area) == 1:
            return Page(on_paper(cover, height, rng), [[text for _, text in pair]])


def framed_number(source: Source) -> Page:
    """Render a number in a drawn frame, or in a comb with a box for each digit."""
    rng, height = source.rng, int(source.rng.integers(36, 80))
    items = source.number(int(rng.integers(2, 8)), height)
    width = rng.uniform(1.5, max(height / 14, 2))
    margin = rng.uniform(0.2, 0.5) * height
    if rng.random() < 0.5:
        cover = in_row([shape for shape, _ in items], height, rng)
        size = (int(cover.shape[0] + 2 * margin), int(cover.shape[1] + 2 * margin))
        ink = pasted(cover, size, int(margin), int(margin))
        columns = [0.0, size[1]]
    else:
        pitch = height * 1.1 + margin
        size = (int(height * 1.1 + 2 * margin), int(pitch * len(items)))
        ink = np.zeros(size, np.float32)
        for index, (shape, _) in enumerate(items):
            top, left = (np.array([size[0], pitch]) - shape.shape) * rng.uniform(0.35, 0.65, 2)
            ink += pasted(shape, size, int(top), int(index * pitch + left))
        columns = [float(index * pitch) for index in range(len(items) + 1)]
    ink = np.pad(ink, int(width) + 1)
    right, down = axes(ink.shape)
    right, down = right - right.min() - int(width) - 1, down - down.min() - int(width) - 1
    inside_rows = (down >= -width / 2) & (down <= size[0] + width / 2)
    inside_columns = (right >= -width / 2) & (right <= size[1] + width / 2)
    for column in columns:
        ink = np.maximum(ink, line(right - column, width) * inside_rows)
    for edge in (0, size[0]):
        ink = np.maximum(ink, line(down - edge, width) * inside_columns)
    return Page(on_paper(np.minimum(ink, 1), height, rng), [[text for _, text in items]])


def operator_shape(operator: str, height: int, rng: np.random.Generator) -> Shape:
    """Draw an operator by hand, to stand beside digits of that height."""
    size = _HEIGHTS[operator] * rng.uniform(0.8, 1.3)
    strokes = by_hand([np.array(stroke) for stroke in _STROKES[operator]], rng, 0.7)
    return draw(strokes, _PEN * rng.uniform(0.8, 1.1) / size, round(size * height))


def in_row(shapes: Sequence[Shape], height: int, rng: np.random.Generator) -> Cover:
    """Draw shapes in a row, without touching; lower ones stand at half the height."""
    gaps = rng.uniform(0.12, 0.45, len(shapes) - 1) * height
    return beside(shapes, [round(gap) for gap in gaps], rng)


def beside(shapes: Sequence[Shape], gaps: Sequence[int], rng: np.random.Generator) -> Cover:
    """Draw shapes side by side, each with its middle near the row's; a gap below 0 overlaps."""
    tallest = max(shape.shape[0] for shape in shapes)
    size = (round(tallest * 1.15), sum(shape.shape[1] for shape in shapes) + sum(gaps))
    cover, left = np.zeros(size, np.float32), 0
    for shape, gap in zip(shapes, [*gaps, 0], strict=True):
        middle = size[0] / 2 + rng.uniform(-0.06, 0.06) * tallest
        top = min(max(round(middle - shape.shape[0] / 2), 0), size[0] - shape.shape[0])
        cover = np.maximum(cover, pasted(shape, size, top, left))
        left += shape.shape[1] + gap
    return cover


def on_paper(cover: Cover, height: int, rng: np.random.Generator) -> Pixels:
    """Draw ink on paper, slightly askew and with margins; one in two is photographed."""
    margin = rng.uniform(0.3, 1.5, 4) * height
    size = (
        int(cover.shape[0] + margin[0] + margin[1]),
        int(cover.shape[1] + margin[2] + margin[3]),
    )
    whole = Image.fromarray(pasted(cover, size, int(margin[0]), int(margin[2])))
    angle = float(rng.uniform(-3, 3)) if rng.random() < 0.7 else 0.0
    turned = np.asarray(whole.rotate(angle, Image.Resampling.BICUBIC, expand=True), np.float32)
    ink, paper = rng.uniform(0, 90), rng.uniform(200, 255)
    if rng.random() < 0.5:
        return as_pixels(paint(np.full(turned.shape, 255, np.float32), np.clip(turned, 0, 1), 0))
    return photographed(paint(np.full(turned.shape, paper, np.float32), np.clip(turned, 0, 1), ink), rng)


def photographed(image: Grey, rng: np.random.Generator) -> Pixels:
    """Take a photograph: a gradient of light, texture of paper, mild blur and noise."""
    right, down = axes(image.shape, rng.uniform(0, 360))
    slope = rng.uniform(0, 0.25) * down / max(image.shape)
    grain = rng.uniform(0, 3) * texture(image.shape, rng, (3, 3))
    return exposed(image * (1 - 0.1 + slope) + grain, rng)


KINDS: dict[str, Callable[[Source], Page]] = {
    "rows of numbers": row_of_numbers,
    "three rows": three_rows,
    "sums with + − × =": sum_of_numbers,
    "touching pairs": touching_pair,
    "framed numbers": framed_number,
}

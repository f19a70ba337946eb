"""Render a digit with printed or drawn lines around it: boxes, rules, underlines, squared paper.

Each function renders one digit, uint8 (28, 28) with ink 255 on 0, as a grey picture, uint8 (H, W),
of dark ink on light paper, or sometimes the reverse. Everything random comes from the generator
that is passed in. The digit keeps MNIST's shape; sizes, tones, pens and positions vary.
"""

from dataclasses import dataclass

import numpy as np

from training.drawing import (
    Cover,
    Grey,
    Pixels,
    Size,
    axes,
    box_distance,
    exposed,
    inside,
    line,
    paint,
    pasted,
)
from training.renderings import shape_of

_REVERSED = 0.15  # share of pictures with light ink on dark paper


@dataclass
class Sheet:
    """Paper with one digit.

    Attributes:
        image: the paper, (H, W) in 0–255.
        digit: cover of the digit, (H, W).
        top: where the digit starts, pixels; so do `left`, `height` and `width`.
        ink: the digit's tone, 0–255.
        paper: the paper's tone, 0–255.
    """

    image: Grey
    digit: Cover
    top: int
    left: int
    height: int
    width: int
    ink: float
    paper: float

    @property
    def middle(self) -> tuple[float, float]:
        """Return the middle of the digit, as an offset downwards and to the right (see `axes`)."""
        height, width = self.image.shape
        return (
            self.top + (self.height - height) / 2,
            self.left + (self.width - width) / 2,
        )

    def tone(self, strength: float) -> float:
        """Return the tone of a line, of which strength 1 is as dark as the ink."""
        return float(np.clip(self.paper + strength * (self.ink - self.paper), 0, 255))


def sheet(digit: Pixels, rng: np.random.Generator, longer: int, size: Size, place: float) -> Sheet:
    """Return paper with a digit near its middle.

    Args:
        digit: uint8 (28, 28).
        rng: chooses tones and the position.
        longer: the longer side of the digit, pixels.
        size: of the paper.
        place: 0 for the middle, 1 for anywhere on the paper.
    """
    shape = shape_of(digit, longer)
    paper, ink = rng.uniform(175, 255), rng.uniform(0, 80)
    free = np.array(size) - shape.shape
    top, left = np.rint(free / 2 + place * rng.uniform(-0.5, 0.5, 2) * free).astype(int)
    cover = pasted(shape, size, top, left)
    image = np.full(size, paper, np.float32)
    height, width = shape.shape
    return Sheet(image, cover, int(top), int(left), height, width, float(ink), float(paper))


def box(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a form cell: a complete frame, or one that the picture's edge cuts or touches."""
    cell = np.array([1.0, rng.uniform(0.75, 1.35)]) * rng.uniform(60, 200)  # height, width
    longer = int(cell.min() * rng.uniform(0.45, 0.8))
    outside = cell.min() * rng.uniform(0.04, 0.4, (2, 2))  # beyond top, bottom; left, right
    case = rng.random()
    if case < 0.15:  # the picture is cut at the frame
        outside[:] = rng.uniform(-0.5, 0.5)
    size = (int(cell[0] + outside[0].sum()), int(cell[1] + outside[1].sum()))
    page = sheet(digit, rng, longer, size, 0)
    shift = (outside[:, 0] - outside[:, 1]) / 2
    free = cell - (page.height, page.width)
    off = shift + free * rng.uniform(-0.4, 0.4, 2) * rng.choice([1, 1, 1, 1.3])
    page.top = int(np.clip(page.top + off[0], 1, size[0] - page.height - 1))
    page.left = int(np.clip(page.left + off[1], 1, size[1] - page.width - 1))
    page.digit = pasted(shape_of(digit, longer), size, page.top, page.left)
    right, down = axes(size, rng.uniform(-3, 3))
    radius = cell.min() * rng.uniform(0.05, 0.25) if rng.random() < 0.2 else 0
    right, down = right - shift[1], down - shift[0]
    distance = box_distance(right, down, (cell[0] / 2, cell[1] / 2), radius)
    width = max(1.0, longer * rng.uniform(0.015, 0.09))
    tone = page.tone(rng.uniform(0.35, 1.1))
    if rng.random() < 0.2:  # the form is tinted, the cell white
        page.image = paint(page.image, inside(-distance), page.paper * rng.uniform(0.8, 0.95))
    page.image = paint(page.image, line(distance, width), tone)
    if case > 0.85 and not radius:  # a cell of a table, whose lines go on
        for offset, half in ((right, cell[1] / 2), (down, cell[0] / 2)):
            page.image = paint(page.image, line(np.abs(offset) - half, width), tone)
    return _cut(_finish(page, rng), page, rng) if 0.15 < case < 0.35 else _finish(page, rng)


def line_beside(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a digit beside a rule: at a side over the full or part of the height, or above."""
    longer = int(rng.integers(40, 140))
    size = tuple(int(longer * rng.uniform(1.3, 2.4)) for _ in range(2))
    page = sheet(digit, rng, longer, (size[0], size[1]), 0.6)
    skew = rng.uniform(-3, 3)
    right, down = axes(page.image.shape, skew)
    gap = longer * rng.uniform(0.02, 0.3)
    is_vertical = rng.random() < 0.75
    before = rng.random() < 0.5
    across, along = (right, down) if is_vertical else (down, right)
    room = size[1] if is_vertical else size[0]
    first = page.left if is_vertical else page.top
    length = page.width if is_vertical else page.height
    edge = first - gap if before or not is_vertical else first + length + gap
    edge = float(np.clip(edge, 2, room - 3)) - (room - 1) / 2
    ruled = line(across - edge, max(1.0, longer * rng.uniform(0.015, 0.1)))
    if rng.random() < 0.4:  # it starts at the edge and ends beyond the digit
        end = (size[0] if is_vertical else size[1]) * rng.uniform(0.3, 0.5)
        ruled = ruled * inside(end + along * rng.choice([-1, 1]))
    page.image = paint(page.image, ruled, page.tone(rng.uniform(0.4, 1.1)))
    return _finish(page, rng)


def underline(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a digit on a line, which may touch its foot, or reach the edges of the picture."""
    longer = int(rng.integers(40, 140))
    size = (int(longer * rng.uniform(1.3, 2.2)), int(longer * rng.uniform(1.2, 2.4)))
    page = sheet(digit, rng, longer, size, 0.5)
    right, down = axes(size, rng.uniform(-3, 3))
    gap = longer * (rng.uniform(-0.02, 0.02) if rng.random() < 0.25 else rng.uniform(0.03, 0.25))
    foot = min(page.middle[0] + page.height / 2 + gap, size[0] / 2 - 2)
    width = max(1.0, longer * rng.uniform(0.015, 0.08))
    bent = rng.uniform(-0.04, 0.04) * longer * (right / longer) ** 2
    below = np.asarray(down - foot - bent, np.float32)
    ruled = line(below, width)
    if rng.random() < 0.15:  # a double line
        ruled = np.maximum(ruled, line(below - 3 * width, width))
    if rng.random() < 0.6:  # it ends inside the picture
        half = max(page.width, longer / 3) * rng.uniform(0.55, 1.0)
        ruled = ruled * inside(half - np.abs(right - page.middle[1]))
    page.image = paint(page.image, ruled, page.tone(rng.uniform(0.4, 1.1)))
    return _finish(page, rng)


def squared_paper(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a digit on squared paper, whose lines are paler than the ink or equally dark."""
    longer = int(rng.integers(50, 160))
    size = (int(longer * rng.uniform(1.3, 2.4)), int(longer * rng.uniform(1.3, 2.4)))
    page = sheet(digit, rng, longer, size, 0.8)
    pitch = longer * rng.uniform(0.15, 0.5)
    page.image = _ruled(page, rng, pitch, both=True)
    return _finish(page, rng)


def ruled_paper(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a digit on ruled paper, sometimes with a margin's line, on or over the rules."""
    longer = int(rng.integers(40, 140))
    size = (int(longer * rng.uniform(1.3, 2.6)), int(longer * rng.uniform(1.3, 2.6)))
    page = sheet(digit, rng, longer, size, 0.8)
    page.image = _ruled(page, rng, longer * rng.uniform(0.35, 1.4), both=False)
    return _finish(page, rng)


def _ruled(page: Sheet, rng: np.random.Generator, pitch: float, both: bool) -> Grey:
    """Return the paper with rules, in `both` directions or only across."""
    right, down = axes(page.image.shape, rng.uniform(-3, 3))
    width = float(np.clip(pitch * rng.uniform(0.03, 0.12), 1, page.height * 0.06))
    paler = 0.6 if both and pitch < page.height / 4 else 1.0
    tone = page.tone(rng.uniform(0.15, paler))
    phase = rng.uniform(0, pitch, 2)
    ruled = line(_to_nearest(down - phase[0], pitch), width)
    if both:
        ruled = np.maximum(ruled, line(_to_nearest(right - phase[1], pitch), width))
    image = paint(page.image, ruled, tone)
    if not both and rng.random() < 0.4:  # a margin
        margin = page.middle[1] - page.width / 2 - page.height * rng.uniform(0.02, 0.4)
        image = paint(image, line(right - margin, width), page.tone(rng.uniform(0.2, 1)))
    return image


def _to_nearest(offset: Grey, pitch: float) -> Grey:
    """Return the distance to the nearest of lines that repeat every `pitch` pixels."""
    return np.asarray(offset % pitch - pitch / 2, np.float32)


def _finish(page: Sheet, rng: np.random.Generator) -> Pixels:
    """Return the picture of the paper with its digit."""
    ink = page.ink + rng.uniform(0, 8) * rng.normal(0, 1, page.image.shape)
    # The darker of line and ink, as with real ink over print.
    image = np.minimum(page.image, paint(page.image, page.digit, ink.astype(np.float32)))
    picture = exposed(image, rng)
    return 255 - picture if rng.random() < _REVERSED else picture


def _cut(picture: Pixels, page: Sheet, rng: np.random.Generator) -> Pixels:
    """Cut one or two sides of the picture off, up to near the digit, so that their line is lost."""
    cuts = [0, *picture.shape, 0]  # top, bottom, right, left
    near = max(page.height, page.width) * rng.uniform(0.05, 0.15)
    for side in rng.choice(4, rng.integers(1, 3), replace=False):
        cuts[side] = int(
            (
                page.top - near,
                page.top + page.height + near,
                page.left + page.width + near,
                page.left - near,
            )[side]
        )
    top, bottom, last, left = cuts
    return picture[max(top, 0) : bottom, max(left, 0) : last]

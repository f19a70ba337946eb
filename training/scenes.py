"""Render a digit as it is photographed: on a desk, straightened, behind a finger, across a shadow.

Each function renders one digit, uint8 (28, 28) with ink 255 on 0, as a grey picture, uint8 (H, W).
Everything random comes from the generator that is passed in. The digit keeps MNIST's shape;
sizes, tones and positions vary.
"""

import numpy as np
from numpy.typing import NDArray

from training.drawing import (
    Cover,
    Grey,
    Pixels,
    Size,
    as_pixels,
    axes,
    box_distance,
    exposed,
    inside,
    paint,
    pasted,
    texture,
    turn,
)
from training.renderings import shape_of

_MAX_TURN = 10.0  # degrees by which a digit itself is turned


def sheet_on_desk(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a sheet, up to 20 degrees askew, on a dark desk; sometimes a board in light."""
    size = (int(rng.integers(150, 400)), int(rng.integers(150, 400)))
    share = rng.uniform(0.25, 0.8)  # of the picture, covered by the sheet
    angle = rng.uniform(-20, 20)
    aspect = np.sqrt(rng.uniform(0.7, 1.4))
    side = np.sqrt(share * size[0] * size[1])
    half = np.array([side * aspect, side / aspect]) / 2  # height, width
    free = np.maximum(np.array(size) / 2 - half * 0.9, 0)
    middle = rng.uniform(-1, 1, 2) * free  # of the sheet, from that of the picture
    right, down = _askew(size, rng, angle, middle)
    paper = rng.uniform(170, 250) + rng.uniform(0, 3) * texture(size, rng, (2, 2))
    image = paint(_desk(size, rng), inside(box_distance(right, down, tuple(half), 0)), paper)
    longer = int(half.min() * 2 * rng.uniform(0.25, 0.6))
    room = np.maximum(half - longer * 0.75, 0)
    spot = middle + rng.uniform(-0.8, 0.8, 2) * room
    cover = _centred(digit, rng, longer, size, spot, angle)
    picture = exposed(paint(image, cover, rng.uniform(0, 70)), rng)
    return 255 - picture if rng.random() < 0.15 else picture


def turned_with_corners(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a picture turned by 3 to 30 degrees, whose corners are filled with black or white.

    That is what straightening a picture leaves, so the digit is nearly upright.
    """
    longer = int(rng.integers(50, 150))
    angle = rng.uniform(3, 30) * rng.choice([-1, 1])
    half = np.array([longer * rng.uniform(0.8, 1.2), longer * rng.uniform(0.8, 1.2)])
    slope = np.radians(abs(angle))
    enclosing = half * np.cos(slope) + half[::-1] * np.sin(slope)
    grown = rng.random() < 0.6  # the canvas grows to hold the turned picture, or cuts it
    size = tuple((2 * (enclosing if grown else half)).astype(int))
    right, down = axes((size[0], size[1]), angle)
    paper = rng.uniform(170, 255)
    picture = _photo(digit, rng, longer, (size[0], size[1]), paper)
    fill = 255 if rng.random() < 0.2 else 0
    if rng.random() < 0.15:
        picture = 255 - picture
    cover = inside(box_distance(right, down, (half[0] - 1, half[1] - 1), 0))
    return as_pixels(paint(np.full(cover.shape, fill, np.float32), cover, picture))


def bar_at_edge(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render dark bars along one or two edges, up to a quarter of the side, hard or soft."""
    longer = int(rng.integers(50, 150))
    size = (int(longer * rng.uniform(1.8, 2.8)), int(longer * rng.uniform(1.8, 2.8)))
    image = np.full(size, rng.uniform(170, 255), np.float32)
    free = np.array([[0.0, size[0]], [0.0, size[1]]])  # rows, columns without a bar
    for side in rng.choice(4, int(rng.integers(1, 3)), replace=False):
        right, down = axes(size, rng.uniform(-3, 3))
        axis, sign = side // 2, 1 if side % 2 else -1
        width = size[axis] * rng.uniform(0.04, 0.25)
        offset = (right if axis else down) * sign
        softness = 1 if rng.random() < 0.5 else rng.uniform(2, 10)
        bar = inside(offset - size[axis] / 2 + width, softness)
        tone = rng.uniform(0, 80) + rng.uniform(0, 6) * texture(size, rng, (3, 3))
        image = paint(image, bar, tone)
        free[axis, 1 if sign > 0 else 0] += -sign * (width + softness + 0.04 * size[1 - axis])
    image = _placed(image, digit, rng, longer, free)
    picture = exposed(image, rng)
    return 255 - picture if rng.random() < 0.15 else picture


def finger_at_edge(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render a finger that enters the picture by 10 to 30% from an edge."""
    longer = int(rng.integers(50, 150))
    size = (int(longer * rng.uniform(1.8, 2.8)), int(longer * rng.uniform(1.8, 2.8)))
    image = np.full(size, rng.uniform(180, 255), np.float32)
    side = int(rng.integers(4))
    axis, sign = side // 2, 1 if side % 2 else -1
    depth = size[axis] * rng.uniform(0.1, 0.3)
    half = min(size) * rng.uniform(0.09, 0.16)  # of the finger's width
    along = rng.uniform(-0.35, 0.35) * size[1 - axis]
    lean = np.radians(rng.uniform(-30, 30))
    right, down = axes(size)
    inward = (down, right)[axis] * sign - (size[axis] / 2 - depth)  # 0 at the tip, grows outwards
    across = (right, down)[axis] - along
    length = inward * np.cos(lean) + across * np.sin(lean)
    across = across * np.cos(lean) - inward * np.sin(lean)
    distance = half - np.hypot(across, np.minimum(length - half, 0))
    skin = rng.uniform(60, 140)
    # A round surface reflects less towards its sides.
    round_light = 1 - 0.35 * np.clip(np.abs(across) / half, 0, 1) ** 2
    tone = skin * round_light + rng.uniform(2, 6) * texture(size, rng, (2, 3))
    shade = inside(distance + half * 0.25, half * 0.6) * rng.uniform(0, 0.25)
    image = paint(image * (1 - shade), inside(distance, 1.5), tone.astype(np.float32))
    if rng.random() < 0.4:  # its nail
        nail = 1 - np.hypot(across / (half * 0.6), (length - half * 0.7) / (half * 0.55))
        image = paint(image, inside(nail * half, 2) * 0.6, skin * 1.3)
    free = np.array([[0.0, size[0]], [0.0, size[1]]])
    free[axis, 1 if sign > 0 else 0] += -sign * (depth + half * 0.4)
    return exposed(_placed(image, digit, rng, longer, free), rng)


def shadow_edge(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """Render the hard edge of a shadow across or near the digit."""
    longer = int(rng.integers(50, 150))
    size = (int(longer * rng.uniform(1.4, 2.6)), int(longer * rng.uniform(1.4, 2.6)))
    paper = rng.uniform(185, 255) + rng.uniform(0, 4) * texture(size, rng, (3, 3))
    half = np.maximum(np.array(size) / 2 - longer * 0.55, 0)
    spot = rng.uniform(-0.8, 0.8, 2) * half
    cover = _centred(digit, rng, longer, size, spot, 0)
    image = paint(paper, cover, rng.uniform(0, 70))
    right, down = axes(size, rng.uniform(0, 360))
    bend = rng.uniform(-0.25, 0.25) * right**2 / max(size) if rng.random() < 0.5 else 0
    near = down - rng.uniform(-0.6, 0.6) * longer + bend
    factor, penumbra = rng.uniform(0.35, 0.7), rng.uniform(0, 6)
    return exposed(image * (1 - inside(near, penumbra) * (1 - factor)), rng)


def _askew(
    size: Size, rng: np.random.Generator, angle: float, middle: NDArray[np.float64]
) -> tuple[Grey, Grey]:
    """Return offsets from a sheet's centre along its sides, some of them in perspective."""
    right, down = axes(size)
    right, down = right - middle[1], down - middle[0]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    right, down = right * cos + down * sin, down * cos - right * sin
    tilt = rng.uniform(-0.25, 0.25, 2) if rng.random() < 0.4 else np.zeros(2)
    depth = 1 + (tilt[0] * down + tilt[1] * right) / max(size)
    return (right / depth).astype(np.float32), (down / depth).astype(np.float32)


def _desk(size: Size, rng: np.random.Generator) -> Grey:
    """Return a dark surface: plain, speckled or grained like wood."""
    tone = rng.uniform(15, 105)
    grains = [(1.5, 1.5), (2.0, 60.0), (60.0, 2.0), (8.0, 8.0)]
    grain = grains[int(rng.integers(4))]
    contrast = rng.uniform(1, 9)
    light = rng.uniform(0, 0.12) * texture(size, rng, (80, 80))
    desk = (tone + contrast * texture(size, rng, grain)) * (1 + light)
    return np.clip(desk, 0, 130).astype(np.float32)


def _photo(digit: Pixels, rng: np.random.Generator, longer: int, size: Size, paper: float) -> Grey:
    """Return a photograph of a digit near the middle, slightly turned."""
    spot = rng.uniform(-0.15, 0.15, 2) * longer
    cover = _centred(digit, rng, longer, size, spot, _MAX_TURN)
    image = paint(np.full(size, paper, np.float32), cover, rng.uniform(0, 80))
    return exposed(image, rng).astype(np.float32)


def _centred(
    digit: Pixels,
    rng: np.random.Generator,
    longer: int,
    size: Size,
    spot: NDArray[np.float64],
    angle: float,
) -> Cover:
    """Cover a digit whose middle is `spot` (down, right) from the picture's, turned up to angle."""
    within = min(abs(angle), _MAX_TURN)
    degrees = np.copysign(rng.uniform(0, within), angle)
    shape = turn(shape_of(digit, longer), float(degrees)) if within else shape_of(digit, longer)
    top = round((size[0] - shape.shape[0]) / 2 + spot[0])
    left = round((size[1] - shape.shape[1]) / 2 + spot[1])
    return pasted(shape, size, top, left)


def _placed(
    image: Grey, digit: Pixels, rng: np.random.Generator, longer: int, free: NDArray[np.float64]
) -> Grey:
    """Draw a digit somewhere in the free rows and columns, smaller if they are few."""
    room = (free[:, 1] - free[:, 0]) * 0.94
    shape = shape_of(digit, longer)
    factor = min(1.0, float(np.min(room / shape.shape)))
    shape = shape_of(digit, max(12, int(longer * factor)))
    spare = np.maximum(free[:, 1] - free[:, 0] - shape.shape, 0)
    top, left = (free[:, 0] + spare * rng.uniform(0.05, 0.95, 2)).astype(int)
    cover = pasted(shape, (image.shape[0], image.shape[1]), int(top), int(left))
    return paint(image, cover, rng.uniform(0, 70))

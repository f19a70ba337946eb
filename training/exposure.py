"""Generate images that show no digit, for training: outlier exposure (Hendrycks et al., ICLR 2019).

None of the sources is one of `training.outliers`, which measures: the glyphs come from the fonts
that matplotlib brings along (Computer Modern and STIX), the curves and textures from other
generators, and the composed digits from MNIST's training digits. There are no clothes, photos or
ticks. Every image passes through the service's preprocessing, as outliers reach the network.

Letters and symbols whose shape resembles a digit's are left out, in every alphabet.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from service.errors import NothingDrawn
from service.images.digit.preprocessing import prepare
from training.fonts import learned_font
from training.renderings import Pixels, on_canvas, printed, shape_of, side_by_side
from training.strokes import Stroke, by_hand, draw_anywhere, smooth

_LATIN = "ACEFHJKLMNPRUVWXYacdefhkmnprtuvwxy"
_SYMBOLS = "!#%&*+<=>?@{}~^"
_FONTS = {  # matplotlib's fonts, and the characters to draw in each
    **dict.fromkeys(("cmr10", "cmss10", "cmtt10", "cmti10", "cmb10"), _LATIN + "!#%&*+=?@"),
    "cmmi10": _LATIN,
    **dict.fromkeys(
        ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
        _LATIN + _SYMBOLS + "ΓΔΛΞΠΥΨΩαηκλμνπρυχψωГДЖИЙКЛПУЦШЩЮЯджийклмнпцшщюя×÷±¬¶£¥",
    ),
}
_MATHEMATICAL = "←↑→↓↔⇐⇒⇔↦∀∂∃∇∈∋∓∗∝∞∧∨∩∪∴≈≠≡≤≥⊂⊃⊆⊢⊥⋆⌈⌊□■△▲▽▼◇◆★♠♣♥♦♪♭♮♯−"
_ALPHABETS = 0x1D400, 13  # STIX's script, blackboard, sans-serif … letters: first, and how many
_MISSING = "\ue5e5"  # a private character, which fonts draw as their box for missing characters
_GLYPH_SIZES = 20, 120  # pixels
_LEANING = 0.4  # share of the glyphs that are rotated; more than 40° would make an L a 7
_PEN = 0.03, 0.16  # width, as a share of the longer side
_TURNED = 2, 3, 4, 5, 7  # digits that are none after a quarter turn
_MIRRORED = 3, 4, 6, 7, 9  # digits that are none in a mirror

Draw = Callable[[np.random.Generator], Pixels]


def exposures(
    count: int, digits: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Generate outliers and preprocess them as the service does.

    Args:
        count: how many.
        digits: uint8 (N, 28, 28), ink 255 on 0; training digits to compose outliers of.
        labels: uint8 (N,), of the digits.
        rng: the only source of randomness.

    Returns:
        uint8 (count, 28, 28), and of each the index of its kind in `kinds()`, (count,).
    """
    draws = list(kinds(digits, labels).values())
    shares = np.array([share for share, _ in draws])
    chosen = rng.choice(len(draws), count, p=shares / shares.sum())
    images = np.empty((count, 28, 28), np.uint8)
    for index, kind in enumerate(tqdm(chosen, "Outliers", mininterval=1.0, unit="image")):
        images[index] = _prepared(draws[kind][1], rng)
    return images, chosen


def kinds(digits: NDArray[np.uint8], labels: NDArray[np.uint8]) -> dict[str, tuple[float, Draw]]:
    """Return the share and the generator of each kind of outlier, by its name."""

    def composed(rng: np.random.Generator) -> Pixels:
        return _compose(digits, labels, rng)

    return {
        "glyphs": (0.34, _glyph),
        "rows of glyphs": (0.02, _row_of_glyphs),
        "curves": (0.28, _curves),
        "polygons": (0.06, _polygon),
        "composed digits": (0.08, composed),
        "blobs": (0.15, _blob),
        "textures": (0.07, _texture),
        "noise": (0.02, _noise),
    }


def _prepared(draw: Draw, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw until the service finds something in the image; return it, uint8 (28, 28).

    Noise of 28 × 28 pixels is returned unchanged, as the service takes arrays.
    """
    while True:
        image = draw(rng)
        if draw is _noise:
            return image
        try:
            return prepare(image).digit
        except NothingDrawn:
            continue


@cache
def _glyphs() -> tuple[tuple[str, str], ...]:
    """Return every character to draw, with the path of its font; without those it lacks."""
    pairs = [(character, name) for name, text in _FONTS.items() for character in text]
    pairs += [(character, "STIXGeneral") for character in _MATHEMATICAL]
    letters = "".join(map(chr, (*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1))))
    first, count = _ALPHABETS
    for offset, letter in enumerate(letters * count):
        if letter in _LATIN:
            pairs.append((chr(first + offset), "STIXGeneral"))
    fonts = {name: ImageFont.truetype(learned_font(name), 24) for name in _FONTS}
    missing = {name: font.getmask(_MISSING).getbbox() for name, font in fonts.items()}
    return tuple(
        (character, learned_font(name))
        for character, name in pairs
        if fonts[name].getmask(character).getbbox() not in (None, missing[name])
    )


def _glyph_shape(rng: np.random.Generator) -> NDArray[np.float32]:
    character, font = _glyphs()[rng.integers(len(_glyphs()))]
    return printed(character, int(rng.integers(*_GLYPH_SIZES)), font)


def _glyph(rng: np.random.Generator) -> Pixels:
    shape = _glyph_shape(rng)
    if rng.random() < _LEANING:
        leaning = Image.fromarray(shape).rotate(
            rng.uniform(-40, 40), Image.Resampling.BILINEAR, expand=True
        )
        shape = np.asarray(leaning)
    side = max(shape.shape) + int(rng.integers(8, 40))
    return on_canvas(shape, rng, (side, side))


def _row_of_glyphs(rng: np.random.Generator) -> Pixels:
    row = side_by_side(
        [_glyph_shape(rng) for _ in range(rng.integers(2, 6))], int(rng.integers(2, 9))
    )
    return on_canvas(row, rng, (row.shape[0] + 20, row.shape[1] + 20))


def _curves(rng: np.random.Generator) -> Pixels:
    """Draw one to three curves over each other."""
    strokes = [_curve(rng) * rng.uniform(0.4, 1) + rng.uniform(0, 0.8, 2)]
    while len(strokes) < 3 and rng.random() < 0.3:
        strokes.append(_curve(rng) * rng.uniform(0.4, 1) + rng.uniform(0, 0.8, 2))
    return draw_anywhere(strokes, rng, _PEN)


def _curve(rng: np.random.Generator) -> Stroke:
    """Return a Lissajous figure, a spiral, a zigzag, a wave, or random corners, rounded or not."""
    along = np.linspace(0, 1, 120)
    kind = rng.integers(9)
    if kind == 0:  # 1 : 2 would be an 8
        first, second = ((1, 3), (2, 3), (3, 4), (3, 5))[rng.integers(4)]
        phase, turns = rng.uniform(0, np.pi), 2 * np.pi * along * rng.uniform(0.6, 1)
        line = np.stack([np.sin(first * turns + phase), np.sin(second * turns)], axis=1)
    elif kind == 1:
        angle = 2 * np.pi * rng.uniform(2, 4) * along + rng.uniform(0, 2 * np.pi)
        line = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    elif kind == 2:
        corners = int(rng.integers(5, 12))
        line = np.stack(
            [np.arange(corners) * rng.uniform(0.1, 0.4), np.arange(corners) % 2], axis=1
        )
        line = line + rng.normal(0, 0.08, line.shape)
    elif kind == 3:
        waves = np.sin(2 * np.pi * along * rng.uniform(2, 4))
        line = np.stack([along * rng.uniform(1, 3), waves * rng.uniform(0.15, 0.5)], axis=1)
    else:
        line = rng.uniform(0, 1, (int(rng.integers(4, 12)), 2))
        if rng.random() < 0.6:
            line = smooth(line, 4)
    return _turned(line, rng)


def _polygon(rng: np.random.Generator) -> Pixels:
    """Draw a polygon, a star, a grid, crossed lines or an arrow, in outline."""
    kind = rng.integers(4)
    if kind == 0:
        strokes = [_closed(int(rng.integers(3, 5)), rng.uniform(0.6, 1), rng)]  # more: a 0
    elif kind == 1:
        points = 2 * int(rng.integers(3, 8))
        strokes = [_closed(points, rng.uniform(0.3, 0.6), rng)]
    elif kind == 2:
        rows, columns = np.linspace(0, 1, rng.integers(2, 5)), np.linspace(0, 1, rng.integers(2, 5))
        strokes = [np.array([[-0.3, row], [1.3, row]]) for row in rows]
        strokes += [np.array([[column, -0.3], [column, 1.3]]) for column in columns]
    else:
        angles = rng.uniform(0, np.pi) + np.arange(rng.integers(2, 5)) * rng.uniform(0.5, 1.5)
        ends = np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.4, 1)
        strokes = [np.stack([-end, end]) + rng.normal(0, 0.1, 2) for end in ends]
    return draw_anywhere(
        by_hand([_turned(stroke, rng, 0.15) for stroke in strokes], rng), rng, _PEN
    )


def _closed(corners: int, inner: float, rng: np.random.Generator) -> Stroke:
    """Return a closed line whose corners lie alternately at 1 and `inner` from the middle."""
    angles = 2 * np.pi * (np.arange(corners) + rng.uniform(-0.2, 0.2, corners)) / corners
    radius = np.where(np.arange(corners) % 2, inner, 1)
    points = radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([points, points[:1]])


def _turned(stroke: Stroke, rng: np.random.Generator, most: float = np.pi) -> Stroke:
    angle = rng.uniform(-most, most)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretched: Stroke = (stroke * np.exp(rng.normal(0, 0.2, 2))) @ turn
    return stretched


def _compose(
    digits: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator
) -> Pixels:
    """Turn or mirror a digit that is none then, or lay two digits over each other."""
    kind = rng.integers(4)
    if kind == 0:
        return 255 - np.rot90(_one_of(_TURNED, digits, labels, rng), rng.choice((1, 3)))
    if kind == 1:
        return 255 - _one_of(_MIRRORED, digits, labels, rng)[:, ::-1]
    first, second = (shape_of(digits[rng.integers(len(digits))], 60) for _ in range(2))
    if kind == 2:
        overlap = rng.integers(0, min(16, first.shape[1], second.shape[1]))
        pair = side_by_side([first, second], -int(overlap))
        return on_canvas(pair, rng, (100, 140))
    canvas = np.minimum(on_canvas(first, rng, (84, 84)), on_canvas(second, rng, (84, 84)))
    return np.pad(canvas, 8, constant_values=255)


def _one_of(
    classes: tuple[int, ...],
    digits: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    index = int(rng.choice(np.flatnonzero(labels == rng.choice(classes))))
    return np.asarray(digits[index])


def _blob(rng: np.random.Generator) -> Pixels:
    """Fill a smooth or angular outline with one tone, a gradient, or a texture."""
    side = int(rng.integers(28, 121))
    mask = Image.new("L", (side, side))
    canvas = ImageDraw.Draw(mask)
    for _ in range(rng.integers(1, 4)):
        outline = _closed(int(rng.integers(3, 9)), rng.uniform(0.5, 1), rng)
        if rng.random() < 0.5:
            outline = smooth(outline)
        stretch = rng.uniform(0.18, 0.42, 2)
        middle = rng.uniform(0.35, 0.65, 2)
        points = (_turned(outline, rng) * stretch + middle) * side
        canvas.polygon([(float(x), float(y)) for x, y in points], fill=255)
    if rng.random() < 0.4:  # mirrored, as most things that people make
        half = np.asarray(mask)
        mask = Image.fromarray(np.maximum(half, half[:, ::-1]))
    tone = _field(side, rng) if rng.random() < 0.7 else np.ones((side, side))
    ink = np.asarray(mask) * (0.35 + 0.65 * tone)
    return np.asarray(np.rint(ink), np.uint8)


def _texture(rng: np.random.Generator) -> Pixels:
    """Draw smooth noise, stripes, or overlapping discs and rectangles of many sizes and tones."""
    side = int(rng.integers(28, 141))
    kind = rng.integers(4)
    if kind == 0:
        return np.asarray(np.rint(255 * _field(side, rng)), np.uint8)
    if kind == 1:
        field = _field(side, rng)
        return np.asarray(
            np.where(field > rng.uniform(0.4, 0.8), 255, rng.integers(0, 120)), np.uint8
        )
    image = Image.new("L", (side, side), int(rng.integers(256)))
    canvas = ImageDraw.Draw(image)
    for _ in range(rng.integers(3, 60)):  # "dead leaves": sizes as in photos
        x, y = rng.uniform(0, side, 2)
        width, height = 0.06 * side / rng.uniform(0.08, 1, 2)
        shape = canvas.ellipse if rng.random() < 0.5 else canvas.rectangle
        shape((x - width, y - height, x + width, y + height), fill=int(rng.integers(256)))
    return np.asarray(image)


def _noise(rng: np.random.Generator) -> Pixels:
    """Draw pixels that are independent of each other, uint8 (28, 28); few or many are bright."""
    level, spread = rng.uniform(-150, 200), rng.uniform(40, 160)
    return np.asarray(np.clip(rng.normal(level, spread, (28, 28)), 0, 255), np.uint8)


def _field(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return smooth noise with a gradient, float64 (side, side) in 0–1."""
    field = np.zeros((side, side))
    for cells in (2, 4, 8, 16):
        coarse = rng.normal(0, 1, (cells, cells)).astype(np.float32) / cells ** rng.uniform(0, 1.2)
        field += np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
    low, high = field.min(), field.max()
    return np.asarray((field - low) / (high - low))

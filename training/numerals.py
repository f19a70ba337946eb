"""Draw forms of digits that are rare in MNIST: 1s with a flag and a foot, crossed 7s, print.

MNIST's 1s are plain strokes, so that a network trained on it alone reads a 1 with a flag as a 7.
Training draws from `LEARNED`, measurements draw from `MEASURED`, whose forms a hand distorts more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from service.images.digit.preprocessing import prepare
from training.fonts import installed_fonts, learned_font
from training.renderings import Pixels, on_canvas, printed
from training.strokes import Stroke, by_hand, draw_anywhere, smooth

Range = tuple[float, float]
_SIZES = (24, 40, 80, 160)  # of printed digits, pixels
_FOOT = 1.8  # a printed 1 has a foot where its lowest rows are so many times as wide as its stem


@dataclass(frozen=True)
class Style:
    """The ranges that a generator draws from; lengths are shares of the digit's height.

    Attributes:
        flag: length of a 1's flag.
        flag_angle: of the flag below the horizontal, degrees.
        foot: half the width of a 1's foot.
        slant: how much further right the stem's top is than its foot.
        bar: width of a 7.
        bar_angle: of a 7's bar, degrees; positive where its right end is higher.
        pen: width of the pen.
        tremor: strength of `by_hand`.
    """

    flag: Range
    flag_angle: Range
    foot: Range
    slant: Range
    bar: Range
    bar_angle: Range
    pen: Range
    tremor: float


LEARNED = Style(
    flag=(0.15, 0.7),
    flag_angle=(24, 66),
    foot=(0.06, 0.4),
    slant=(-0.05, 0.4),
    bar=(0.4, 0.8),
    bar_angle=(-12, 12),
    pen=(0.04, 0.16),
    tremor=0.8,
)
MEASURED = Style(
    flag=(0.25, 0.75),
    flag_angle=(28, 62),
    foot=(0.05, 0.3),
    slant=(0.0, 0.35),
    bar=(0.45, 0.75),
    bar_angle=(-8, 8),
    pen=(0.05, 0.14),
    tremor=1.1,
)


_PRINTED = (  # fonts that matplotlib brings along
    *("cmr10", "cmss10", "cmtt10", "cmti10", "cmb10"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
)
_PRINTED_SIZES = 20, 161  # pixels


def drawn_one(
    rng: np.random.Generator, style: Style, *, flag: bool = True, foot: bool = True
) -> Pixels:
    """Draw a 1 by hand, in black on white, uint8 (280, 280)."""
    top = np.array([0.5 + rng.uniform(*style.slant), 0.0])
    bottom = np.array([0.5, 1.0])
    strokes = [np.stack([top, bottom])]
    if flag:
        angle = np.deg2rad(rng.uniform(*style.flag_angle))
        end = top + rng.uniform(*style.flag) * np.array([-np.cos(angle), np.sin(angle)])
        sag = (top + end) / 2 + rng.normal(0, 0.025, 2)
        strokes = [np.concatenate([smooth(np.stack([end, sag, top]), 2), bottom[None]])]
    if foot:
        half = rng.uniform(*style.foot)
        tilt = rng.normal(0, 0.02)
        ends = (-half * rng.uniform(0.7, 1), tilt), (half * rng.uniform(0.7, 1), -tilt)
        strokes.append(bottom + np.array(ends))
    return draw_anywhere(by_hand(strokes, rng, style.tremor), rng, style.pen)


def drawn_seven(
    rng: np.random.Generator, style: Style, *, cross: bool = True, serif: bool = False
) -> Pixels:
    """Draw a 7 by hand, in black on white, uint8 (280, 280)."""
    width = rng.uniform(*style.bar)
    rise = width * np.tan(np.deg2rad(rng.uniform(*style.bar_angle)))
    left, right = np.array([0.0, 0.0]), np.array([width, -rise])
    foot = np.array([width * rng.uniform(0.1, 0.75), 1.0])
    middle = (right + foot) / 2 + (rng.uniform(-0.12, 0.02), 0.0)
    stem = smooth(np.stack([right, middle, foot]), 2)
    line: list[Stroke] = [left[None], stem]
    if serif:
        end = np.array([rng.uniform(-0.03, 0.06), rng.uniform(0.08, 0.22)])
        line.insert(0, end[None])
    strokes = [np.concatenate(line)]
    if cross:
        centre = stem[len(stem) // 2] + (0.0, rng.uniform(-0.08, 0.08))
        half = rng.uniform(0.13, 0.3)
        tilt = rng.normal(0, 0.03)
        strokes.append(centre + np.array([(-half, tilt), (half, -tilt)]))
    return draw_anywhere(by_hand(strokes, rng, style.tremor), rng, style.pen)


def numerals(count: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw 1s and 7s of many forms for training, and print a few digits; preprocess all of them.

    Plain 7s are among them, so that the boundary between 1 and 7 stays where it is.

    Returns:
        uint8 (count, 28, 28), ink 255 on 0, and their labels, uint8 (count,).
    """
    steep = replace(LEARNED, flag=(0.15, 0.55), flag_angle=(36, 66))  # else it may be a 7
    forms: list[tuple[int, Callable[[], Pixels]]] = [
        (1, lambda: drawn_one(rng, LEARNED)),
        (1, lambda: drawn_one(rng, LEARNED)),
        (1, lambda: drawn_one(rng, steep, foot=False)),
        (1, lambda: drawn_one(rng, LEARNED, flag=False)),
        (7, lambda: drawn_seven(rng, LEARNED)),
        (7, lambda: drawn_seven(rng, LEARNED, serif=True)),
        (7, lambda: drawn_seven(rng, LEARNED, cross=False)),
        (7, lambda: drawn_seven(rng, LEARNED, cross=False, serif=True)),
    ]
    forms += [(digit, partial(_print, str(digit), rng)) for digit in range(10)]
    shares = np.repeat([0.1, 0.02], [8, 10])
    images, labels = np.empty((count, 28, 28), np.uint8), np.empty(count, np.uint8)
    chosen = rng.choice(len(forms), count, p=shares)
    for index, choice in enumerate(tqdm(chosen, "Forms of digits", mininterval=1.0, unit="digit")):
        labels[index], form = forms[choice]
        images[index] = prepare(form()).digit
    return images, labels


def _print(digit: str, rng: np.random.Generator) -> Pixels:
    """Print a digit in one of the fonts to learn from, in black on white."""
    font = learned_font(_PRINTED[rng.integers(len(_PRINTED))])
    return on_canvas(printed(digit, int(rng.integers(*_PRINTED_SIZES)), font), rng)


def drawn_ones(count: int, rng: np.random.Generator) -> Iterator[Pixels]:
    """Yield drawn 1s with flag and foot for measurement."""
    for _ in range(count):
        yield drawn_one(rng, MEASURED)


def drawn_sevens(count: int, rng: np.random.Generator) -> Iterator[Pixels]:
    """Yield drawn 7s for measurement, every second one crossed."""
    for index in range(count):
        yield drawn_seven(rng, MEASURED, cross=index % 2 == 0, serif=index % 4 == 0)


def printed_ones(rng: np.random.Generator) -> Iterator[Pixels]:
    """Yield a 1 in each installed font in which it has a flag and a foot, in each size."""
    for font in installed_fonts():
        if _has_foot(font):
            yield from _in_each_size("1", font, rng)


def printed_sevens(rng: np.random.Generator) -> Iterator[Pixels]:
    """Yield a 7 in each installed font, in each size."""
    for font in installed_fonts():
        yield from _in_each_size("7", font, rng)


def _in_each_size(digit: str, font: str | None, rng: np.random.Generator) -> Iterator[Pixels]:
    for size in _SIZES:
        yield on_canvas(printed(digit, size, font), rng)


def _has_foot(font: str | None) -> bool:
    """Return whether a font's 1 is wider at its foot than in the middle of its stem."""
    widths = np.count_nonzero(printed("1", 160, font) > 0.5, axis=1)
    stem = np.median(widths[len(widths) // 2 : len(widths) * 3 // 4])
    return bool(widths[-len(widths) // 16 :].max() >= _FOOT * stem)

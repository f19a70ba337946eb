"""Generate images that show no digit, to measure how many of them get a confident answer.

Kept apart from `training.exposure`, whose images are learned: no font, photo or generator of this
module is used in training. A kind whose source is not installed is left out: clothes need Debian's
package dataset-fashion-mnist; printed letters use the TrueType and OpenType fonts that are
installed, and Pillow's own.
"""

import gzip
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeAlias

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

from training.fonts import installed_fonts
from training.renderings import Pixels, on_canvas, printed
from training.strokes import Stroke, by_hand, draw_anywhere, smooth

# from how many images and a source of randomness to grey images, uint8 (H, W)
Outliers: TypeAlias = Callable[[int, np.random.Generator], Iterator[Pixels]]
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
DIGIT_LIKE = "OoDQIlijSsZzBbgqGT"  # letters whose shape resembles a digit's
LETTERS = "ACEFHJKLMNPRUVWXYacdefhkmnprtuvwxy"  # all others
WORDS = (
    *("quick", "brown", "jumps", "over", "lazy", "while", "bright", "vixens", "pack", "with"),
    *("Sphinx", "black", "quartz", "judge", "this", "Total", "Price", "Name", "Address", "Invoice"),
    *("Signature", "Street", "Monday", "January", "and", "the", "you", "are", "not", "for"),
)
_PENS = 0.04, 0.14  # width, as a share of the drawing's longer side
# Points of each letter on a grid of 5 × 9, column then row; "/" starts a stroke, "~" a smooth one.
_DRAWN = {
    "A": "06 20 46/14 34", "C": "~41 30 10 02 04 16 36 45", "E": "40 00 06 46/03 33",
    "F": "40 00 06/03 33", "H": "00 06/40 46/03 43", "J": "~40 44 36 16 05",
    "K": "00 06/40 03 46", "L": "00 06 46", "M": "06 00 24 40 46", "N": "06 00 46 40",
    "P": "06 00/~00 30 41 42 33 03", "R": "06 00/~00 30 41 42 33 03/23 46",
    "U": "~00 04 16 36 44 40", "V": "00 26 40", "W": "00 16 22 36 40", "X": "00 46/40 06",
    "Y": "00 23 40/23 26", "a": "~43 32 12 03 05 16 26 44/~42 45 46",
    "c": "~43 32 12 03 05 16 36 45", "d": "~43 32 12 03 05 16 36 45/40 46",
    "e": "~04 44 43 32 12 03 05 16 36 45", "f": "~40 30 21 26/12 32",
    "h": "00 06/~03 12 32 43 46", "k": "00 06/32 04 36", "m": "02 06/~03 12 23 26/~23 32 43 46",
    "n": "02 06/~03 12 32 43 46", "p": "02 08/~03 12 32 43 45 36 16 05", "r": "02 06/~04 12 32",
    "t": "~20 25 36 45/02 42", "u": "~02 05 16 36 43/42 46", "v": "02 26 42",
    "w": "02 16 23 36 42", "x": "02 46/42 06", "y": "02 25/42 08",
}  # fmt: skip


def outliers() -> dict[str, Outliers]:
    """Return the generator of each kind of outlier, by its name."""
    kinds: dict[str, Outliers] = {
        "letters unlike digits, printed": _each(_printed_letter),
        "letters unlike digits, drawn": _each(_drawn_letter),
        "clothes": _clothes,
        "scribbles": _each(_scribble),
        "ticks": _each(_tick),
        "photos": _each(_photo),
        "text": _each(_text),
    }
    if not FASHION_MNIST.exists():
        del kinds["clothes"]
    return kinds


def _each(generate: Callable[[np.random.Generator], Pixels]) -> Outliers:
    """Return a generator that calls a function for each image."""

    def images(count: int, rng: np.random.Generator) -> Iterator[Pixels]:
        for _ in range(count):
            yield generate(rng)

    return images


def _printed_letter(rng: np.random.Generator) -> Pixels:
    fonts = installed_fonts()
    font = fonts[rng.integers(len(fonts))]
    shape = printed(LETTERS[rng.integers(len(LETTERS))], int(rng.integers(24, 161)), font)
    return on_canvas(shape, rng)


def _drawn_letter(rng: np.random.Generator) -> Pixels:
    strokes = _strokes_of(_DRAWN[LETTERS[rng.integers(len(LETTERS))]])
    return draw_anywhere(by_hand(strokes, rng), rng, _PENS)


@lru_cache
def _strokes_of(encoded: str) -> tuple[Stroke, ...]:
    strokes = []
    for part in encoded.split("/"):
        stroke = (
            np.array([[int(point[0]), int(point[1])] for point in part.lstrip("~").split()]) / 6
        )
        strokes.append(smooth(stroke) if part.startswith("~") else stroke)
    return tuple(strokes)


def _clothes(count: int, rng: np.random.Generator) -> Iterator[Pixels]:
    """Yield images of Fashion-MNIST's test set, none twice; uint8 (28, 28)."""
    raw = gzip.decompress(FASHION_MNIST.read_bytes())
    images = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)
    for index in rng.permutation(len(images))[:count]:
        yield images[index]


def _scribble(rng: np.random.Generator) -> Pixels:
    """Draw one to three strokes that wander: the direction is a random walk."""
    strokes = []
    for _ in range(rng.integers(1, 4)):
        steps = int(rng.integers(40, 160))
        curvature = np.convolve(rng.normal(0, rng.uniform(0.2, 0.9), steps), np.ones(6) / 6, "same")
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(curvature)
        path = np.cumsum(0.03 * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
        strokes.append(path + rng.uniform(0, 0.6, 2))
    return draw_anywhere(strokes, rng, (0.02, 0.08))


def _tick(rng: np.random.Generator) -> Pixels:
    """Draw a check mark: a short stroke down to the right and a long one up."""
    corner = np.array([rng.uniform(0.15, 0.45), 1.0])
    start = corner - (rng.uniform(0.12, 0.38), rng.uniform(0.18, 0.5))
    end = np.array([rng.uniform(0.6, 1.3), rng.uniform(-0.2, 0.3)])
    bend = (corner + end) / 2 + rng.normal(0, 0.06, 2)
    stroke = np.concatenate([[start, corner], smooth(np.stack([corner, bend, end]), 2)[1:]])
    rounded = smooth(stroke, int(rng.integers(0, 2)))
    return draw_anywhere(by_hand([rounded], rng, 0.8), rng, _PENS)


def _photo(rng: np.random.Generator) -> Pixels:
    """Cut a random square out of a photo."""
    photos = _photos()
    photo = photos[rng.integers(len(photos))]
    side = int(rng.integers(48, min(photo.shape) + 1))
    top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape)
    return photo[top : top + side, left : left + side]


@cache
def _photos() -> tuple[NDArray[np.uint8], ...]:
    """Return the photos that scikit-learn and matplotlib bring along, grey."""
    images = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    hopper = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    if hopper.exists():
        images.append(Image.open(hopper))
    return tuple(np.asarray(image.convert("L")) for image in images)


def _text(rng: np.random.Generator) -> Pixels:
    """Print one to five words in a row, in one font."""
    fonts = installed_fonts()
    text = " ".join(rng.choice(WORDS, int(rng.integers(1, 6))))
    shape = printed(text, int(rng.integers(16, 49)), fonts[rng.integers(len(fonts))])
    margin = int(rng.integers(8, 40))
    size = (shape.shape[0] + 2 * margin, shape.shape[1] + 2 * margin)
    return on_canvas(shape, rng, size)

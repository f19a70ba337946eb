"""How the answer holds when digits come as people send them, and how it fares on what is no digit.

Renders test digits (`renderings`), brings them back through the service's own decoding and
preprocessing, and asks the model. `evaluate --robustness` writes the tables of the model card.
"""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from service.errors import NothingDrawn
from service.images.decode import decode
from service.images.digit.preprocessing import prepare
from training import renderings
from training.data import Mnist
from training.distribution import fit, scores
from training.evaluate import logits_of

MAX_PIXELS = 50_000_000
Render = Callable[[NDArray[np.uint8], np.random.Generator], bytes]
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
# capital and small letters that are drawn like a digit
DIGIT_LIKE = "OoDQIlijSsZzBbgqGT"


@dataclass(frozen=True)
class Accuracy:
    """How one condition fares.

    Attributes:
        condition: in words.
        digits: how many were rendered.
        accuracy: share of them that was recognised; one that was refused was not.
        refused: how many were said to hold no digit.
    """

    condition: str
    digits: int
    accuracy: float
    refused: int


@dataclass(frozen=True)
class Separation:
    """How well the score tells something from test digits.

    Attributes:
        what: in words.
        count: how many.
        auroc: probability that a test digit has a higher score than one of these, 0–1.
        flagged: share of these whose score is under the threshold.
    """

    what: str
    count: int
    auroc: float
    flagged: float


def conditions() -> dict[str, Render]:
    """Every way in which a digit is rendered, by its name in the model card."""
    return {
        "as they are": lambda digit, _: renderings.encode(digit),
        "280 × 280, black on white, anywhere, PNG": lambda digit, rng: renderings.encode(
            _drawn(digit, rng)
        ),
        "the same, white on black": lambda digit, rng: renderings.encode(255 - _drawn(digit, rng)),
        "20 to 600 pixels high, anywhere": lambda digit, rng: renderings.encode(
            _drawn(digit, rng, int(rng.integers(20, 601)), 640)
        ),
        "uneven light, paper, noise, JPEG of quality 30": lambda digit, rng: renderings.encode(
            renderings.photographed(_drawn(digit, rng), rng), "JPEG", quality=30
        ),
        "dust": lambda digit, rng: renderings.encode(
            renderings.specked(_drawn(digit, rng), rng, 20, 0)
        ),
        "any format, mode and polarity": _any_encoding,
        "turned by EXIF": lambda digit, rng: renderings.turned(
            _drawn(digit, rng), int(rng.integers(1, 9))
        ),
        **{
            f"pen {factor} times as wide": partial(_restroked, factor=factor)
            for factor in (0.5, 0.7, 1.4, 2.0)
        },
    }


def _drawn(
    digit: NDArray[np.uint8], rng: np.random.Generator, longer: int | None = None, side: int = 280
) -> NDArray[np.uint8]:
    """Black on white, anywhere on a square canvas."""
    longer = longer or int(rng.integers(60, 241))
    return renderings.on_canvas(renderings.shape_of(digit, longer), rng, (side, side))


def _restroked(digit: NDArray[np.uint8], rng: np.random.Generator, factor: float) -> bytes:
    shape = renderings.restroke(digit, factor, 200)
    return renderings.encode(renderings.on_canvas(shape, rng))


def _any_encoding(digit: NDArray[np.uint8], rng: np.random.Generator) -> bytes:
    kind, mode = renderings.ENCODINGS[rng.integers(len(renderings.ENCODINGS))]
    picture = _drawn(digit, rng)
    return renderings.encode(picture if rng.random() < 0.5 else 255 - picture, kind, mode)


def measure(
    model: keras.Model, mnist: Mnist, count: int = 2_000, seed: int = 2
) -> Iterator[Accuracy]:
    """Every condition on the same random test digits, and printed digits in every font.

    Args:
        model: a calibrated lecture network.
        mnist: its test digits are rendered.
        count: how many of them.
        seed: chooses them, and everything random in the renderings.
    """
    chosen = np.random.default_rng(seed).choice(len(mnist.test_images), count, replace=False)
    for name, render in conditions().items():
        rng = np.random.default_rng(seed)
        pictures = (render(mnist.test_images[index], rng) for index in chosen)
        yield _accuracy(model, name, pictures, mnist.test_labels[chosen])
    labels = np.repeat(np.arange(10, dtype=np.uint8), len(renderings.fonts()) * len(_SIZES))
    yield _accuracy(model, "printed, every font and size", _printed(), labels)


_SIZES = (24, 40, 80, 160)


def _printed() -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    for digit in range(10):
        for font in renderings.fonts():
            for size in _SIZES:
                shape = renderings.printed(str(digit), size, font)
                yield renderings.encode(renderings.on_canvas(shape, rng))


def _accuracy(
    model: keras.Model, condition: str, pictures: Iterator[bytes], labels: NDArray[np.uint8]
) -> Accuracy:
    digits, kept = _prepared(tqdm(pictures, condition, len(labels), leave=False))
    answers = logits_of(model, digits).argmax(axis=1)
    right = int(np.sum(answers == labels[kept]))
    return Accuracy(condition, len(labels), right / len(labels), len(labels) - len(kept))


def _prepared(pictures: Iterator[bytes]) -> tuple[NDArray[np.uint8], list[int]]:
    """Digits as the model sees them, uint8 (N, 28, 28), and which pictures they are of."""
    digits, kept = [], []
    for index, picture in enumerate(pictures):
        try:
            digits.append(prepare(decode(picture, MAX_PIXELS)).digit)
        except NothingDrawn:
            continue
        kept.append(index)
    return np.stack(digits), kept


def separate(
    model: keras.Sequential, mnist: Mnist, count: int = 2_000, seed: int = 3
) -> Iterator[Separation]:
    """How well the score tells clothes, noise and letters from the test digits.

    Args:
        model: a calibrated lecture network.
        mnist: its test digits are what the others are told from.
        count: how many pieces of clothing and of noise.
        seed: of the noise.
    """
    distribution = fit(model, mnist)
    threshold = distribution.threshold
    inside = scores(model, distribution, mnist.test_images)
    rng = np.random.default_rng(seed)
    strangers = {"uniform noise": rng.integers(0, 256, (count, 28, 28), np.uint8)}
    if FASHION_MNIST.exists():  # Debian: dataset-fashion-mnist
        raw = gzip.decompress(FASHION_MNIST.read_bytes())
        clothes = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)
        strangers = {"Fashion-MNIST, test": clothes, **strangers}
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    other = [letter for letter in letters if letter not in DIGIT_LIKE]
    strangers["letters, in every font"] = _letters(other)
    strangers[f"letters that look like digits ({DIGIT_LIKE})"] = _letters(list(DIGIT_LIKE))
    yield Separation("test digits", len(inside), 0.5, float(np.mean(inside < threshold)))
    for what, images in strangers.items():
        outside = scores(model, distribution, images)
        flagged = float(np.mean(outside < threshold))
        yield Separation(what, len(images), auroc(inside, outside), flagged)


def _letters(letters: list[str]) -> NDArray[np.uint8]:
    """Printed letters as the model sees them, uint8 (N, 28, 28)."""
    rng = np.random.default_rng(0)
    pictures = (
        renderings.encode(renderings.on_canvas(renderings.printed(letter, size, font), rng))
        for letter in letters
        for font in renderings.fonts()
        for size in _SIZES
    )
    return _prepared(pictures)[0]


def auroc(inside: NDArray[np.floating], outside: NDArray[np.floating]) -> float:
    """Probability that a random one of `inside` is above one of `outside` (Mann–Whitney U)."""
    below = np.searchsorted(np.sort(outside), inside, "left")
    ties = np.searchsorted(np.sort(outside), inside, "right") - below
    return float(np.mean(below + ties / 2) / len(outside))


def write_tables(page: Path, accuracies: list[Accuracy], separations: list[Separation]) -> None:
    """Put the tables between the page's `<!-- robustness -->` and `<!-- separation -->` marks."""
    first = ["| condition | digits | accuracy | refused |", "|---|---|---|---|"]
    first += [
        f"| {a.condition} | {a.digits:,} | {a.accuracy:.4f} | {a.refused} |" for a in accuracies
    ]
    second = ["| what | how many | AUROC | flagged |", "|---|---|---|---|"]
    second += [f"| {s.what} | {s.count:,} | {s.auroc:.4f} | {s.flagged:.1%} |" for s in separations]
    text = page.read_text()
    for mark, lines in (("robustness", first), ("separation", second)):
        start, _, rest = text.partition(f"<!-- {mark} -->\n")
        end = rest[rest.index(f"<!-- /{mark} -->") :]
        text = "\n".join([f"{start}<!-- {mark} -->", *lines, end])
    page.write_text(text)

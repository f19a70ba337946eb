"""Measure accuracy on rendered images, and how well the score detects out-of-distribution images.

Renders test digits (`training.renderings`), decodes and prepares them as the service does, and
predicts them. `evaluate --robustness` writes the tables of the model card.
"""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from service.errors import NothingDrawn
from service.images.decode import decode
from service.images.digit.preprocessing import prepare
from training import renderings
from training.calibration import logits_of
from training.data import Mnist, as_floats
from training.distribution import features_of, fit

MAX_PIXELS = 50_000_000
Render = Callable[[NDArray[np.uint8], np.random.Generator], bytes]
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
DIGIT_LIKE = "OoDQIlijSsZzBbgqGT"  # letters whose shape resembles a digit's
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SIZES = (24, 40, 80, 160)  # of printed characters, pixels


@dataclass(frozen=True)
class Accuracy:
    """The accuracy under one condition.

    Attributes:
        condition: its name.
        digits: how many were rendered.
        accuracy: share of them that was predicted right; a rejected image counts as wrong.
        refused: how many images were rejected because no digit was found.
    """

    condition: str
    digits: int
    accuracy: float
    refused: int


@dataclass(frozen=True)
class Separation:
    """How well the score separates a kind of image from test digits.

    Attributes:
        what: the kind of image.
        count: how many images.
        auroc: probability that a test digit has a higher score than one of these images, 0–1.
        flagged: share of these images whose score is below the threshold.
    """

    what: str
    count: int
    auroc: float
    flagged: float


def conditions() -> dict[str, Render]:
    """Return the function that renders a digit under each condition, by its name."""
    return {
        "as they are": lambda digit, _: renderings.encode(digit),
        "280 × 280, black on white, anywhere, PNG": lambda digit, rng: renderings.encode(
            _draw(digit, rng)
        ),
        "the same, white on black": lambda digit, rng: renderings.encode(255 - _draw(digit, rng)),
        "20 to 600 pixels high, anywhere": lambda digit, rng: renderings.encode(
            _draw(digit, rng, int(rng.integers(20, 601)), 640)
        ),
        "uneven light, paper, noise, JPEG of quality 30": lambda digit, rng: renderings.encode(
            renderings.photographed(_draw(digit, rng), rng), "JPEG", quality=30
        ),
        "dust": lambda digit, rng: renderings.encode(
            renderings.specked(_draw(digit, rng), rng, 20, 0)
        ),
        "any format, mode and polarity": _encode_at_random,
        "turned by EXIF": lambda digit, rng: renderings.turned(
            _draw(digit, rng), int(rng.integers(1, 9))
        ),
        **{
            f"pen {factor} times as wide": partial(_draw_with_pen, factor=factor)
            for factor in (0.5, 0.7, 1.4, 2.0)
        },
    }


def _draw(
    digit: NDArray[np.uint8], rng: np.random.Generator, longer: int | None = None, side: int = 280
) -> NDArray[np.uint8]:
    """Draw a digit in black at a random position on a white square."""
    longer = longer or int(rng.integers(60, 241))
    return renderings.on_canvas(renderings.shape_of(digit, longer), rng, (side, side))


def _draw_with_pen(digit: NDArray[np.uint8], rng: np.random.Generator, factor: float) -> bytes:
    shape = renderings.restroke(digit, factor, 200)
    return renderings.encode(renderings.on_canvas(shape, rng))


def _encode_at_random(digit: NDArray[np.uint8], rng: np.random.Generator) -> bytes:
    kind, mode = renderings.ENCODINGS[rng.integers(len(renderings.ENCODINGS))]
    image = _draw(digit, rng)
    return renderings.encode(image if rng.random() < 0.5 else 255 - image, kind, mode)


def measure(
    model: keras.Model, mnist: Mnist, count: int = 2_000, seed: int = 2
) -> Iterator[Accuracy]:
    """Yield the accuracy on the same test digits under each condition, then on printed digits.

    Args:
        model: a calibrated lecture network.
        mnist: its test digits are rendered.
        count: how many of them.
        seed: chooses the digits and everything random in the renderings.
    """
    chosen = np.random.default_rng(seed).choice(len(mnist.test_images), count, replace=False)
    for name, render in conditions().items():
        rng = np.random.default_rng(seed)
        images = (render(mnist.test_images[index], rng) for index in chosen)
        yield _accuracy(model, name, images, mnist.test_labels[chosen])
    labels = np.repeat(np.arange(10, dtype=np.uint8), len(renderings.fonts()) * len(_SIZES))
    yield _accuracy(model, "printed, every font and size", _print("0123456789"), labels)


def _print(characters: str) -> Iterator[bytes]:
    """Yield an image of each character in each font and size, at random positions."""
    rng = np.random.default_rng(0)
    for character in characters:
        for font in renderings.fonts():
            for size in _SIZES:
                shape = renderings.printed(character, size, font)
                yield renderings.encode(renderings.on_canvas(shape, rng))


def _accuracy(
    model: keras.Model, condition: str, images: Iterator[bytes], labels: NDArray[np.uint8]
) -> Accuracy:
    digits, kept = _prepare(tqdm(images, condition, len(labels), leave=False))
    predictions = logits_of(model, digits).argmax(axis=1)
    right = int(np.sum(predictions == labels[kept]))
    return Accuracy(condition, len(labels), right / len(labels), len(labels) - len(kept))


def _prepare(images: Iterator[bytes]) -> tuple[NDArray[np.uint8], list[int]]:
    """Return the digits, uint8 (N, 28, 28), and the indices of the images that have one."""
    digits, kept = [], []
    for index, image in enumerate(images):
        try:
            digits.append(prepare(decode(image, MAX_PIXELS)).digit)
        except NothingDrawn:
            continue
        kept.append(index)
    return np.stack(digits), kept


def separate(
    model: keras.Sequential, mnist: Mnist, count: int = 2_000, seed: int = 3
) -> Iterator[Separation]:
    """Yield how well the score separates clothes, noise and letters from the test digits.

    Args:
        model: a calibrated lecture network.
        mnist: its test digits are compared with the other images.
        count: how many images of noise.
        seed: of the noise.
    """
    distribution = fit(model, mnist)
    inside = distribution.scores(features_of(model, as_floats(mnist.test_images)))
    flagged = float(np.mean(inside < distribution.threshold))
    yield Separation("test digits", len(inside), 0.5, flagged)
    for what, images in _out_of_distribution(count, seed).items():
        outside = distribution.scores(features_of(model, as_floats(images)))
        flagged = float(np.mean(outside < distribution.threshold))
        yield Separation(what, len(images), auroc(inside, outside), flagged)


def _out_of_distribution(count: int, seed: int) -> dict[str, NDArray[np.uint8]]:
    """Return images that are not digits, uint8 (N, 28, 28), by kind."""
    images = {}
    if FASHION_MNIST.exists():  # in Debian's package dataset-fashion-mnist
        raw = gzip.decompress(FASHION_MNIST.read_bytes())
        clothes = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)
        images["Fashion-MNIST, test"] = clothes
    noise = np.random.default_rng(seed).integers(0, 256, (count, 28, 28), np.uint8)
    images["uniform noise"] = noise
    others = "".join(letter for letter in _LETTERS if letter not in DIGIT_LIKE)
    images["letters, in every font"], _ = _prepare(_print(others))
    images[f"letters that look like digits ({DIGIT_LIKE})"], _ = _prepare(_print(DIGIT_LIKE))
    return images


def auroc(inside: NDArray[np.floating], outside: NDArray[np.floating]) -> float:
    """Return the probability that a random score of `inside` exceeds one of `outside`."""
    is_inside = np.repeat([True, False], [len(inside), len(outside)])
    return float(roc_auc_score(is_inside, np.concatenate([inside, outside])))


def write_tables(page: Path, accuracies: list[Accuracy], separations: list[Separation]) -> None:
    """Write the tables between a page's marks `<!-- robustness -->` and `<!-- separation -->`."""
    robustness = ["| condition | digits | accuracy | refused |", "|---|---|---|---|"]
    robustness += [
        f"| {a.condition} | {a.digits:,} | {a.accuracy:.4f} | {a.refused} |" for a in accuracies
    ]
    separation = ["| what | how many | AUROC | flagged |", "|---|---|---|---|"]
    separation += [
        f"| {s.what} | {s.count:,} | {s.auroc:.4f} | {s.flagged:.1%} |" for s in separations
    ]
    text = page.read_text()
    for mark, lines in (("robustness", robustness), ("separation", separation)):
        start, _, rest = text.partition(f"<!-- {mark} -->\n")
        end = rest[rest.index(f"<!-- /{mark} -->") :]
        text = "\n".join([f"{start}<!-- {mark} -->", *lines, end])
    page.write_text(text)

"""Measure how well the service reads rendered digits, and how it answers pictures without one.

Test digits are rendered (`training.renderings`, `training.surroundings`) and answered as the
service answers them (`training.served`). `training.card` writes the tables of the model card.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from training import numerals
from training.conditions import SIZES, conditions, printed
from training.data import Mnist
from training.outliers import outliers
from training.renderings import encode, fonts
from training.served import Answer, Served
from training.surroundings import LABELS, SURROUNDINGS

Pixels = NDArray[np.uint8]
TEST_DIGITS = "test digits"


@dataclass(frozen=True)
class Example:
    """A picture, what it shows, and the service's answer.

    Attributes:
        picture: uint8 (H, W).
        truth: the digit, or for a picture without one the kind of picture.
        answer: None where the service refused the picture.
    """

    picture: Pixels
    truth: str
    answer: Answer | None

    @property
    def is_right(self) -> bool:
        """Return whether the answer is the digit."""
        return self.answer is not None and self.answer.label == self.truth

    @property
    def misleads(self) -> bool:
        """Return whether the answer is wrong, not flagged, and confident."""
        return self.answer is not None and self.answer.is_trusted and not self.is_right


@dataclass(frozen=True)
class Accuracy:
    """The answers to rendered digits under one condition.

    Attributes:
        condition: its name.
        images: how many were rendered.
        right: how many were read right; a refused image counts as wrong.
        refused: how many were refused because no digit was found.
        misleading: how many were read wrong, not flagged, and with a confidence above 0.9.
        naive: how many the network reads right after `naive`; None where that was not measured.
    """

    condition: str
    images: int
    right: int
    refused: int
    misleading: int
    naive: int | None = None

    def __add__(self, other: "Accuracy") -> "Accuracy":
        """Return the sums, under this condition's name."""
        naive = None if self.naive is None or other.naive is None else self.naive + other.naive
        return Accuracy(
            self.condition,
            self.images + other.images,
            self.right + other.right,
            self.refused + other.refused,
            self.misleading + other.misleading,
            naive,
        )


@dataclass(frozen=True)
class Separation:
    """The answers to pictures of one kind that show no digit, or to digits for comparison.

    Attributes:
        kind: the kind of picture.
        images: how many.
        refused: how many were refused because no digit was found.
        flagged: how many of the others were flagged.
        trusted: how many were neither, and answered with a confidence above 0.9.
        auroc: probability that a test digit has a higher score than one of those that were not
            refused, 0–1; None where all were refused, and for the test digits themselves.
    """

    kind: str
    images: int
    refused: int
    flagged: int
    trusted: int
    auroc: float | None


def measure(served: Served, mnist: Mnist, count: int, seed: int) -> Iterator[Accuracy]:
    """Yield the accuracy on the same digits alone under each condition, then on printed digits.

    Args:
        served: the bundle.
        mnist: its test digits are rendered.
        count: how many of them.
        seed: chooses the digits and everything random in the renderings.
    """
    chosen = _choose(mnist, count, seed)
    truths = [str(label) for label in mnist.test_labels[chosen]]
    for name, render in conditions().items():
        rng = np.random.default_rng(seed)
        images = (render(mnist.test_images[index], rng) for index in chosen)
        yield _count(name, served.answer_each(tqdm(images, name, count, leave=False)), truths)
    truths = [digit for digit in "0123456789" for _ in range(len(fonts()) * len(SIZES))]
    answers = served.answer_each(tqdm(printed("0123456789"), "printed", len(truths), leave=False))
    yield _count("printed, every font and size", answers, truths)


def measure_surroundings(
    served: Served, mnist: Mnist, count: int, seed: int
) -> Iterator[tuple[Accuracy, list[Example]]]:
    """Yield the accuracy in each kind of surroundings, and the pictures that were not read right.

    Args:
        served: the bundle.
        mnist: its test digits are rendered.
        count: how many a kind.
        seed: chooses the digits and everything random in the renderings.
    """
    for name, render in SURROUNDINGS.items():
        rng = np.random.default_rng(seed)
        chosen = _choose(mnist, count, seed, LABELS.get(name))
        pictures = [render(mnist.test_images[index], rng) for index in chosen]
        truths = [str(label) for label in mnist.test_labels[chosen]]
        examples = _answer(served, name, pictures, truths)
        plain = served.answer_digits(np.stack([naive(picture) for picture in pictures]))
        naive_right = sum(a.label == truth for a, truth in zip(plain, truths, strict=True))
        row = _count(name, [example.answer for example in examples], truths, naive_right)
        yield row, [example for example in examples if not example.is_right]


def measure_forms(
    served: Served, count: int, seed: int
) -> Iterator[tuple[Accuracy, list[Example]]]:
    """Yield the accuracy on forms of 1 and 7 that are rare in MNIST, and the failures.

    Args:
        served: the bundle.
        count: how many drawn digits a form; the number of printed ones depends on the fonts.
        seed: of the pictures.
    """
    rng = np.random.default_rng(seed)
    forms = (
        ("printed 1 with a flag and a foot", "1", numerals.printed_ones(rng)),
        ("drawn 1 with a flag and a foot", "1", numerals.drawn_ones(count, rng)),
        ("printed 7", "7", numerals.printed_sevens(rng)),
        ("drawn 7, half of them crossed", "7", numerals.drawn_sevens(count, rng)),
    )
    for name, truth, generated in forms:
        pictures = list(generated)
        truths = [truth] * len(pictures)
        examples = _answer(served, name, pictures, truths)
        row = _count(name, [example.answer for example in examples], truths)
        yield row, [example for example in examples if not example.is_right]


def separate(
    served: Served, mnist: Mnist, count: int, seed: int
) -> Iterator[tuple[Separation, list[Example]]]:
    """Yield how pictures without a digit are answered, and those that would mislead a user.

    Args:
        served: the bundle.
        mnist: its test digits are compared with the other images; they are the first row.
        count: how many pictures a kind.
        seed: of the pictures.
    """
    digits: list[Answer | None] = list(served.answer_digits(mnist.test_images))
    inside = _scores(digits)
    yield _separation(TEST_DIGITS, digits, None), []
    for kind, generate in outliers().items():
        pictures = list(generate(count, np.random.default_rng(seed)))
        examples = _answer(served, kind, pictures, [kind] * len(pictures))
        answers = [example.answer for example in examples]
        yield _separation(kind, answers, inside), [e for e in examples if e.misleads]


def naive(picture: Pixels) -> Pixels:
    """Preprocess as tutorials do: invert if the corners are bright, resize to 28 × 28.

    Args:
        picture: uint8 (H, W).
    """
    if picture[:: picture.shape[0] - 1, :: picture.shape[1] - 1].mean() > 127:
        picture = 255 - picture
    return np.asarray(Image.fromarray(picture).resize((28, 28), Image.Resampling.BILINEAR))


def auroc(inside: NDArray[np.floating], outside: NDArray[np.floating]) -> float:
    """Return the probability that a random score of `inside` exceeds one of `outside`."""
    is_inside = np.repeat([True, False], [len(inside), len(outside)])
    return float(roc_auc_score(is_inside, np.concatenate([inside, outside])))


def _choose(mnist: Mnist, count: int, seed: int, label: int | None = None) -> NDArray[np.intp]:
    """Choose test digits, `count` or all there are, of one label or of any."""
    labels = mnist.test_labels
    pool = np.arange(len(labels)) if label is None else np.flatnonzero(labels == label)
    return np.random.default_rng(seed).choice(pool, min(count, len(pool)), replace=False)


def _answer(served: Served, name: str, pictures: list[Pixels], truths: list[str]) -> list[Example]:
    encoded = (encode(picture) for picture in pictures)
    answers = served.answer_each(tqdm(encoded, name, len(pictures), leave=False))
    return [Example(*each) for each in zip(pictures, truths, answers, strict=True)]


def _count(
    condition: str,
    answers: Iterable[Answer | None],
    truths: list[str],
    naive_right: int | None = None,
) -> Accuracy:
    wrong = [a for a, truth in zip(answers, truths, strict=True) if a is None or a.label != truth]
    refused = sum(a is None for a in wrong)
    misleading = sum(a is not None and a.is_trusted for a in wrong)
    right = len(truths) - len(wrong)
    return Accuracy(condition, len(truths), right, refused, misleading, naive_right)


def _separation(
    kind: str, answers: list[Answer | None], inside: NDArray[np.float64] | None
) -> Separation:
    given = [answer for answer in answers if answer is not None]
    flagged = sum(answer.is_flagged for answer in given)
    trusted = sum(answer.is_trusted for answer in given)
    area = None if inside is None or not given else auroc(inside, _scores(answers))
    return Separation(kind, len(answers), len(answers) - len(given), flagged, trusted, area)


def _scores(answers: list[Answer | None]) -> NDArray[np.float64]:
    return np.array([answer.score for answer in answers if answer is not None])

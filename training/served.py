"""Answer pictures as the service does, with an exported bundle: decode, prepare, run and score."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service import inference, preparation
from service.errors import NothingDrawn
from service.images.digit.segmentation import Place
from service.inputs import Inputs, as_bytes
from service.model.bundle import read_bundle, versions
from service.model.engine import Engine

MAX_PIXELS = 50_000_000
CONFIDENT = 0.9  # a wrong answer above this confidence that is not flagged misleads its user


@dataclass(frozen=True)
class Answer:
    """The service's answer to a picture of one digit.

    Attributes:
        digit: uint8 (28, 28), ink 255 on 0, as the model sees it.
        label: the class with the highest probability.
        confidence: its probability, 0–1.
        score: how much the picture is like the training digits.
        is_flagged: whether `in_distribution` is false.
    """

    digit: NDArray[np.uint8]
    label: str
    confidence: float
    score: float
    is_flagged: bool

    @property
    def is_trusted(self) -> bool:
        """Return whether a user would rely on the answer: not flagged, and confident."""
        return not self.is_flagged and self.confidence > CONFIDENT


@dataclass(frozen=True)
class Segment:
    """The service's answer to one segment of a page.

    Attributes:
        row: of the page or of its grid, from 0 at the top.
        column: of a grid, from 0 at the left; None elsewhere.
        text: the label of a digit; empty for operators, separators and empty cells.
        is_trusted: whether a user would rely on it (see `Answer`).
    """

    row: int
    column: int | None
    text: str
    is_trusted: bool


class Served:
    """A bundle as the service runs it.

    Attributes:
        bundle: the verified bundle.
    """

    def __init__(self, folder: Path) -> None:
        """Load and verify a bundle.

        Args:
            folder: of one version, such as `models/mnist/1`.

        Raises:
            BundleError: the bundle fails its checks.
            ValueError: the bundle cannot flag images.
        """
        self.bundle = read_bundle(folder)
        self._engine = Engine(self.bundle)
        if self.bundle.distribution is None:
            raise ValueError(f"{folder} has no distribution to flag images by; export it again.")

    def answer(self, picture: bytes) -> Answer | None:
        """Answer an encoded picture of one digit; return None where the service refuses it."""
        try:
            inputs = preparation.from_images([picture], "auto", self.bundle, MAX_PIXELS)
        except NothingDrawn:
            return None
        return self._answers(inputs)[0]

    def answer_each(self, pictures: Iterable[bytes]) -> list[Answer | None]:
        """Answer encoded pictures of one digit each."""
        return [self.answer(picture) for picture in pictures]

    def answer_digits(self, digits: NDArray[np.uint8]) -> list[Answer]:
        """Answer digits in MNIST's format, uint8 (N, 28, 28) with ink 255 on 0, unchanged."""
        batch = preparation.as_batch(digits, self.bundle)
        return self._answers(preparation.from_batch(batch, "none", self.bundle))

    def read(self, page: bytes, segmentation: preparation.Segmentation) -> list[Segment]:
        """Read an encoded picture of several digits, in reading order; nothing if it is refused.

        Args:
            page: the encoded picture.
            segmentation: "rows" of digits, or the cells of a "grid".
        """
        try:
            inputs = preparation.from_images(
                [page], "auto", self.bundle, MAX_PIXELS, segmentation=segmentation
            )
        except NothingDrawn:
            return []
        values = self._engine.run(inputs.pixels, inference.outcome(self.bundle))
        segments = []
        for prediction in inference.predictions(self.bundle, values, inputs):
            place = prediction.segment
            if not isinstance(place, Place):
                raise ValueError(f"The service gave no place for a segment: {prediction}.")
            text = prediction.label if place.is_digit and prediction.label else ""
            is_confident = (prediction.confidence or 0) > CONFIDENT
            is_trusted = bool(prediction.in_distribution) and is_confident
            segments.append(Segment(place.row, place.column, text, is_trusted))
        return segments

    def _answers(self, inputs: Inputs) -> list[Answer]:
        values = self._engine.run(inputs.pixels, inference.outcome(self.bundle))
        answers = []
        for pixels, prediction in zip(
            inputs.pixels, inference.predictions(self.bundle, values, inputs), strict=True
        ):
            label, confidence, score = prediction.label, prediction.confidence, prediction.score
            if label is None or confidence is None or score is None:
                raise ValueError(f"The service gave no label or score for a digit: {prediction}.")
            digit = as_bytes(pixels)[..., 0]
            flagged = not prediction.in_distribution
            answers.append(Answer(digit, label, confidence, score, flagged))
        return answers


def latest(models: Path, name: str) -> Path:
    """Return the folder of a model's highest version.

    Args:
        models: contains `<name>/<version>/`.
        name: of the model.

    Raises:
        FileNotFoundError: the folder has no version of the model.
    """
    numbers = versions(models, name)
    if not numbers:
        raise FileNotFoundError(f"{models / name} has no version; export a model there first.")
    return models / name / str(numbers[-1])

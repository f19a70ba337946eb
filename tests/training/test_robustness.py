"""Answers are counted as defined, over the service's own path."""

from itertools import product

import numpy as np
import pytest

from service.model.bundle import Bundle
from training import robustness
from training.data import Mnist
from training.robustness import Accuracy, auroc, measure_surroundings, naive, separate
from training.served import Answer, Served

DIGIT = np.zeros((28, 28), np.uint8)


@pytest.fixture(scope="module")
def served(mnist_bundle: Bundle) -> Served:
    """Load the committed bundle as the service runs it."""
    return Served(mnist_bundle.path)


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    """It equals the count over all pairs, with ties as one half, and is 1 if nothing overlaps."""
    rng = np.random.default_rng(1)
    inside = rng.integers(3, 12, 70).astype(np.float32)  # integers, so that there are ties
    outside = rng.integers(0, 9, 50).astype(np.float32)

    pairs = [(high > low) + (high == low) / 2 for high, low in product(inside, outside)]

    assert auroc(inside, outside) == pytest.approx(np.mean(pairs))
    assert auroc(inside + 20, outside) == 1


def test_answers_are_counted_by_what_a_user_sees() -> None:
    """Refused ones are wrong; only wrong, unflagged answers above 0.9 mislead."""
    answers = [
        None,
        Answer(DIGIT, "7", 0.99, 5.0, is_flagged=False),
        Answer(DIGIT, "1", 0.99, 5.0, is_flagged=False),
        Answer(DIGIT, "1", 0.99, -5.0, is_flagged=True),
        Answer(DIGIT, "1", 0.89, 5.0, is_flagged=False),
    ]

    row = robustness._count("box", answers, ["7"] * 5)

    assert row == Accuracy("box", images=5, right=1, refused=1, misleading=1)


def test_the_service_reads_a_picture_and_refuses_an_empty_one(
    served: Served, monkeypatch: pytest.MonkeyPatch, mnist: Mnist
) -> None:
    """A digit in plain view is read right, blank paper is refused; a kind may take one label."""
    few = Mnist(mnist.train_images, mnist.train_labels, *_first(mnist, 100))
    kinds = {
        "plain": lambda digit, _: np.kron(255 - digit, np.ones((4, 4), np.uint8)),
        "blank": lambda digit, _: np.full((90, 90), 200 + digit[0, 0], np.uint8),
    }
    monkeypatch.setattr(robustness, "SURROUNDINGS", kinds)
    monkeypatch.setattr(robustness, "LABELS", {"blank": 1})

    (plain, plain_failures), (blank, blank_failures) = measure_surroundings(served, few, 5, 1)

    assert (plain.right, plain.refused, plain.misleading, plain.naive) == (5, 0, 0, 5)
    assert plain_failures == []
    assert (blank.right, blank.refused, len(blank_failures)) == (0, 5, 5)
    assert {failure.truth for failure in blank_failures} == {"1"}


def test_test_digits_are_the_first_row_of_the_separation(
    served: Served, monkeypatch: pytest.MonkeyPatch, mnist: Mnist
) -> None:
    """Digits are hardly flagged, noise is, with a lower score; refused pictures have no score."""
    few = Mnist(mnist.train_images, mnist.train_labels, *_first(mnist, 200))
    kinds = {
        "texture": lambda count, rng: (
            rng.integers(0, 256, (28, 28), np.uint8) for _ in range(count)
        ),
        "blank": lambda count, _: (np.full((40, 40), 9, np.uint8) for _ in range(count)),
    }
    monkeypatch.setattr(robustness, "outliers", lambda: kinds)

    (digits, _), (texture, trusted), (blank, _) = separate(served, few, 10, 1)

    assert digits.images == 200
    assert digits.flagged <= 6
    assert digits.auroc is None
    assert texture.flagged + texture.refused + texture.trusted <= 10
    assert len(trusted) == texture.trusted <= 1
    assert texture.auroc is None or texture.auroc > 0.95
    assert (blank.refused, blank.auroc) == (10, None)


def test_the_naive_preprocessing_inverts_dark_ink_on_light_paper() -> None:
    """A dark square on light paper and a light one on dark become the same 28 × 28 digit."""
    dark = np.full((56, 70), 250, np.uint8)
    dark[20:30, 20:40] = 10

    digit = naive(dark)

    assert digit.shape == (28, 28)
    assert digit[12, 12] > 200
    assert digit[0, 0] < 10
    assert np.array_equal(digit, naive(255 - dark))


def _first(mnist: Mnist, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first validation digits and their labels."""
    return mnist.train_images[-5000:][:count], mnist.train_labels[-5000:][:count]

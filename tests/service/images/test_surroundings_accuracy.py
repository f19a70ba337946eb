"""Accuracy of the committed model on digits in the surroundings of the model card."""

import numpy as np
import pytest

from service.errors import NothingDrawn
from service.images.digit.preprocessing import prepare
from service.model.engine import Engine
from training.surroundings import LABELS, SURROUNDINGS

COUNT = 20  # validation digits a kind; the model card measures test digits
ALLOWED = 3  # errors a kind


@pytest.fixture(scope="module")
def engine(mnist_bundle):
    """Load the committed network."""
    return Engine(mnist_bundle)


@pytest.mark.parametrize("kind", SURROUNDINGS)
def test_digits_in_surroundings_are_classified(kind, mnist, engine):
    """Of 20 digits in each kind of surroundings at most 3 are misread or not found."""
    images, labels = mnist.train_images[-5000:], mnist.train_labels[-5000:]
    pool = np.flatnonzero(labels == LABELS[kind]) if kind in LABELS else np.arange(5000)
    rng = np.random.default_rng(17)
    errors = 0
    for index in rng.choice(pool, COUNT, replace=False):
        picture = SURROUNDINGS[kind](images[index], rng)
        try:
            digit = prepare(picture).digit[np.newaxis, ..., np.newaxis]
        except NothingDrawn:
            errors += 1
        else:
            errors += int(engine.probabilities(digit).argmax()) != labels[index]
    assert errors <= ALLOWED

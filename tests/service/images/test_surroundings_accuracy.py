"""Accuracy of the committed model on digits in the surroundings of the model card."""

import numpy as np
import pytest

from service.errors import NothingDrawn
from service.images.digit.preprocessing import prepare
from service.model.engine import Engine
from training.surroundings import LABELS, SURROUNDINGS

COUNT = 20  # validation digits a kind; the model card measures more, of the test set
ALLOWED = 4  # errors a kind
ALLOWED_SHARE = 0.05  # errors over all kinds


@pytest.fixture(scope="module")
def errors(mnist, mnist_bundle):
    """Count the digits that are misread or not found, by kind of surroundings."""
    images, labels = mnist.train_images[-5000:], mnist.train_labels[-5000:]
    engine = Engine(mnist_bundle)
    counts = dict.fromkeys(SURROUNDINGS, 0)
    for kind, render in SURROUNDINGS.items():
        pool = np.flatnonzero(labels == LABELS[kind]) if kind in LABELS else np.arange(5000)
        rng = np.random.default_rng(17)
        for index in rng.choice(pool, COUNT, replace=False):
            try:
                digit = prepare(render(images[index], rng)).digit[np.newaxis, ..., np.newaxis]
            except NothingDrawn:
                counts[kind] += 1
            else:
                counts[kind] += int(engine.probabilities(digit).argmax() != labels[index])
    return counts


@pytest.mark.parametrize("kind", SURROUNDINGS)
def test_digits_in_surroundings_are_classified(kind, errors):
    """At least 80% of the digits in each kind of surroundings are classified correctly."""
    assert errors[kind] <= ALLOWED


def test_surroundings_add_few_errors(errors):
    """Over all kinds of surroundings at least 95% of the digits are classified correctly."""
    assert sum(errors.values()) <= ALLOWED_SHARE * COUNT * len(errors)

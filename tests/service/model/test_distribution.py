"""The score separates digits from other images."""

import numpy as np
import pytest

from service.model.distribution import Distribution
from service.model.engine import Engine


@pytest.fixture
def distribution():
    """A random distribution of three classes in four dimensions."""
    rng = np.random.default_rng(0)
    whitening = rng.normal(size=(4, 4)).astype(np.float32)
    centres = rng.normal(size=(3, 4)).astype(np.float32)
    return Distribution(whitening, centres, 0.0)


def test_distances_are_those_of_the_definition(distribution):
    """|(h − μ) W|² to the nearest class, as a loop computes it."""
    hidden = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    expected = [
        min(np.sum((row @ distribution.whitening - centre) ** 2) for centre in distribution.centres)
        for row in hidden
    ]
    np.testing.assert_allclose(distribution.distances(hidden), expected, rtol=1e-4, atol=1e-4)


def test_the_score_rises_with_the_logit_and_falls_with_the_distance(distribution):
    """At a class's centre the score is the largest logit; away from it, less the distance."""
    at_centre = np.linalg.solve(distribution.whitening.T, distribution.centres[1]).astype(
        np.float32
    )
    hidden = np.stack([at_centre, at_centre, at_centre + 9])
    logits = np.array([[10, 0, 0], [0, 12, 0], [10, 0, 0]], np.float32)
    first, surer, further = distribution.scores(hidden, logits)
    assert (first, surer) == pytest.approx((10, 12), abs=1e-3)
    assert further == pytest.approx(10 - distribution.distances(hidden)[2])
    assert further < 9


def test_99_percent_of_the_test_digits_are_in_distribution(mnist_bundle, mnist):
    """The bundle's threshold flags at most one test digit in a hundred."""
    last, hidden = mnist_bundle.layers[-1].name, mnist_bundle.layers[-2].name
    pairs = [(hidden, "pre"), (last, "pre")]
    values = Engine(mnist_bundle).run(mnist.test_images[..., np.newaxis], pairs)
    scores = mnist_bundle.distribution.scores(*(values[pair] for pair in pairs))
    assert np.mean(scores >= mnist_bundle.distribution.threshold) >= 0.99

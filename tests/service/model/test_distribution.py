"""The score separates digits from other images."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from service.images.digit.preprocessing import prepare
from service.inference import outcome
from service.model.distribution import Distribution, Familiarity
from service.model.engine import Engine
from training.exposure import exposures
from training.numerals import drawn_ones, drawn_sevens


@pytest.fixture
def distribution():
    """Random weights of three detectors on four features."""
    rng = np.random.default_rng(0)
    kernel, bias, weights = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3)
    return Distribution(*(each.astype(np.float32) for each in (kernel, bias, weights)), 0.0)


def scores(bundle, digits):
    """Return the scores of digits, uint8 (N, 28, 28), as the service computes them."""
    pair = outcome(bundle)[-1]
    return bundle.distribution.scores(Engine(bundle).run(digits[..., np.newaxis], [pair])[pair])


def test_the_score_is_a_weighted_sum_of_rectified_detectors(distribution):
    """It equals a loop over images and detectors; the features stay as they are."""
    features = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    before = features.copy()
    expected = [
        sum(
            weight * max(float(row @ column) + bias, 0)
            for column, bias, weight in zip(
                distribution.kernel.T, distribution.bias, distribution.weights, strict=True
            )
        )
        for row in features
    ]
    np.testing.assert_allclose(distribution.scores(features), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(features, before)


def test_99_percent_of_the_test_digits_are_in_distribution(mnist_bundle, mnist):
    """The bundle's threshold flags at most one test digit in a hundred."""
    threshold = mnist_bundle.distribution.threshold
    assert np.mean(scores(mnist_bundle, mnist.test_images) >= threshold) >= 0.99


def test_most_outliers_of_every_kind_are_flagged(mnist_bundle, mnist):
    """Of images without a digit that no training run has seen, the threshold flags at least 90%."""
    digits = mnist.test_images[:500], mnist.test_labels[:500]
    images, kinds = exposures(300, *digits, np.random.default_rng(404))
    is_flagged = scores(mnist_bundle, images) < mnist_bundle.distribution.threshold
    assert is_flagged.mean() >= 0.9
    for kind in np.unique(kinds):
        assert is_flagged[kinds == kind].mean() >= 0.6, kind


def test_digits_of_other_forms_are_not_flagged(mnist_bundle):
    """Drawn 1s with a flag and a foot, and crossed 7s, are in distribution."""
    rng = np.random.default_rng(404)
    drawn = [*drawn_ones(60, rng), *drawn_sevens(60, rng)]
    images = np.stack([prepare(image).digit for image in drawn])
    is_flagged = scores(mnist_bundle, images) < mnist_bundle.distribution.threshold
    assert is_flagged.mean() <= 0.05


def test_familiarity_is_the_logarithm_of_a_gaussian():
    """It is that of a multivariate normal distribution, up to a constant, for means of maps too."""
    rng = np.random.default_rng(3)
    directions = np.linalg.qr(rng.normal(size=(5, 2)))[0]
    mean, deviations, rest = rng.normal(size=5), np.array([3.0, 1.5]), 0.5
    inside = directions @ np.diag(deviations**2) @ directions.T
    covariance = inside + rest**2 * (np.eye(5) - directions @ directions.T)
    score = Familiarity(
        *(each.astype(np.float32) for each in (mean, directions, deviations, np.array([rest]))), 0.0
    )
    features = rng.normal(size=(20, 5)).astype(np.float32)
    expected = multivariate_normal(mean, covariance).logpdf(features)
    scores = score.scores(features)
    np.testing.assert_allclose(scores - scores[0], expected - expected[0], rtol=1e-3, atol=1e-3)
    maps = np.stack([features - 1, features + 1], axis=1)
    np.testing.assert_allclose(score.scores(maps), scores, rtol=1e-3, atol=1e-3)

"""Calibration finds the temperature that was applied, and changes no label."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import log_softmax, softmax

from training.calibration import choose_temperature, fold_temperature, logits_of
from training.evaluate import metrics


def test_logits_are_the_inputs_of_the_softmax(
    model: keras.Model, images: NDArray[np.uint8]
) -> None:
    """Logits are the last layer's products plus bias; the model keeps its softmax."""
    before = keras.Model(model.inputs, model.layers[-2].output)
    kernel, bias = model.layers[-1].get_weights()
    features = before.predict(images[..., np.newaxis] / 255, verbose=0)

    np.testing.assert_allclose(logits_of(model, images), features @ kernel + bias, atol=1e-5)
    assert model.layers[-1].activation is keras.activations.softmax


def test_the_temperature_of_an_overconfident_model_is_found() -> None:
    """Logits whose labels were sampled from their softmax give T = 3 when multiplied by 3."""
    rng = np.random.default_rng(3)
    calibrated = rng.normal(0, 2, (20_000, 10))
    labels = (calibrated + rng.gumbel(size=calibrated.shape)).argmax(axis=1).astype(np.uint8)

    temperature = choose_temperature(3 * calibrated, labels)

    assert temperature == pytest.approx(3, rel=0.03)
    before = metrics(softmax(3 * calibrated, axis=1), labels)
    after = metrics(softmax(3 * calibrated / temperature, axis=1), labels)
    assert before.expected_calibration_error > 0.1
    assert after.expected_calibration_error < 0.015


def test_the_temperature_has_the_least_loss() -> None:
    """No temperature on a fine grid has a lower loss."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 3, (400, 5)).astype(np.float32)
    labels = (logits + rng.gumbel(0, 2, logits.shape)).argmax(axis=1).astype(np.uint8)

    def loss(temperature: float) -> float:
        return metrics(softmax(logits / temperature, axis=1), labels).loss

    best = loss(choose_temperature(logits, labels))
    assert best <= min(loss(temperature) for temperature in np.geomspace(0.2, 9, 300)) + 1e-9


@pytest.mark.parametrize("scale", [0.5, 1, 4])
def test_the_temperature_is_scipys(scale: float) -> None:
    """The bisection finds the minimum that SciPy's scalar search finds."""
    rng = np.random.default_rng(6)
    logits = rng.normal(0, scale, (1_000, 10))
    labels = (logits / scale + rng.gumbel(size=logits.shape)).argmax(axis=1).astype(np.uint8)

    def loss(temperature: float) -> float:
        return float(-log_softmax(logits / temperature, axis=1)[range(1_000), labels].mean())

    slow = optimize.minimize_scalar(loss, bounds=(0.1, 10), options={"xatol": 1e-9})

    assert choose_temperature(logits, labels) == pytest.approx(slow.x, rel=1e-5)


def test_the_temperature_is_bounded_where_none_is_optimal() -> None:
    """All right would give T = 0, and all wrong infinity; both are bounded."""
    logits = np.array([[2.0, 0.0], [0.0, 3.0]])

    assert choose_temperature(logits, np.array([0, 1], np.uint8)) == pytest.approx(0.1, rel=1e-3)
    assert choose_temperature(logits, np.array([1, 0], np.uint8)) == pytest.approx(10, rel=1e-3)


def test_folding_divides_the_logits_and_keeps_the_labels(
    model: keras.Model, images: NDArray[np.uint8]
) -> None:
    """The copy's logits are those of the model divided by T; its softmax applies to them."""
    logits = logits_of(model, images)

    copy = fold_temperature(model, 1.6)

    np.testing.assert_allclose(logits_of(copy, images), logits / 1.6, atol=1e-6)
    probabilities = copy.predict(images[..., np.newaxis] / 255, verbose=0)
    np.testing.assert_allclose(probabilities, softmax(logits / 1.6, axis=1), atol=1e-6)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), logits.argmax(axis=1))


def test_folding_does_not_change_the_model(model: keras.Model) -> None:
    """The weights of the argument are the same after folding."""
    before = [weights.copy() for weights in model.get_weights()]

    fold_temperature(model, 2.0)

    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_above_zero_is_rejected(
    model: keras.Model, temperature: float
) -> None:
    """Zero, negative numbers and NaN are rejected: they would reverse or destroy the logits."""
    with pytest.raises(ValueError, match="must be above 0, got"):
        fold_temperature(model, temperature)


def test_a_model_that_does_not_end_in_a_softmax_is_rejected() -> None:
    """The error names the kind and the name of the last layer."""
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(name="last")])

    for call in (
        lambda: fold_temperature(model, 2.0),
        lambda: logits_of(model, np.zeros((1, 28, 28), np.uint8)),
    ):
        with pytest.raises(ValueError, match="got Flatten 'last'"):
            call()


def test_a_loaded_model_can_be_calibrated(
    model: keras.Model, images: NDArray[np.uint8], tmp_path: Any
) -> None:
    """A model that was saved and loaded has the same logits and can be folded."""
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(logits_of(loaded, images), logits_of(model, images))
    fold_temperature(loaded, 2.0).save(tmp_path / "folded.keras")
    folded = keras.models.load_model(tmp_path / "folded.keras")
    np.testing.assert_allclose(logits_of(folded, images), logits_of(model, images) / 2, atol=1e-6)

"""Figures against values worked out by hand; calibration against models spoilt on purpose."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from training.evaluate import (
    CALIBRATION_BINS,
    ClassFigures,
    Misclassified,
    choose_temperature,
    evaluate,
    fold_temperature,
    logits_of,
    metrics,
)

# five digits of three classes; the fourth is a 1 taken for a 0, nothing is ever taken for a 2
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.9, 0.0], [0.5, 0.25, 0.25], [0.2, 0.7, 0.1]],
    np.float32,
)
LABELS = np.array([0, 0, 1, 1, 1], np.uint8)


@pytest.fixture
def model() -> keras.Model:
    """Small, with a convolution, and nothing like the lecture's in size or number of classes."""
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(2, 5, strides=4, activation="relu"),
            layers.Flatten(),
            layers.Dense(4, activation="softmax", bias_initializer="random_normal"),
        ]
    )


@pytest.fixture
def images() -> NDArray[np.uint8]:
    """Noise: what is asked here does not depend on what the digits are."""
    return np.random.default_rng(7).integers(0, 256, (60, 28, 28), np.uint8)


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Of each row, in float64."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=float)
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def test_accuracy_and_loss_are_those_worked_out_by_hand() -> None:
    """Four of five are right; the loss is the mean of -ln of each true label's probability."""
    report = metrics(PROBABILITIES, LABELS)

    assert report.digits == 5
    assert report.accuracy == pytest.approx(0.8)
    assert report.loss == pytest.approx(-np.log([0.8, 0.6, 0.9, 0.25, 0.7]).mean(), rel=1e-6)


def test_rows_of_the_confusion_matrix_are_labels_and_columns_predictions() -> None:
    """The 1 that was taken for a 0 stands in row 1, column 0."""
    assert metrics(PROBABILITIES, LABELS).confusion == ((2, 0, 0), (1, 2, 0), (0, 0, 0))


def test_precision_and_recall_are_none_where_there_is_nothing_to_share() -> None:
    """No digit is a 2 and none was taken for one, which is neither 0% nor 100%."""
    zero, one, two = metrics(PROBABILITIES, LABELS).classes

    assert zero == ClassFigures(label=0, precision=2 / 3, recall=1.0, support=2)
    assert one == ClassFigures(label=1, precision=1.0, recall=2 / 3, support=3)
    assert two == ClassFigures(label=2, precision=None, recall=None, support=0)


def test_misclassified_digits_are_listed_with_all_that_the_model_said() -> None:
    """Index, label, prediction, confidence and every probability of the one wrong answer."""
    assert metrics(PROBABILITIES, LABELS).misclassified == (
        Misclassified(
            index=3, label=1, predicted=0, confidence=0.5, probabilities=(0.5, 0.25, 0.25)
        ),
    )


def test_expected_calibration_error_weighs_each_bins_gap_by_its_digits() -> None:
    """Ten at 0.95 of which nine are right, ten at 0.61 of which four are: (0.05 + 0.21) / 2."""
    confidence = np.repeat([0.95, 0.61], 10)
    right = np.r_[np.arange(10) < 9, np.arange(10) < 4]
    labels = np.where(right, 0, 1).astype(np.uint8)

    report = metrics(np.stack([confidence, 1 - confidence], axis=1), labels)

    assert report.expected_calibration_error == pytest.approx(0.13)
    filled = {round(each.low, 3): each for each in report.calibration if each.count}
    assert set(filled) == {0.6, 0.933}
    assert filled[0.6].accuracy == pytest.approx(0.4)
    assert filled[0.933].confidence == pytest.approx(0.95)


def test_bins_cover_0_to_1_and_hold_every_digit_once() -> None:
    """Fifteen bins, each closed above: 0.6 lies in the ninth, 1 in the last."""
    report = metrics(np.array([[0.6, 0.4], [1.0, 0.0]]), np.array([0, 0], np.uint8))

    bins = report.calibration
    assert len(bins) == CALIBRATION_BINS == 15
    assert (bins[0].low, bins[-1].high) == (0, 1)
    assert [each.low for each in bins[1:]] == [each.high for each in bins[:-1]]
    assert [index for index, each in enumerate(bins) if each.count] == [8, 14]
    assert bins[0].accuracy is None
    assert bins[0].confidence is None


def test_a_probability_of_zero_costs_much_but_not_infinity() -> None:
    """The loss stays a number that JSON can hold, clipped where Keras clips."""
    loss = metrics(np.array([[1.0, 0.0]]), np.array([1], np.uint8)).loss

    assert loss == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize(
    ("probabilities", "labels", "says"),
    [
        (np.zeros((0, 3)), np.zeros(0, np.uint8), "N > 0"),
        (PROBABILITIES, LABELS[:3], r"\(5, 3\) and \(3,\)"),
        (PROBABILITIES[0], LABELS[:3], r"\(3,\) and \(3,\)"),
        (np.array([[4.0, -3.0]]), np.array([0], np.uint8), "logits"),
        (np.array([[np.nan, 1.0]]), np.array([0], np.uint8), "logits"),
    ],
)
def test_what_is_no_answer_is_refused(
    probabilities: NDArray[Any], labels: NDArray[np.uint8], says: str
) -> None:
    """Nothing to measure, lengths that differ, logits and NaN are errors, not figures."""
    with pytest.raises(ValueError, match=says):
        metrics(probabilities, labels)


def test_a_model_is_measured_as_keras_measures_it(
    model: keras.Model, images: NDArray[np.uint8]
) -> None:
    """Loss and accuracy equal `model.evaluate` on pixels scaled to 0–1."""
    labels = np.random.default_rng(1).integers(0, 4, len(images)).astype(np.uint8)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(images[..., np.newaxis] / 255, labels, verbose=0)

    report = evaluate(model, images, labels)

    assert report.loss == pytest.approx(loss, rel=1e-5)
    assert report.accuracy == pytest.approx(accuracy)


def test_logits_are_what_the_softmax_is_given(
    model: keras.Model, images: NDArray[np.uint8]
) -> None:
    """They are the last layer's products and bias, and the model still ends in its softmax."""
    before = keras.Model(model.inputs, model.layers[-2].output)
    kernel, bias = model.layers[-1].get_weights()
    features = before.predict(images[..., np.newaxis] / 255, verbose=0)

    np.testing.assert_allclose(logits_of(model, images), features @ kernel + bias, atol=1e-5)
    assert model.layers[-1].activation is keras.activations.softmax


def test_the_temperature_of_an_over_confident_model_is_found() -> None:
    """Logits whose labels were drawn from their own softmax, multiplied by 3, give T = 3."""
    rng = np.random.default_rng(3)
    honest = rng.normal(0, 2, (20_000, 10))
    labels = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1).astype(np.uint8)

    temperature = choose_temperature(3 * honest, labels)

    assert temperature == pytest.approx(3, rel=0.03)
    calibrated = metrics(softmax(3 * honest / temperature), labels)
    spoilt = metrics(softmax(3 * honest), labels)
    assert spoilt.expected_calibration_error > 0.1
    assert calibrated.expected_calibration_error < 0.015


def test_the_temperature_has_the_least_loss() -> None:
    """No temperature on a fine grid gives the labels a lower loss."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 3, (400, 5)).astype(np.float32)
    labels = (logits + rng.gumbel(0, 2, logits.shape)).argmax(axis=1).astype(np.uint8)

    def loss(temperature: float) -> float:
        return metrics(softmax(logits / temperature), labels).loss

    best = loss(choose_temperature(logits, labels))
    assert best <= min(loss(temperature) for temperature in np.geomspace(0.2, 9, 300)) + 1e-9


def test_the_temperature_stays_in_bounds_where_none_is_best() -> None:
    """All right asks for T = 0 and all wrong for infinity; both stop at a finite bound."""
    logits = np.array([[2.0, 0.0], [0.0, 3.0]])

    assert choose_temperature(logits, np.array([0, 1], np.uint8)) == pytest.approx(0.1, rel=1e-3)
    assert choose_temperature(logits, np.array([1, 0], np.uint8)) == pytest.approx(10, rel=1e-3)


def test_folding_divides_the_logits_and_keeps_the_labels(
    model: keras.Model, images: NDArray[np.uint8]
) -> None:
    """The copy's logits are 1/T of the model's and its own softmax gives theirs."""
    logits = logits_of(model, images)

    folded = fold_temperature(model, 1.6)

    np.testing.assert_allclose(logits_of(folded, images), logits / 1.6, atol=1e-6)
    answers = folded.predict(images[..., np.newaxis] / 255, verbose=0)
    np.testing.assert_allclose(answers, softmax(logits / 1.6), atol=1e-6)
    np.testing.assert_array_equal(answers.argmax(axis=1), logits.argmax(axis=1))


def test_folding_leaves_the_given_model_alone(model: keras.Model) -> None:
    """Folding twice by mistake needs asking twice."""
    before = [weights.copy() for weights in model.get_weights()]

    fold_temperature(model, 2.0)

    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_above_zero_is_refused(
    model: keras.Model, temperature: float
) -> None:
    """It would turn the answers round or into NaN."""
    with pytest.raises(ValueError, match="above 0"):
        fold_temperature(model, temperature)


def test_a_model_without_a_softmax_at_its_end_is_named() -> None:
    """There is no kernel that a temperature could be folded into; the error says what was found."""
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(name="last")])

    for refused in (
        lambda: fold_temperature(model, 2.0),
        lambda: logits_of(model, np.zeros((1, 28, 28), np.uint8)),
    ):
        with pytest.raises(ValueError, match="Flatten 'last'"):
            refused()


def test_a_loaded_model_can_be_calibrated(
    model: keras.Model, images: NDArray[np.uint8], tmp_path: Any
) -> None:
    """A model read from its file gives the same logits, and folds."""
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(logits_of(loaded, images), logits_of(model, images))
    fold_temperature(loaded, 2.0).save(tmp_path / "folded.keras")
    folded = keras.models.load_model(tmp_path / "folded.keras")
    np.testing.assert_allclose(logits_of(folded, images), logits_of(model, images) / 2, atol=1e-6)

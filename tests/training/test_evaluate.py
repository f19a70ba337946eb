"""The figures of an evaluation equal values computed by hand, by Keras or by a slow loop."""

from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluate import (
    CALIBRATION_BINS,
    ClassFigures,
    Misclassified,
    evaluate,
    metrics,
)

# five digits of three classes; the fourth is a 1 predicted as 0, none is predicted as 2
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.9, 0.0], [0.5, 0.25, 0.25], [0.2, 0.7, 0.1]],
    np.float32,
)
LABELS = np.array([0, 0, 1, 1, 1], np.uint8)


def test_accuracy_and_loss_equal_values_computed_by_hand() -> None:
    """Four of five are right; the loss is the mean of -ln of each true label's probability."""
    report = metrics(PROBABILITIES, LABELS)

    assert report.digits == 5
    assert report.accuracy == pytest.approx(0.8)
    assert report.loss == pytest.approx(-np.log([0.8, 0.6, 0.9, 0.25, 0.7]).mean(), rel=1e-6)


def test_rows_of_the_confusion_matrix_are_labels_and_columns_predictions() -> None:
    """The 1 that was predicted as 0 counts in row 1, column 0."""
    assert metrics(PROBABILITIES, LABELS).confusion == ((2, 0, 0), (1, 2, 0), (0, 0, 0))


def test_precision_and_recall_are_none_without_digits() -> None:
    """No digit is a 2 and none was predicted as 2, which is neither 0% nor 100%."""
    zero, one, two = metrics(PROBABILITIES, LABELS).classes

    assert zero == ClassFigures(label=0, precision=2 / 3, recall=1.0, support=2)
    assert one == ClassFigures(label=1, precision=1.0, recall=2 / 3, support=3)
    assert two == ClassFigures(label=2, precision=None, recall=None, support=0)


def test_misclassified_digits_are_listed_with_their_probabilities() -> None:
    """The one wrong prediction has index, label, prediction, confidence and probabilities."""
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
    bins = {round(each.low, 3): each for each in report.calibration if each.count}
    assert set(bins) == {0.6, 0.933}
    assert bins[0.6].accuracy == pytest.approx(0.4)
    assert bins[0.933].confidence == pytest.approx(0.95)


def test_bins_cover_0_to_1_and_are_closed_above() -> None:
    """Of the fifteen bins, 0.6 lies in the ninth, 1 in the last."""
    report = metrics(np.array([[0.6, 0.4], [1.0, 0.0]]), np.array([0, 0], np.uint8))

    bins = report.calibration
    assert len(bins) == CALIBRATION_BINS == 15
    assert (bins[0].low, bins[-1].high) == (0, 1)
    assert [each.low for each in bins[1:]] == [each.high for each in bins[:-1]]
    assert [index for index, each in enumerate(bins) if each.count] == [8, 14]
    assert bins[0].accuracy is None
    assert bins[0].confidence is None


@pytest.mark.parametrize("count", [1, 40, 5_000])
def test_bins_equal_those_of_a_loop_over_the_digits(count: int) -> None:
    """Count, mean confidence and accuracy of each bin equal those of the digits in (low, high]."""
    rng = np.random.default_rng(count)
    confidence = np.where(rng.random(count) < 0.1, 1, rng.uniform(0.5, 1, count))
    labels = (rng.random(count) > confidence).astype(np.uint8)

    report = metrics(np.stack([confidence, 1 - confidence], axis=1), labels)

    gaps = 0.0
    for each in report.calibration:
        inside = [
            (sure, label == 0)
            for sure, label in zip(confidence, labels, strict=True)
            if each.low < sure <= each.high
        ]
        assert each.count == len(inside)
        if inside:
            mean_confidence, accuracy = np.mean(inside, axis=0)
            assert each.confidence == pytest.approx(mean_confidence)
            assert each.accuracy == pytest.approx(accuracy)
            gaps += len(inside) * abs(accuracy - mean_confidence)
    assert sum(each.count for each in report.calibration) == count
    assert report.expected_calibration_error == pytest.approx(gaps / count)


def test_the_loss_of_a_probability_of_zero_is_finite() -> None:
    """The loss is clipped as in Keras, so that JSON can hold it."""
    loss = metrics(np.array([[1.0, 0.0]]), np.array([1], np.uint8)).loss

    assert loss == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, np.uint8), "N > 0"),
        (PROBABILITIES, LABELS[:3], r"\(5, 3\) and \(3,\)"),
        (PROBABILITIES[0], LABELS[:3], r"\(3,\) and \(3,\)"),
        (np.array([[4.0, -3.0]]), np.array([0], np.uint8), "logits"),
        (np.array([[np.nan, 1.0]]), np.array([0], np.uint8), "logits"),
    ],
)
def test_invalid_predictions_are_rejected(
    probabilities: NDArray[Any], labels: NDArray[np.uint8], message: str
) -> None:
    """No digits, lengths that differ, logits and NaN raise an error that says so."""
    with pytest.raises(ValueError, match=message):
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

"""Measure a classifier: accuracy, per-class precision and recall, confusion and calibration.

The figures are computed from probabilities alone, so they are the same for a Keras model and its
compiled graph. Reads and writes no file, draws nothing.
"""

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve

from training.model import predict

CALIBRATION_BINS = 15
_SMALLEST_PROBABILITY = 1e-7  # Keras's limit, so that the loss equals that of the training history


@dataclass(frozen=True)
class ClassFigures:
    """Precision and recall of one label.

    Attributes:
        label: the class, 0 to classes - 1.
        precision: share of the digits predicted as this label that have it; None if there are none.
        recall: share of the digits with this label that were predicted as it; None if there are
            none.
        support: how many digits have this label.
    """

    label: int
    precision: float | None
    recall: float | None
    support: int


@dataclass(frozen=True)
class CalibrationBin:
    """The digits whose confidence lies in (low, high].

    Attributes:
        low: lower edge, 0 to 1; the first bin includes 0 itself.
        high: upper edge, 0 to 1.
        count: how many digits.
        confidence: their mean confidence; None if there are none.
        accuracy: share of them that is right; None if there are none.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Misclassified:
    """A digit with a wrong prediction.

    Attributes:
        index: its index among the digits evaluated, from 0.
        label: its class.
        predicted: the model's prediction.
        confidence: the probability of `predicted`, 0 to 1.
        probabilities: of every label in order, 0 to 1.
    """

    index: int
    label: int
    predicted: int
    confidence: float
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """The figures of one evaluation, as plain values that JSON can hold.

    Attributes:
        digits: how many were evaluated.
        accuracy: share of them that is right, 0 to 1.
        loss: mean cross-entropy, nats.
        expected_calibration_error: mean gap between confidence and accuracy, 0 to 1.
        classes: precision, recall and support of each label, in order.
        confusion: counts; `confusion[label][predicted]`.
        calibration: the bins of the reliability diagram, from low to high.
        misclassified: every wrong prediction, by index.
    """

    digits: int
    accuracy: float
    loss: float
    expected_calibration_error: float
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: tuple[CalibrationBin, ...]
    misclassified: tuple[Misclassified, ...]


def evaluate(model: keras.Model, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Report:
    """Predict every digit and measure the predictions.

    Args:
        model: from float32 (N, 28, 28, 1) in 0–1 to probabilities, float32 (N, classes).
        images: uint8 (N, 28, 28), ink 255 on 0.
        labels: uint8 (N,), 0 to classes - 1.

    Raises:
        ValueError: see `metrics`; the outputs of a model without a softmax are rejected there.
    """
    return metrics(predict(model, images), labels)


def metrics(probabilities: NDArray[np.floating], labels: NDArray[np.uint8]) -> Report:
    """Measure predictions.

    Args:
        probabilities: float (N, classes), each row adding up to 1.
        labels: uint8 (N,), 0 to classes - 1.

    Raises:
        ValueError: no digits, shapes that do not match, or rows that are not probabilities.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(
            "Probabilities must have the shape (N, classes) and labels (N,) with N > 0, "
            f"got {probabilities.shape} and {labels.shape}."
        )
    wide = probabilities.astype(np.float64)
    if wide.min() < 0 or not np.allclose(wide.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            "Each row of probabilities must add up to 1; apply softmax if these are logits."
        )
    predicted = wide.argmax(axis=1)
    correct = predicted == labels
    confusion = np.zeros((wide.shape[1],) * 2, np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    bins = _calibration_bins(wide.max(axis=1), correct)
    true = wide[np.arange(len(labels)), labels]  # (N,)
    return Report(
        digits=len(labels),
        accuracy=float(correct.mean()),
        loss=float(-np.log(np.maximum(true, _SMALLEST_PROBABILITY)).mean()),
        expected_calibration_error=_expected_calibration_error(bins),
        classes=_class_figures(confusion),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        calibration=bins,
        misclassified=_misclassified(wide, labels),
    )


def _misclassified(
    probabilities: NDArray[np.float64], labels: NDArray[np.uint8]
) -> tuple[Misclassified, ...]:
    predicted = probabilities.argmax(axis=1)
    return tuple(
        Misclassified(
            index=int(index),
            label=int(labels[index]),
            predicted=int(predicted[index]),
            confidence=float(probabilities[index].max()),
            probabilities=tuple(probabilities[index].tolist()),
        )
        for index in np.flatnonzero(predicted != labels)
    )


def _class_figures(confusion: NDArray[np.int64]) -> tuple[ClassFigures, ...]:
    predictions, support = confusion.sum(axis=0), confusion.sum(axis=1)
    return tuple(
        ClassFigures(
            label=label,
            precision=float(right / predictions[label]) if predictions[label] else None,
            recall=float(right / support[label]) if support[label] else None,
            support=int(support[label]),
        )
        for label, right in enumerate(confusion.diagonal())
    )


def _calibration_bins(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_]
) -> tuple[CalibrationBin, ...]:
    """Return bins of equal width, closed above (Guo et al., ICML 2017); both arrays (N,)."""
    confidence = np.minimum(confidence, 1)  # rounding may exceed 1, which scikit-learn rejects
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    places = np.searchsorted(edges[1:-1], confidence)  # (N,), the bin of each digit
    counts = np.bincount(places, minlength=CALIBRATION_BINS).tolist()
    # scikit-learn has the same edges and leaves empty bins out
    accuracies, confidences = calibration_curve(correct, confidence, n_bins=CALIBRATION_BINS)
    curve = zip(confidences.tolist(), accuracies.tolist(), strict=True)
    return tuple(
        CalibrationBin(low, high, count, *(next(curve) if count else (None, None)))
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts, strict=True)
    )


def _expected_calibration_error(bins: tuple[CalibrationBin, ...]) -> float:
    """Return the mean gap between confidence and accuracy (Guo et al., ICML 2017, eq. 3)."""
    gaps = sum(
        each.count * abs(each.accuracy - each.confidence)
        for each in bins
        if each.accuracy is not None and each.confidence is not None
    )
    return gaps / sum(each.count for each in bins)

"""Measures a classifier: how often it is right, where it errs, whether its confidence is earned.

The figures come from probabilities alone, so a Keras model and its compiled graph are measured
alike. Calibrates too, by temperature scaling. Reads and writes no file, draws nothing.
"""

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS = 15
_SMALLEST_PROBABILITY = 1e-7  # as Keras clips, so that the loss is the one that training showed
_TEMPERATURES = (0.1, 10.0)
_BATCH_SIZE = 500


@dataclass(frozen=True)
class ClassFigures:
    """How one label fares.

    Attributes:
        label: the class, 0 to classes - 1.
        precision: share of the digits given this label that have it; None where none was given it.
        recall: share of the digits with this label that were given it; None where none has it.
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
        low: lower edge, 0 to 1; the first bin holds 0 itself as well.
        high: upper edge, 0 to 1.
        count: how many digits.
        confidence: their mean confidence; None where there is none.
        accuracy: share of them that is right; None where there is none.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Misclassified:
    """A digit that was given a wrong label.

    Attributes:
        index: its place among the digits evaluated, from 0.
        label: what it is.
        predicted: what the model took it for.
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
    """What is known of a model after one pass over labelled digits; plain values, fit for JSON.

    Attributes:
        digits: how many were evaluated.
        accuracy: share of them that is right, 0 to 1.
        loss: mean cross-entropy, nats.
        expected_calibration_error: mean gap between confidence and accuracy, 0 to 1.
        classes: precision, recall and support of each label, in order.
        confusion: counts; `confusion[label][predicted]`.
        calibration: the bins that the expected calibration error sums over, from low to high.
        misclassified: every wrong answer, by index.
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
    """Ask the model for every digit and measure its answers.

    Args:
        model: gives probabilities, float32 (N, classes), for float32 (N, 28, 28, 1) in 0–1.
        images: uint8 (N, 28, 28), ink 255 on 0.
        labels: uint8 (N,), 0 to classes - 1.

    Raises:
        ValueError: as `metrics`; a model without a softmax ends there.
    """
    return metrics(_predict(model, images), labels)


def metrics(probabilities: NDArray[np.floating], labels: NDArray[np.uint8]) -> Report:
    """Measure answers, whoever gave them.

    Args:
        probabilities: float (N, classes), each row adding up to 1.
        labels: uint8 (N,), 0 to classes - 1.

    Raises:
        ValueError: no digits, shapes that do not match, or rows that are not probabilities.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(
            f"Expected probabilities (N, classes) and labels (N,), N > 0, "
            f"not {probabilities.shape} and {labels.shape}"
        )
    wide = probabilities.astype(np.float64)
    if wide.min() < 0 or not np.allclose(wide.sum(axis=1), 1, atol=1e-3):
        raise ValueError("Rows of probabilities must add up to 1: are these logits?")
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
    given, support = confusion.sum(axis=0), confusion.sum(axis=1)
    return tuple(
        ClassFigures(
            label=label,
            precision=float(right / given[label]) if given[label] else None,
            recall=float(right / support[label]) if support[label] else None,
            support=int(support[label]),
        )
        for label, right in enumerate(confusion.diagonal())
    )


def _calibration_bins(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_]
) -> tuple[CalibrationBin, ...]:
    """Equal-width bins, closed above (Guo et al., ICML 2017); both arrays (N,)."""
    place = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    bins = []
    for index in range(CALIBRATION_BINS):
        inside = place == index
        count = int(inside.sum())
        bins.append(
            CalibrationBin(
                low=index / CALIBRATION_BINS,
                high=(index + 1) / CALIBRATION_BINS,
                count=count,
                confidence=float(confidence[inside].mean()) if count else None,
                accuracy=float(correct[inside].mean()) if count else None,
            )
        )
    return tuple(bins)


def _expected_calibration_error(bins: tuple[CalibrationBin, ...]) -> float:
    """Gaps between confidence and accuracy, weighted by count (Guo et al., ICML 2017, eq. 3)."""
    gaps = sum(
        each.count * abs(each.accuracy - each.confidence)
        for each in bins
        if each.accuracy is not None and each.confidence is not None
    )
    return gaps / sum(each.count for each in bins)


def logits_of(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the model's softmax is given.

    They come from a twin without the softmax: the logarithm of a probability that float32 rounds
    to 0 or 1 would have lost them.

    Args:
        model: a `Sequential` or functional model that ends in a Dense layer with a softmax.
        images: uint8 (N, 28, 28), ink 255 on 0.

    Returns:
        float32 (N, classes).

    Raises:
        ValueError: the model ends in anything else.
    """
    last = _softmax_layer(model)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer is last:
            config["activation"] = "linear"
        return type(layer).from_config(config)

    twin = keras.models.clone_model(model, clone_function=clone)
    twin.set_weights(model.get_weights())
    return _predict(twin, images)


def choose_temperature(logits: NDArray[np.floating], labels: NDArray[np.uint8]) -> float:
    """The temperature that makes held-out labels likeliest (Guo et al., ICML 2017, section 4.2).

    The loss is convex in 1/T, so its slope changes sign once and bisection finds where.

    Args:
        logits: float (N, classes), of digits that the model was not trained on.
        labels: uint8 (N,), 0 to classes - 1.

    Returns:
        T, to divide logits by: above 1 for an over-confident model. Kept within 0.1 to 10, which
        matters where no finite T is best, as when every answer is right.
    """
    wide = logits.astype(np.float64)
    true = wide[np.arange(len(labels)), labels]  # (N,)
    low, high = _TEMPERATURES
    for _ in range(50):
        temperature = float(np.sqrt(low * high))
        shares = np.exp((wide - wide.max(axis=1, keepdims=True)) / temperature)
        shares /= shares.sum(axis=1, keepdims=True)
        slope = ((shares * wide).sum(axis=1) - true).mean()  # of the loss, in 1/T
        if slope > 0:
            low = temperature
        else:
            high = temperature
    return temperature


def fold_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """Divide the last layer's kernel and bias by the temperature, and so its logits.

    Args:
        model: a `Sequential` or functional model that ends in a Dense layer with a softmax.
        temperature: above 0; from `choose_temperature`.

    Returns:
        A copy, not compiled, whose own softmax is calibrated; its labels are the same. The model
        that was given is left as it was.

    Raises:
        ValueError: the temperature is not above 0, or the model ends in anything else.
    """
    if not temperature > 0:
        raise ValueError(f"The temperature must be above 0, not {temperature}")
    _softmax_layer(model)
    folded = keras.models.clone_model(model)
    folded.set_weights(model.get_weights())
    last = folded.layers[-1]
    last.set_weights([weights / np.float32(temperature) for weights in last.get_weights()])
    return folded


def _softmax_layer(model: keras.Model) -> keras.layers.Dense:
    last = model.layers[-1]
    if not isinstance(last, keras.layers.Dense) or last.activation is not keras.activations.softmax:
        raise ValueError(
            f"Expected a model whose last layer is Dense with activation='softmax', "
            f"not {type(last).__name__} '{last.name}'"
        )
    return last


def _predict(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    pixels = images[..., np.newaxis] / np.float32(255)  # (N, 28, 28, 1)
    answers: NDArray[np.float32] = model.predict(pixels, batch_size=_BATCH_SIZE, verbose=0)
    return answers

"""Calibrate a classifier by temperature scaling (Guo et al., ICML 2017).

Uses NumPy and Keras only: `train` calibrates, and runs on hosts without SciPy.
"""

import keras
import numpy as np
from numpy.typing import NDArray

from training.model import predict

_TEMPERATURES = (0.1, 10.0)


def logits_of(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the logits, which are the inputs of the model's softmax.

    A copy of the model without the softmax computes them: logarithms of probabilities that float32
    rounds to 0 or 1 would have lost them.

    Args:
        model: a `Sequential` or functional model that ends in a Dense layer with a softmax.
        images: uint8 (N, 28, 28), ink 255 on 0.

    Returns:
        float32 (N, classes).

    Raises:
        ValueError: the model ends in another layer.
    """
    last = _softmax_layer(model)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer is last:
            config["activation"] = "linear"
        return type(layer).from_config(config)

    twin = keras.models.clone_model(model, clone_function=clone)
    twin.set_weights(model.get_weights())
    return predict(twin, images)


def choose_temperature(logits: NDArray[np.floating], labels: NDArray[np.uint8]) -> float:
    """Return the temperature that minimises the cross-entropy of validation labels.

    The loss is convex in 1/T, so its slope changes sign once, and bisection finds where.

    Args:
        logits: float (N, classes), of digits that the model was not trained on.
        labels: uint8 (N,), 0 to classes - 1.

    Returns:
        T, to divide logits by: above 1 for an overconfident model. It is limited to 0.1–10, which
        matters where no finite T is optimal, for example if every prediction is right.
    """
    wide = logits.astype(np.float64)
    true = wide[np.arange(len(labels)), labels]  # (N,)
    low, high = _TEMPERATURES
    for _ in range(50):
        temperature = float(np.sqrt(low * high))
        probabilities = np.exp((wide - wide.max(axis=1, keepdims=True)) / temperature)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        slope = ((probabilities * wide).sum(axis=1) - true).mean()  # of the loss, in 1/T
        if slope > 0:
            low = temperature
        else:
            high = temperature
    return temperature


def fold_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """Divide the last layer's kernel and bias by the temperature, and so the logits.

    Args:
        model: a `Sequential` or functional model that ends in a Dense layer with a softmax; it is
            not changed.
        temperature: above 0; from `choose_temperature`.

    Returns:
        A copy, not compiled, whose softmax is calibrated and whose predicted labels are the same.

    Raises:
        ValueError: the temperature is not above 0, or the model ends in another layer.
    """
    if not temperature > 0:
        raise ValueError(f"The temperature must be above 0, got {temperature}.")
    _softmax_layer(model)
    calibrated = keras.models.clone_model(model)
    calibrated.set_weights(model.get_weights())
    last = calibrated.layers[-1]
    last.set_weights([weights / np.float32(temperature) for weights in last.get_weights()])
    return calibrated


def _softmax_layer(model: keras.Model) -> keras.layers.Dense:
    last = model.layers[-1]
    if not isinstance(last, keras.layers.Dense) or last.activation is not keras.activations.softmax:
        raise ValueError(
            "The model's last layer must be Dense with activation='softmax', "
            f"got {type(last).__name__} '{last.name}'."
        )
    return last

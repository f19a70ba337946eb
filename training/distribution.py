"""Fit the out-of-distribution score of a model to its training and validation digits.

The score itself is `service.model.distribution.Distribution`; this module computes its parameters
and its threshold.
"""

from dataclasses import replace

import keras
import numpy as np
from numpy.typing import NDArray

from service.model.distribution import Distribution
from training.data import VALIDATION_SIZE, Mnist
from training.model import predict

LET_THROUGH = 0.993  # of the validation digits, a margin above the 99% wanted of the test digits
_RIDGE = 1e-2  # share of the mean variance added to every axis, so that no variance is near 0


def fit(model: keras.Sequential, mnist: Mnist) -> Distribution:
    """Fit centres and covariance to the training digits, scale and threshold to validation digits.

    Args:
        model: ends in two Dense layers.
        mnist: its last `VALIDATION_SIZE` training digits are the validation set; its test digits
            are not used.
    """
    hidden, _ = hidden_and_logits(model, mnist.train_images[:-VALIDATION_SIZE])
    labels = mnist.train_labels[:-VALIDATION_SIZE]
    classes = range(model.output_shape[-1])
    centres = np.stack([hidden[labels == label].mean(axis=0) for label in classes])
    deviations = hidden - centres[labels]
    covariance = deviations.T @ deviations / len(deviations)
    covariance += _RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    variances, axes = np.linalg.eigh(covariance)
    whitening = (axes / np.sqrt(variances)).astype(np.float32)
    unscaled = Distribution(whitening, centres.astype(np.float32) @ whitening, 0.0)
    hidden, logits = hidden_and_logits(model, mnist.train_images[-VALIDATION_SIZE:])
    ratio = logits.max(axis=1).std() / unscaled.distances(hidden).std()
    scale = np.float32(ratio**0.5)
    scaled = Distribution(whitening * scale, unscaled.centres * scale, 0.0)
    threshold = float(np.quantile(scaled.scores(hidden, logits), 1 - LET_THROUGH))
    return replace(scaled, threshold=threshold)


def hidden_and_logits(
    model: keras.Sequential, images: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the last hidden layer before its activation, (N, units), and the logits, (N, classes).

    Args:
        model: ends in two Dense layers.
        images: uint8 (N, 28, 28), ink 255 on 0.
    """
    *before, hidden_layer, last = model.layers
    linear = keras.layers.Dense.from_config({**hidden_layer.get_config(), "activation": "linear"})
    twin = keras.Sequential([keras.Input(model.input_shape[1:]), *before, linear])
    linear.set_weights(hidden_layer.get_weights())
    hidden = predict(twin, images)
    kernel, bias = last.get_weights()
    activations = keras.ops.convert_to_numpy(hidden_layer.activation(hidden))
    return hidden, activations @ kernel + bias

"""Learns what a model's digits look like inside it, so that the service can flag what is none.

The score itself is the service's (`service/distribution.py`); here are its parameters and its
threshold, from training and held-out digits.
"""

from dataclasses import replace

import keras
import numpy as np
from numpy.typing import NDArray

from service.model.distribution import Distribution
from training.data import VALIDATION_SIZE, Mnist

LET_THROUGH = 0.993  # of the held-out digits: a little more than the 99% wanted of test digits
_RIDGE = 1e-2  # share of the mean variance added to every direction, as none is surely without
_BATCH_SIZE = 500


def fit(model: keras.Sequential, mnist: Mnist) -> Distribution:
    """Centres and spread from the training digits, scale and threshold from the held-out ones.

    Args:
        model: ends in two Dense layers.
        mnist: its last training digits were held out; its test digits are not touched.
    """
    hidden, _ = hidden_and_logits(model, mnist.train_images[:-VALIDATION_SIZE])
    labels = mnist.train_labels[:-VALIDATION_SIZE]
    classes = range(model.output_shape[-1])
    centres = np.stack([hidden[labels == label].mean(axis=0) for label in classes])
    within = hidden - centres[labels]
    spread = within.T @ within / len(within)
    spread += _RIDGE * np.trace(spread) / len(spread) * np.eye(len(spread))
    variances, axes = np.linalg.eigh(spread)
    whitening = (axes / np.sqrt(variances)).astype(np.float32)
    found = Distribution(whitening, centres.astype(np.float32) @ whitening, 0.0)
    held_hidden, held_logits = hidden_and_logits(model, mnist.train_images[-VALIDATION_SIZE:])
    ratio = held_logits.max(axis=1).std() / found.distances(held_hidden).std()
    scale = np.float32(ratio**0.5)
    found = Distribution(whitening * scale, found.centres * scale, 0.0)
    threshold = float(np.quantile(found.scores(held_hidden, held_logits), 1 - LET_THROUGH))
    return replace(found, threshold=threshold)


def scores(
    model: keras.Sequential, distribution: Distribution, images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """How much images, uint8 (N, 28, 28), are like training digits, float32 (N,)."""
    return distribution.scores(*hidden_and_logits(model, images))


def hidden_and_logits(
    model: keras.Sequential, images: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The last hidden layer before its activation, (N, units), and the logits, (N, classes).

    Args:
        model: ends in two Dense layers.
        images: uint8 (N, 28, 28), ink 255 on 0.
    """
    *before, hidden_layer, last = model.layers
    linear = keras.layers.Dense.from_config({**hidden_layer.get_config(), "activation": "linear"})
    twin = keras.Sequential([keras.Input(model.input_shape[1:]), *before, linear])
    linear.set_weights(hidden_layer.get_weights())
    pixels = images[..., np.newaxis] / np.float32(255)  # (N, 28, 28, 1)
    hidden: NDArray[np.float32] = twin.predict(pixels, batch_size=_BATCH_SIZE, verbose=0)
    kernel, bias = last.get_weights()
    after = keras.ops.convert_to_numpy(hidden_layer.activation(hidden))
    return hidden, after @ kernel + bias

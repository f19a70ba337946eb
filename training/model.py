"""Build the lecture's CNN and the variant that is trained, and predict with either."""

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from service.model.normalisation import as_floats

INPUT_SHAPE = (28, 28, 1)
CLASSES = 10
NORMALIZED = "conv2d_1", "conv2d_2", "dense"
_BATCH_SIZE = 500


def lecture_cnn(output_activation: str = "softmax") -> keras.Sequential:
    """Build the lecture's network, layer for layer: 93,322 parameters.

    The layers have explicit names, those of the lecture's `summary()`, because Keras's default
    names depend on the models built earlier in the same process.

    Args:
        output_activation: "softmax" as in the lecture, or "linear" for logits.

    Returns:
        A model from float32 (N, 28, 28, 1) in 0–1 to float32 (N, 10).
    """
    return keras.Sequential(
        [
            keras.Input(INPUT_SHAPE),
            layers.Conv2D(32, (3, 3), activation="relu", name="conv2d"),
            layers.MaxPooling2D((2, 2), name="max_pooling2d"),
            layers.Conv2D(64, (3, 3), activation="relu", name="conv2d_1"),
            layers.MaxPooling2D((2, 2), name="max_pooling2d_1"),
            layers.Conv2D(64, (3, 3), activation="relu", name="conv2d_2"),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="dense"),
            layers.Dense(CLASSES, activation=output_activation, name="dense_1"),
        ],
        name="sequential",
    )


def normalized_cnn(precision: str = "float32") -> keras.Sequential:
    """Build the network that the best recipe trains: with batch normalization, and to logits.

    Batch normalization precedes the ReLU of each layer in `NORMALIZED`. The first convolution has
    none: it has four times as many values as all other layers together, and gains nothing.
    `fold_normalization` removes the normalization after training.

    Args:
        precision: a Keras dtype policy, "float32" or "mixed_bfloat16"; weights and logits are
            float32 in both.

    Returns:
        A model from float32 (N, 28, 28, 1) in 0–1 to float32 logits (N, 10).
    """
    normalized: list[keras.layers.Layer] = []
    *hidden, last = lecture_cnn(output_activation="linear").layers
    for layer in hidden:
        config = {**layer.get_config(), "dtype": precision}
        if layer.name not in NORMALIZED:
            normalized.append(type(layer).from_config(config))
            continue
        config |= {"activation": "linear", "use_bias": False}
        normalized += [
            type(layer).from_config(config),
            layers.BatchNormalization(dtype=precision, name=f"{layer.name}_normalization"),
            layers.ReLU(dtype=precision, name=f"{layer.name}_relu"),
        ]
    return keras.Sequential([keras.Input(INPUT_SHAPE), *normalized, last])


def fold_normalization(normalized: keras.Model) -> keras.Sequential:
    """Fold a network's batch normalization into kernels and biases.

    With the moving mean μ and variance σ², a normalization is γ·(x − μ)/√(σ² + ε) + β: a factor
    for each kernel, and a bias.

    Args:
        normalized: a trained `normalized_cnn()`; it is not changed.

    Returns:
        `lecture_cnn()`, which includes the softmax, with the resulting weights.
    """
    model = lecture_cnn()
    for layer in model.layers:
        weights = [keras.ops.convert_to_numpy(w) for w in normalized.get_layer(layer.name).weights]
        if layer.name in NORMALIZED:
            weights = _fold(weights[0], normalized.get_layer(f"{layer.name}_normalization"))
        layer.set_weights(weights)
    return model


def _fold(kernel: Any, normalization: keras.layers.BatchNormalization) -> list[Any]:
    gamma, beta, mean, variance = (
        keras.ops.convert_to_numpy(w).astype(np.float64) for w in normalization.weights
    )
    factor = gamma / np.sqrt(variance + normalization.epsilon)
    return [kernel * factor, beta - mean * factor]


def predict(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a model's outputs, float32 (N, outputs), for images, uint8 (N, 28, 28)."""
    pixels = as_floats(images)[..., np.newaxis]  # (N, 28, 28, 1)
    outputs: NDArray[np.float32] = model.predict(pixels, batch_size=_BATCH_SIZE, verbose=0)
    return outputs

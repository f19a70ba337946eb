"""A small network and its bundle, for the tests of export."""

from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from service.model.bundle import Bundle, read_bundle
from training.export import compile_bundle

ODD_SHAPE = (12, 10, 3)


def odd_cnn() -> keras.Sequential:
    """Build a network with other sizes, strides, padding and activations than the lecture's."""
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input(ODD_SHAPE),
            layers.Conv2D(
                5, (3, 2), strides=(2, 1), padding="same", activation="relu", name="first"
            ),
            layers.AveragePooling2D((2, 3), name="mean"),
            layers.Conv2D(4, (2, 1), activation="tanh", use_bias=False, name="second"),
            layers.Flatten(name="flat"),
            layers.Dense(7, activation="softmax", bias_initializer="random_normal", name="answer"),
        ]
    )


def noise(count: int, shape: tuple[int, ...] = ODD_SHAPE) -> NDArray[np.uint8]:
    """Return images of noise, uint8 (count, H, W, C)."""
    return np.random.default_rng(3).integers(0, 256, (count, *shape), np.uint8)


def compiled(model: keras.Sequential, folder: Path) -> Bundle:
    """Compile the model to a bundle in an empty folder, and read the bundle."""
    digits = noise(12, model.input_shape[1:])
    compile_bundle(model, folder, "odd", 1, digits, digits[:2], {})
    return read_bundle(folder)


def values_of(model: keras.Sequential, digits: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Return every layer's output, as Keras computes it."""
    outputs = keras.Model(model.inputs, [layer.output for layer in model.layers])
    values: list[NDArray[np.float32]] = outputs.predict(digits / np.float32(255), verbose=0)
    return values

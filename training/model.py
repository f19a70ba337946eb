"""The lecture's CNN. No training, no data."""

import keras
from keras import layers

INPUT_SHAPE = (28, 28, 1)
CLASSES = 10


def lecture_cnn(output_activation: str = "softmax", dropout: float = 0.0) -> keras.Sequential:
    """The lecture's network, layer for layer: 93,322 parameters.

    The names are those that Keras gives in the lecture's `summary()`; written out, they do not
    depend on what was built before in the same process.

    Args:
        output_activation: "softmax" as in the lecture, or "linear" to train on logits.
        dropout: share of the flattened values that training leaves out; a layer without weights,
            only there where this is above 0.

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
            *([layers.Dropout(dropout)] if dropout else []),
            layers.Dense(64, activation="relu", name="dense"),
            layers.Dense(CLASSES, activation=output_activation, name="dense_1"),
        ],
        name="sequential",
    )

"""The networks: the lecture's CNN, and the larger one that teaches it. No training, no data."""

import keras
from keras import layers

INPUT_SHAPE = (28, 28, 1)
CLASSES = 10


def lecture_cnn(output_activation: str = "softmax") -> keras.Sequential:
    """The lecture's network, layer for layer: 93,322 parameters.

    The names are those that Keras gives in the lecture's `summary()`; written out, they do not
    depend on what was built before in the same process.

    Args:
        output_activation: "softmax" as in the lecture, or "linear" to train on logits.

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


def teacher_cnn() -> keras.Sequential:
    """A wider network with batch normalisation that only ever teaches; it is never served.

    Returns:
        A model from float32 (N, 28, 28, 1) in 0–1 to logits float32 (N, 10).
    """
    he = {"kernel_initializer": "he_normal"}
    stack: list[layers.Layer] = [
        keras.Input(INPUT_SHAPE),
        layers.Conv2D(32, 3, activation="relu", **he),
        layers.MaxPooling2D(),  # (13, 13, 32)
    ]
    for filters, dropout in ((64, 0.2), (128, 0.3)):
        stack += [
            layers.Conv2D(filters, 3, padding="same", activation="relu", **he),
            layers.Conv2D(filters, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            *([layers.MaxPooling2D()] if filters == 64 else []),  # (5, 5, 64)
            layers.Dropout(dropout),
        ]
    stack += [  # (3, 3, 128)
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.4),
        layers.Dense(CLASSES, dtype="float32"),
    ]
    return keras.Sequential(stack, name="teacher")

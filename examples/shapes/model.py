"""Build the network of the example: residual blocks, whose shortcuts make the layers a graph."""

import keras
from keras import layers

CLASSES = 10


def shapes_resnet() -> keras.Model:
    """Build the network, untrained: a stem and three residual blocks.

    Returns:
        A model from float32 (N, 64, 64, 3) in 0–1 to probabilities, float32 (N, 10).
    """
    image = keras.Input((64, 64, 3))
    values = _convolution(image, 24, "stem", strides=2)
    values = layers.ReLU(name="stem_relu")(values)
    values = layers.MaxPooling2D(name="stem_pool")(values)
    values = _residual_block(values, 24, "block1")
    values = _residual_block(values, 48, "block2", strides=2)
    values = _residual_block(values, 64, "block3", strides=2)
    values = layers.GlobalAveragePooling2D(name="average")(values)
    probabilities = layers.Dense(CLASSES, activation="softmax", name="classes")(values)
    return keras.Model(image, probabilities, name="shapes")


def _residual_block(
    values: keras.KerasTensor, channels: int, name: str, strides: int = 1
) -> keras.KerasTensor:
    """Add two convolutions to their input, as He et al. (2016) do.

    Where the block changes the shape, a convolution of 1 × 1 with the same stride gives the
    shortcut the shape of the sum.
    """
    shortcut = values
    if strides > 1 or values.shape[-1] != channels:
        shortcut = _convolution(values, channels, f"{name}_shortcut", size=1, strides=strides)
    values = _convolution(values, channels, f"{name}_conv1", strides=strides)
    values = layers.ReLU(name=f"{name}_relu1")(values)
    values = _convolution(values, channels, f"{name}_conv2")
    values = layers.Add(name=f"{name}_add")([shortcut, values])
    return layers.ReLU(name=f"{name}_relu2")(values)


def _convolution(
    values: keras.KerasTensor, channels: int, name: str, size: int = 3, strides: int = 1
) -> keras.KerasTensor:
    """Apply a convolution with batch normalization and without an activation function."""
    convolution = layers.Conv2D(
        channels, size, strides=strides, padding="same", use_bias=False, name=name
    )
    return layers.BatchNormalization(name=f"{name}_normalization")(convolution(values))

"""Build the network of the example: residual blocks, whose shortcuts make the layers a graph."""

import keras
from keras import layers

INPUT_SHAPE = (64, 64, 3)
CLASSES = 10


def shapes_resnet() -> keras.Model:
    """Build the network, untrained: a stem and three residual blocks.

    Each block is a model of its own, by whose name the page groups the layers.

    Returns:
        A model from float32 (N, 64, 64, 3) in 0–1 to probabilities, float32 (N, 10).
    """
    image = keras.Input(INPUT_SHAPE)
    values = _convolution(image, 24, "stem", strides=2)
    values = layers.ReLU(name="stem_relu")(values)
    values = layers.MaxPooling2D(name="stem_pool")(values)
    for name, channels, strides in (("block1", 24, 1), ("block2", 48, 2), ("block3", 64, 2)):
        values = _residual_block(values.shape[1:], channels, strides, name)(values)
    values = layers.GlobalAveragePooling2D(name="average")(values)
    probabilities = layers.Dense(CLASSES, activation="softmax", name="classes")(values)
    return keras.Model(image, probabilities, name="shapes")


def _residual_block(
    shape: tuple[int, int, int], channels: int, strides: int, name: str
) -> keras.Model:
    """Return a block that adds its input to two convolutions of it, as He et al. (2016) do.

    A block with strides or other channels needs a shortcut of the sum's shape: a convolution of
    1 × 1 with the same strides.
    """
    block_input = shortcut = keras.Input(shape)
    if strides > 1 or shape[-1] != channels:
        shortcut = _convolution(shortcut, channels, "shortcut", size=1, strides=strides)
    values = _convolution(block_input, channels, "conv1", strides=strides)
    values = layers.ReLU(name="relu1")(values)
    values = _convolution(values, channels, "conv2")
    values = layers.Add(name="add")([shortcut, values])
    return keras.Model(block_input, layers.ReLU(name="relu2")(values), name=name)


def _convolution(
    values: keras.KerasTensor, channels: int, name: str, size: int = 3, strides: int = 1
) -> keras.KerasTensor:
    """Apply a convolution with batch normalization and without an activation function."""
    convolution = layers.Conv2D(
        channels, size, strides=strides, padding="same", use_bias=False, name=name
    )
    return layers.BatchNormalization(name=f"{name}_norm")(convolution(values))

"""A network that is a graph and not a chain, exported as a user's own model."""

from pathlib import Path

import keras
from keras import layers

from service.model.manifest import Input, ResizePreparation
from training.bundling import Contents, patterns, write_bundle
from training.tracing import trace

SHAPE = (20, 16, 3)
BRANCH = 36  # layers in a row, so that the list of layers is long
LABELS = [f"class {index}" for index in range(12)]


def graph_cnn() -> keras.Model:
    """Build a small network with a sum of two branches, tokens, and layers in a block.

    The block calls one of its layers twice, so that a layer's name has a slash and a colon.
    """
    keras.utils.set_random_seed(8)
    image = keras.Input(SHAPE)
    stem = layers.Conv2D(70, 3, strides=2, padding="same", name="stem")(image)
    tensor = layers.Activation("relu", name="stem_relu")(stem)
    inside = keras.Input(tensor.shape[1:])
    conv = layers.Conv2D(70, 1, padding="same", name="conv")
    branch = conv(conv(inside))
    for index in range(BRANCH):
        branch = layers.Activation("tanh", name=f"tanh_{index}")(branch)
    added = layers.Add(name="add")([inside, branch])
    tensor = keras.Model(inside, added, name="block1")(tensor)
    tokens = layers.Reshape((80, 70), name="tokens")(tensor)
    normal = layers.LayerNormalization(name="norm")(tokens)
    pooled = layers.GlobalAveragePooling1D(name="pool")(normal)
    return keras.Model(image, layers.Dense(12, activation="softmax", name="classes")(pooled))


def write_graph_bundle(
    folder: Path, name: str = "graph", preparation: ResizePreparation | None = None
) -> None:
    """Export the network to a bundle in an empty folder.

    Args:
        folder: of the bundle.
        name: of the model.
        preparation: how the manifest says that images become inputs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = graph_cnn()
    images = patterns(SHAPE, 3)
    contents = Contents(name, 1, LABELS, Input(SHAPE, "rgb", preparation), images, images[:1])
    write_bundle(model, trace(model), folder, contents)

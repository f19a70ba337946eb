"""The receptive field of a cell is the smallest box around the pixels that change the cell."""

import keras
import numpy as np
import pytest
from keras import layers

from service.model.kinds import KINDS, layer_kind
from service.model.layer import Layer
from service.model.receptive_field import Box, receptive_field

SHAPE = (9, 8, 2)
WHOLE = Box(0, 9, 0, 8)


def node(kind, inputs=("input",), shape=SHAPE, output=SHAPE, **config):
    """Build a layer of the graph; by default it keeps the image's shape.

    Args:
        kind: its kind.
        inputs: names of the layers that it takes.
        shape: of the first of them.
        output: its own shape.
        config: by Keras's names.
    """
    return Layer("", kind, shape, output, "linear", 0, 0, 0, inputs=inputs, config=config)


def node_of(layer, output_shape):
    """Build the only layer of a graph, with Keras's configuration as JSON has it."""
    return node(type(layer).__name__, output=output_shape, **layer.get_config())


def positive(layer):
    """Make every weight positive, so that a brighter pixel changes every cell that it reaches."""
    generator = np.random.default_rng(3)
    for weight in layer.weights:
        weight.assign(generator.uniform(0.1, 1, weight.shape))


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(2, (3, 2)),
        layers.Conv2D(2, 4, strides=(2, 3), padding="same"),
        layers.Conv2D(2, (3, 2), dilation_rate=(2, 3), padding="same", groups=2),
        layers.DepthwiseConv2D((2, 3), strides=2, padding="same"),
        layers.DepthwiseConv2D(3, dilation_rate=2, depth_multiplier=2),
        layers.SeparableConv2D(2, 3, strides=2, padding="same"),
        layers.Conv2DTranspose(2, 3, strides=2),
        layers.Conv2DTranspose(2, (4, 2), strides=(2, 3), padding="same"),
        layers.Conv2DTranspose(2, 2, strides=3),
        layers.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=0),
        layers.MaxPooling2D((3, 2), strides=2, padding="same"),
        layers.AveragePooling2D(3, padding="valid"),
        layers.ZeroPadding2D(((1, 2), (0, 3))),
        layers.ZeroPadding2D(2),
        layers.Cropping2D(((1, 2), (0, 3))),
        layers.UpSampling2D((2, 3)),
        layers.UpSampling2D((2, 3), interpolation="bilinear"),
        layers.UpSampling2D(2, interpolation="bicubic"),
        layers.BatchNormalization(),
        layers.PReLU(),
        layers.Rescaling(2.0),
        layers.Dropout(0.5),
        layers.Dense(3),
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.GlobalMaxPooling2D(),
        layers.Flatten(),
    ],
    ids=lambda layer: layer.name,
)
def test_the_box_of_every_cell_is_that_of_keras(layer):
    """For one layer, every cell's box contains the pixels that change it, and no other edge."""
    height, width, _ = SHAPE
    base = np.random.default_rng(1).random((1, *SHAPE), np.float32)
    layer(base)
    positive(layer)
    pixels = np.eye(height * width, dtype=np.float32).reshape(-1, height, width, 1)
    before, after = (np.asarray(layer(x)) for x in (base, base + 100 * pixels))
    output_shape = before.shape[1:]
    is_changed = np.abs(after - before) > 1e-5
    nodes = {"layer": node_of(layer, output_shape)}
    cells = list(np.ndindex(output_shape[:2])) if len(output_shape) == 3 else [None]
    for cell in cells:
        part = is_changed if cell is None else is_changed[:, cell[0], cell[1]]
        by_pixel = part.reshape(height, width, -1).any(axis=-1)
        box = receptive_field(nodes, "layer", cell, SHAPE)
        if layer.name.startswith("up_sampling2d") and layer.interpolation == "bicubic":
            assert box == WHOLE  # an upper bound: its weights are not in the registry
            continue
        expected = Box(0, 0, 0, 0)
        if by_pixel.any():
            rows, columns = (np.flatnonzero(by_pixel.any(axis=axis)) for axis in (1, 0))
            expected = Box(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
        assert box == expected, cell


def test_branches_are_joined_and_cut_at_the_image():
    """The box is the hull of all branches', without what lies in the padding."""
    window = {"kernel_size": [3, 3], "strides": [1, 1], "padding": "same"}
    nodes = {
        "wide": node("Conv2D", **{**window, "kernel_size": [5, 1]}),
        "small": node("Conv2D", **window),
        "sum": node("Add", ["wide", "small", "input"]),
    }
    assert receptive_field(nodes, "sum", (4, 4), SHAPE) == Box(2, 7, 3, 6)
    assert receptive_field(nodes, "sum", (0, 7), SHAPE) == Box(0, 3, 6, 8)


def test_cells_between_the_taps_of_a_dilated_kernel_are_left_out():
    """Cell 0 of the second layer reads cells 0 and 2 of the first, and they pixels 1 and 3."""
    dilated = {"kernel_size": [2, 2], "dilation_rate": [2, 2]}
    shape = (5, 5, 1)
    nodes = {
        "first": node("Conv2D", ["input"], shape, shape, padding="same", **dilated),
        "second": node("Conv2D", ["first"], shape, (3, 3, 1), padding="valid", **dilated),
    }
    assert receptive_field(nodes, "second", (0, 0), shape) == Box(1, 4, 1, 4)
    assert receptive_field(nodes, "first", (1, 1), shape) == Box(0, 3, 0, 3)


def test_a_dense_kernel_leaves_gaps_between_cells():
    """Cell 0 reads cells 0 and 3 of a pointwise layer; 1 and 2, which see pixel 5, do not count."""
    shape = (6, 6, 1)
    far = {"kernel_size": [2, 2], "padding": "same", "dilation_rate": [8, 8]}
    near = {"kernel_size": [2, 2], "padding": "valid", "dilation_rate": [3, 3]}
    nodes = {
        "first": node("Conv2D", ["input"], shape, shape, **far),  # of 4 pixels before and behind
        "pointwise": node("Conv2D", ["first"], shape, shape, kernel_size=[1, 1]),
        "last": node("Conv2D", ["pointwise"], shape, (3, 3, 1), **near),
    }
    assert receptive_field(nodes, "last", (0, 0), shape) == Box(4, 5, 4, 5)


def test_a_gate_that_is_broadcast_depends_on_the_whole_image():
    """Squeeze-and-excite multiplies every cell by a mean over the whole image."""
    nodes = {
        "mean": node("GlobalAveragePooling2D", output=(1, 1, 2)),
        "row": node("AveragePooling2D", output=(9, 1, 2), pool_size=[1, 8], strides=[1, 8]),
        "gate": node("Multiply", ["input", "mean"]),
        "rows": node("Multiply", ["input", "row"]),
    }
    assert receptive_field(nodes, "gate", (4, 4), SHAPE) == WHOLE
    assert receptive_field(nodes, "rows", (4, 4), SHAPE) == Box(4, 5, 0, 8)


def test_everything_behind_a_global_layer_is_what_it_can_see():
    """A mean over a cropped map depends on the pixels that were not removed."""
    crop = node("Cropping2D", output=(6, 6, 2), cropping=[[1, 2], [2, 0]])
    nodes = {
        "crop": crop,
        "flat": node("Flatten", ["crop"], (6, 6, 2), (72,)),
        "classes": node("Dense", ["flat"], (72,), (3,)),
    }
    assert receptive_field(nodes, "classes", None, SHAPE) == Box(1, 7, 2, 8)


@pytest.mark.parametrize(
    ("kind", "config", "is_cell"),
    [
        ("Concatenate", {"axis": -1}, True),
        ("Concatenate", {"axis": 3}, True),
        ("Concatenate", {"axis": 1}, False),
        ("LayerNormalization", {"axis": [3]}, True),
        ("LayerNormalization", {"axis": [1, 2, 3]}, False),
        ("Softmax", {}, True),
        ("GroupNormalization", {}, False),
        ("Attention", {}, False),
        ("ops>Roll", {}, False),
        ("Custom>Conv2D", {"kernel_size": [1, 1]}, False),
        ("Conv2D", {"kernel_size": [1, 1], "data_format": "channels_first"}, False),
        ("Conv2D", {"kernel_size": [1, 1], "tensorflow_operations": ["AddV2", "Relu"]}, True),
        ("Conv2D", {"kernel_size": [1, 1], "tensorflow_operations": ["Mean"]}, False),
        ("Block", {"computed_by": ["AddV2", "Relu"]}, True),
        ("Block", {"computed_by": ["Roll"]}, False),
    ],
)
def test_what_is_not_certain_depends_on_everything(kind, config, is_cell):
    """Unknown kinds, operations and other axes than the channels read the whole input."""
    nodes = {"layer": node(kind, **config)}
    expected = Box(4, 5, 3, 4) if is_cell else WHOLE
    assert receptive_field(nodes, "layer", (4, 3), SHAPE) == expected


def test_operations_between_layers_may_broadcast():
    """A convolution of `x * mean(x)` reads its window of x, and the whole image for the mean."""
    window = {"kernel_size": [3, 3], "padding": "same", "tensorflow_operations": ["Mul"]}
    nodes = {
        "x": node("ReLU"),
        "small": node("Conv2D", ["x"], SHAPE, (1, 8, 2), kernel_size=[9, 1]),
        "layer": node("Conv2D", ["x", "small"], **window),
    }
    assert receptive_field(nodes, "layer", (4, 4), SHAPE) == Box(0, 9, 3, 6)


def test_every_registered_kind_is_a_layer_or_an_operation_of_keras():
    """Each name is found in Keras, once; another name reads everything."""
    operations = {name.replace("_", "").lower() for name in (*dir(keras.ops), *dir(keras.ops.nn))}
    for name in KINDS.keys() - {"Probabilities"}:
        if name.startswith("ops>"):
            assert name.removeprefix("ops>").lower() in operations
        else:
            assert issubclass(getattr(layers, name), layers.Layer)
    assert layer_kind("LSTM").reading == "whole"
    assert layer_kind("Conv2D") is KINDS["Conv2D"]

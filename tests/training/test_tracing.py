"""Tracing a Keras model returns every value of every layer, and the graph computes them all."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from service.model.kinds import INPUT
from service.model.layer import Layer
from service.model.receptive_field import receptive_field
from tests.training.random_models import random_model
from training.conversion import TOLERANCE, compare, convert
from training.traced_layers import TracedLayer
from training.tracing import Trace, trace

FEW, MANY = 6, 50  # by default, and under the marker
SEEDS = [
    pytest.param(seed, marks=[pytest.mark.slow] if seed >= FEW else []) for seed in range(MANY)
]


def images(shape: tuple[int, ...], count: int = 1) -> NDArray[np.float32]:
    """Return images of noise, float32 (count, H, W, C)."""
    return np.random.default_rng(5).normal(0.5, 1, (count, *shape)).astype(np.float32)


def values_of(traced: Trace, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return every value for one image."""
    return [value.numpy()[0] for value in traced.function(tf.constant(image))]


def assert_close(actual: Any, expected: Any, name: str) -> None:
    """Check a value with the tolerance of the export."""
    expected = np.asarray(expected)
    assert actual.shape == expected.shape, name
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale, err_msg=name)


def check_layer(
    layer: TracedLayer, traced: Trace, values: list[Any], image: NDArray[np.float32]
) -> None:
    """Compare a layer's values with those that Keras computes from its inputs' values."""
    post_of = {other.name: values[other.post] for other in traced.layers}
    inputs = [image[0] if name == INPUT else post_of[name] for name in layer.inputs]
    assert [array.shape for array in inputs] == list(layer.input_shapes), layer.name
    assert values[layer.post].shape == layer.output_shape == traced.shapes[layer.post]
    is_recomputable = not {"computed_by", "tensorflow_operations"} & layer.config.keys()
    if not isinstance(layer.layer, keras.Layer) or not is_recomputable:
        return
    batches = [array[np.newaxis] for array in inputs]
    takes_list = layer.kind in ("Add", "Concatenate", "Multiply")
    result = layer.layer(batches if takes_list else batches[0], training=False)
    assert_close(values[layer.post], result[0], layer.name)
    if layer.kind == "Conv2D":
        kernel, *bias = (np.asarray(weight) for weight in layer.layer.weights)
        result = tf.nn.conv2d(
            batches[0],
            kernel,
            layer.config["strides"],
            layer.config["padding"].upper(),
            dilations=layer.config["dilation_rate"],
        )
        assert_close(values[layer.pre], result[0] + sum(bias), f"{layer.name} (pre)")
    elif layer.kind == "Dense":
        kernel, bias = (np.asarray(weight) for weight in layer.layer.weights)
        assert_close(values[layer.pre], inputs[0] @ kernel + bias, f"{layer.name} (pre)")
    elif layer.kind in ("Activation", "LeakyReLU", "ReLU", "PReLU", "Softmax"):
        assert_close(values[layer.pre], inputs[0], f"{layer.name} (pre)")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_value_of_a_random_model_is_keras_value(seed: int) -> None:
    """Values, inputs and shapes are those of Keras, and the compiled graph computes them all."""
    model = random_model(seed)
    traced = trace(model)
    image = images(traced.input_shape)
    values = values_of(traced, image)

    for layer in traced.layers:
        check_layer(layer, traced, values, image)
    if hasattr(model, "operations"):  # a functional model
        by_name = {layer.name: layer for layer in traced.layers}
        named = [layer for layer in model.operations if layer.name in by_name]
        once = [layer for layer in named if len(layer._inbound_nodes) == 1]
        assert len(once) > 3
        outputs = keras.Model(model.input, [layer.output for layer in once])(image)
        for layer, output in zip(once, outputs, strict=True):
            assert_close(values[by_name[layer.name].post], output[0], layer.name)
    names = [layer.name for layer in traced.layers]
    assert len(set(names)) == len(names)
    counted = {layer.layer: layer.parameters for layer in traced.layers}
    assert sum(counted.values()) == model.count_params()
    probabilities, logits, features = traced.predict(images(traced.input_shape, 3))
    assert_close(probabilities.numpy()[0], values[traced.output.probabilities], "probabilities")
    assert_close(features.numpy()[0], values[traced.features], "features")
    assert logits is not None
    assert traced.output.logits is not None
    assert_close(logits.numpy()[0], values[traced.output.logits], "logits")
    assert probabilities.shape[1] > 1
    np.testing.assert_allclose(probabilities.numpy().sum(axis=1), 1, atol=1e-5)

    comparison = compare(convert(traced), traced, image, model)

    assert comparison.largest <= TOLERANCE
    assert comparison.agreement == 1
    assert len(comparison.positions) == len(values)


def average(self: Any, x: Any) -> Any:
    """Pool by the mean, whose gradient covers the whole window."""
    return tf.nn.avg_pool2d(x, self.pool_size, self.strides, self.padding.upper())


@pytest.mark.parametrize("seed", SEEDS)
def test_receptive_fields_are_the_pixels_with_a_gradient(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The box of a cell is the smallest one around all pixels that the cell has a gradient for."""
    monkeypatch.setattr(layers.MaxPooling2D, "call", average)
    traced = trace(random_model(seed, is_smooth=True))
    nodes = {
        layer.name: Layer(
            layer.name,
            layer.kind,
            layer.input_shapes[0],
            layer.output_shape,
            layer.activation,
            layer.parameters,
            layer.pre,
            layer.post,
            inputs=layer.inputs,
            config=layer.config,
        )
        for layer in traced.layers
    }
    generator = np.random.default_rng(seed)
    image = tf.constant(images(traced.input_shape))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        values = traced.function(image)
        targets = []
        for layer in traced.layers:
            shape = layer.output_shape
            cells: list[tuple[int, int] | None] = [None]
            if len(shape) == 3:
                cells = [(0, 0), *(tuple(map(int, generator.integers(shape[:2]))) for _ in "ab")]
            for cell in cells:
                value = values[layer.post][0]
                part = value if cell is None else value[cell[0], cell[1]]
                target = tf.reduce_sum(part * generator.uniform(0.5, 1.5, part.shape))
                targets.append((layer, cell, target))
    for layer, cell, target in targets:
        gradient = tape.gradient(target, image)
        found = np.zeros(traced.input_shape[:2], bool)
        if gradient is not None:
            found = (gradient.numpy()[0] != 0).any(axis=-1)
        rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
        expected = (0, 0, 0, 0)
        if rows.size:
            expected = (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
        box = receptive_field(nodes, layer.name, cell, traced.input_shape)
        actual = (box.top, box.bottom, box.left, box.right)
        assert actual == expected, (layer.name, layer.kind, cell)

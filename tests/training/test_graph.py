"""The graph and the manifest's layers equal Keras, value by value, or export raises an error."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from safetensors.numpy import load_file

from service.model.engine import Engine
from tests.networks import (
    ODD_SHAPE,
    compiled,
    noise,
    odd_cnn,
    values_of,
)
from training.conversion import TOLERANCE, compare, convert
from training.errors import ExportError
from training.tracing import trace


def test_a_differently_shaped_model_is_exported_too(tmp_path: Path) -> None:
    """Nothing depends on 28×28 grey digits or ten classes: any plain Sequential works."""
    model = odd_cnn()

    bundle = compiled(model, tmp_path)

    assert bundle.input_shape == ODD_SHAPE
    assert bundle.labels == tuple("0123456")
    first, mean, second, flat, answer = bundle.layers
    windows = [
        tuple(layer.config[key] for key in (size, "strides", "padding"))
        for layer, size in ((first, "kernel_size"), (mean, "pool_size"))
    ]
    assert windows == [([3, 2], [2, 1], "same"), ([2, 3], [2, 3], "valid")]
    assert (second.activation, second.output_shape) == ("tanh", (2, 3, 4))
    assert (flat.receptive_field, answer.receptive_field) == (None, None)


def test_the_graph_gives_every_layer_before_and_after_its_activation(tmp_path: Path) -> None:
    """`pre` and `post` are the indices of the graph's outputs with those values."""
    model = odd_cnn()
    bundle = compiled(model, tmp_path)
    digits = noise(5)
    interpreter = tf.lite.Interpreter(model_path=str(tmp_path / "graph.tflite"))
    interpreter.allocate_tensors()
    functions = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "linear": lambda x: x}
    functions["softmax"] = lambda x: np.exp(x) / np.exp(x).sum()

    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    for index, values in enumerate(zip(*values_of(model, digits), strict=True)):
        pixels = digits[index : index + 1] / np.float32(255)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        for layer, value in zip(bundle.layers, values, strict=True):
            pre, post = (
                interpreter.get_tensor(outputs[position])[0] for position in (layer.pre, layer.post)
            )
            np.testing.assert_allclose(post, value, atol=1e-5)
            np.testing.assert_allclose(functions[layer.activation](pre), value, atol=1e-5)
    assert len({index for layer in bundle.layers for index in (layer.pre, layer.post)}) == len(
        outputs
    )


def test_the_weights_are_the_models(tmp_path: Path) -> None:
    """`weights.safetensors` has each kernel and bias under "layer/kernel", "layer/bias"."""
    model = odd_cnn()
    compiled(model, tmp_path)

    weights = load_file(tmp_path / "weights.safetensors")

    assert weights.keys() == {
        "first/kernel", "first/bias", "second/kernel", "answer/kernel", "answer/bias",
    }  # fmt: skip
    for layer in model.layers:
        for variable, expected in zip(layer.weights, layer.get_weights(), strict=True):
            array = weights[f"{layer.name}/{variable.name}"]
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("name", ["first", "second", "answer"])
def test_a_graph_that_differs_in_any_value_is_rejected(name: str) -> None:
    """Twice the tolerance in one layer rejects the graph; the message names layer and stage."""
    model = odd_cnn()
    graph = _graph_of(_with_offset(model, name, 2 * TOLERANCE))

    with pytest.raises(ExportError, match=r"differs from Keras by .* in .*more than"):
        compare(graph, trace(model), noise(3) / np.float32(255), model)


def test_a_graph_within_the_tolerance_is_accepted() -> None:
    """A tenth of the tolerance is rounding, not a difference; the largest is stated."""
    model = odd_cnn()
    graph = _graph_of(_with_offset(model, "answer", TOLERANCE / 10))

    comparison = compare(graph, trace(model), noise(3) / np.float32(255), model)

    assert TOLERANCE / 20 < comparison.largest < TOLERANCE
    assert (comparison.agreement, comparison.images) == (1, 3)


def test_a_graph_that_computes_nan_is_rejected() -> None:
    """NaN counts as a difference, although it compares as neither larger nor smaller."""
    model = odd_cnn()
    graph = _graph_of(_with_offset(model, "answer", float("nan")))

    with pytest.raises(ExportError, match="differs from Keras by nan"):
        compare(graph, trace(model), noise(3) / np.float32(255), model)


def _with_offset(model: keras.Sequential, name: str, offset: float) -> keras.Sequential:
    """Return a copy in which a layer's values before the activation are larger."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    variable = copy.get_layer(name).weights[-1]  # the bias; of `second`, the kernel
    variable.assign(variable + offset * (100 if name == "second" else 1))
    return copy


def _graph_of(model: keras.Model) -> bytes:
    return convert(trace(model))


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (layers.LSTM(2, name="odd"), "LSTM"),
        (layers.Bidirectional(layers.GRU(2), name="odd"), "Bidirectional"),
    ],
    ids=["LSTM", "Bidirectional"],
)
def test_a_recurrent_layer_is_rejected(layer: keras.layers.Layer, name: str) -> None:
    """The message names the layer, its kind and what to do."""
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Reshape((6, 6)), layer])

    with pytest.raises(ExportError, match=rf"Layer 'odd' \({name}\) is recurrent.*replace"):
        trace(model)


def test_a_model_without_classes_is_rejected() -> None:
    """A model whose output is a map has no value for each class."""
    model = keras.Sequential([keras.Input((9, 9, 2)), layers.Conv2D(2, 3)])

    with pytest.raises(
        ExportError, match=r"shape \(7, 7, 2\); it must return one number per class"
    ):
        trace(model)


@pytest.mark.parametrize(
    ("units", "activation", "kind", "classes"),
    [
        (3, "softmax", "softmax", 3),
        (3, None, "logits", 3),
        (3, "sigmoid", "sigmoid", 3),
        (1, "sigmoid", "sigmoid", 2),
    ],
)
def test_every_kind_of_output_becomes_probabilities(
    units: int, activation: str | None, kind: str, classes: int, tmp_path: Path
) -> None:
    """Softmax, logits and sigmoids of one or several units give a probability for each class."""
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Flatten(),
            layers.Dense(units, activation=activation, kernel_initializer="random_normal"),
        ]
    )
    bundle = compiled(model, tmp_path)
    images = noise(4, (6, 6, 1))
    expected = np.asarray(model(images / np.float32(255)))
    if kind == "logits":
        expected = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    if units == 1:
        expected = np.concatenate([1 - expected, expected], axis=1)

    assert (bundle.output.activation, len(bundle.labels)) == (kind, classes)
    np.testing.assert_allclose(Engine(bundle).probabilities(images), expected, atol=1e-6)
    logits = Engine(bundle).run(images, [bundle.logits])[bundle.logits]
    if kind != "sigmoid":
        softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(softmax, expected, atol=1e-6)


def test_a_layer_is_explained_whatever_comes_before_it(tmp_path: Path) -> None:
    """`is_exact` is false for the kinds alone that have no explanation, also in the middle."""
    model = keras.Sequential(
        [
            keras.Input((9, 9, 2)),
            layers.Conv2D(2, 3, dilation_rate=2, name="dilated"),
            layers.GroupNormalization(1),
            layers.MaxPooling2D(name="behind"),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    bundle = compiled(model, tmp_path)
    assert [layer.is_exact for layer in bundle.layers] == [True, False, True, True, True]
    assert bundle.layers[0].config["dilation_rate"] == [2, 2]


def _same_padded() -> list[keras.layers.Layer]:
    return [
        layers.Conv2D(2, (3, 2), strides=(2, 1), padding="same"),
        layers.MaxPooling2D((2, 3), strides=(1, 2), padding="same"),
        layers.Conv2D(2, (2, 3), activation="relu"),
        layers.AveragePooling2D((3, 2), strides=(2, 1), padding="same"),
        layers.Conv2D(1, (2, 4), padding="same"),
    ]


def _valid() -> list[keras.layers.Layer]:
    return [
        layers.Conv2D(2, (5, 3), strides=(2, 3)),
        layers.AveragePooling2D((2, 2), strides=(1, 1)),
        layers.Conv2D(2, 1),
        layers.MaxPooling2D((2, 1)),
        layers.Conv2D(1, (1, 2), strides=(1, 2)),
    ]


@pytest.mark.parametrize("stack", [_same_padded, _valid], ids=["same", "valid"])
@pytest.mark.parametrize("size", [(23, 19), (16, 22)], ids=["odd", "even"])
def test_receptive_fields_are_the_pixels_that_matter(
    stack: Callable[[], list[keras.layers.Layer]], size: tuple[int, int], tmp_path: Path
) -> None:
    """A pixel changes a cell if and only if it is inside the cell's receptive field.

    All kernels are positive and nothing saturates, so that a brighter pixel increases every cell
    that depends on it.
    """
    windowed = stack()
    end = [layers.Flatten(), layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((*size, 1)), *windowed, *end])
    rng = np.random.default_rng(8)
    positive = [rng.uniform(0.5, 1, array.shape) for array in model.get_weights()]
    model.set_weights([array / array.sum() for array in positive])
    bundle = compiled(model, tmp_path)

    height, width = size
    base = rng.random((1, height, width, 1), np.float32)
    brighter = base + 100 * np.eye(height * width, dtype=np.float32).reshape(-1, *size, 1)
    outputs = keras.Model(model.inputs, [layer.output for layer in windowed])
    before = outputs.predict(base, verbose=0)
    after = outputs.predict(brighter, verbose=0, batch_size=500)
    for layer, dark, bright in zip(bundle.layers[:-2], before, after, strict=True):
        # (pixel row, pixel column, row, column): whether that pixel changes that cell
        influence = (
            (np.abs(bright - dark) > 1e-3).any(axis=-1).reshape(*size, *layer.output_shape[:2])
        )
        field = layer.receptive_field
        assert field is not None
        expected = np.ones_like(influence)
        for axis in (0, 1):
            pixel = np.arange(size[axis])[:, None]
            first = field.start[axis] + field.step[axis] * np.arange(layer.output_shape[axis])
            inside = (pixel >= first) & (pixel < first + field.size[axis])  # (pixel, cell)
            expected &= np.expand_dims(inside, (1, 3) if axis == 0 else (0, 2))
        np.testing.assert_array_equal(influence, expected, err_msg=layer.name)
    assert [layer.receptive_field for layer in bundle.layers[-2:]] == [None, None]

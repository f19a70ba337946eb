"""The graph and the manifest's layers equal Keras, value by value, or export raises an error."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from safetensors.numpy import load_file

from tests.networks import (
    ODD_SHAPE,
    Converter,
    compiled,
    noise,
    odd_cnn,
    replace_converter,
    values_of,
)
from training.export import ExportError, compile_bundle
from training.graph import TOLERANCE


def offset(difference: float, position: int) -> Converter:
    """Return a converter that adds an offset to every value of one of the model's outputs."""

    def change(model: keras.Model) -> keras.Model:
        outputs = list(model.outputs)
        outputs[position] = layers.Rescaling(1.0, offset=difference)(outputs[position])
        return keras.Model(model.inputs, outputs)

    return change


def test_a_differently_shaped_model_is_exported_too(tmp_path: Path) -> None:
    """Nothing depends on 28×28 grey digits or ten classes: any plain Sequential works."""
    model = odd_cnn()

    bundle = compiled(model, tmp_path)

    assert bundle.input_shape == ODD_SHAPE
    assert bundle.labels == tuple("0123456")
    first, mean, second, flat, answer = bundle.layers
    assert (first.kernel_size, first.strides, first.padding) == ((3, 2), (2, 1), "same")
    assert (mean.kernel_size, mean.strides, mean.padding) == ((2, 3), (2, 3), "valid")
    assert (second.activation, second.output_shape) == ("tanh", (2, 3, 4))
    assert (flat.kernel_size, flat.receptive_field, answer.receptive_field) == (None, None, None)


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


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, "first (pre)"),
        (1, "first (post)"),
        (2, "mean (pre)"),
        (3, "second (pre)"),
        (4, "second (post)"),
        (5, "flat (pre)"),
        (6, "answer (pre)"),
        (7, "answer (post)"),
    ],
)
def test_a_graph_that_differs_in_any_value_is_rejected(
    position: int, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the tolerance in one value rejects the graph, with layer and stage in the message."""
    replace_converter(monkeypatch, offset(2 * TOLERANCE, position))

    with pytest.raises(ExportError) as error:
        compiled(odd_cnn(), tmp_path)

    assert f"differs from Keras by 0.0002 in {value}, more than 0.0001" in str(error.value)


def test_a_graph_within_the_tolerance_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half the tolerance is rounding, not a difference."""
    replace_converter(monkeypatch, offset(TOLERANCE / 2, 3))

    assert compiled(odd_cnn(), tmp_path).version == 1


def test_a_graph_that_computes_nan_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN counts as a difference, although it compares as neither larger nor smaller."""
    replace_converter(monkeypatch, offset(float("nan"), 4))

    with pytest.raises(ExportError, match=r"differs from Keras by nan in second \(post\)"):
        compiled(odd_cnn(), tmp_path)


def test_one_digit_that_differs_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every digit is compared: a graph that differs on the last one alone is rejected."""
    digits = np.zeros((12, *ODD_SHAPE), np.uint8)
    digits[-1, 0, 0, 0] = 255

    def without_one_pixel(model: keras.Model) -> keras.Model:
        mask = np.ones(ODD_SHAPE, np.float32)
        mask[0, 0, 0] = 0
        pixels = keras.Input(ODD_SHAPE)
        return keras.Model(pixels, model(pixels * mask))

    replace_converter(monkeypatch, without_one_pixel)

    with pytest.raises(ExportError, match=r"in first \(pre\)"):
        compile_bundle(odd_cnn(), tmp_path, "odd", 1, digits, digits[:1], {})


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (layers.Dropout(0.5, name="odd"), "Dropout"),
        (layers.BatchNormalization(name="odd"), "BatchNormalization"),
        (layers.ReLU(name="odd"), "ReLU"),
        (layers.GlobalAveragePooling2D(name="odd"), "GlobalAveragePooling2D"),
        (layers.DepthwiseConv2D(3, name="odd"), "DepthwiseConv2D"),
        (layers.TimeDistributed(layers.LSTM(2), name="odd"), "TimeDistributed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_layer_of_an_unknown_kind_is_rejected(
    layer: keras.layers.Layer, kind: str, tmp_path: Path
) -> None:
    """The message names a layer that the service could not explain, and the known kinds."""
    model = keras.Sequential([keras.Input((9, 9, 1)), layers.Conv2D(2, 3), layer])

    with pytest.raises(ExportError) as error:
        compiled(model, tmp_path)

    assert str(error.value) == (
        f"Layer 'odd' cannot be exported: unknown layer kind {kind!r}; the known kinds are Conv2D, "
        "MaxPooling2D, AveragePooling2D, Flatten, Dense. Replace or remove the layer."
    )


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (
            layers.Conv2D(2, 3, dilation_rate=2, name="odd"),
            r"must have dilation_rate=\(1, 1\), got \(2, 2\)",
        ),
        (layers.Conv2D(2, 3, groups=2, name="odd"), "must have groups=1, got 2"),
        (
            layers.MaxPooling2D(data_format="channels_first", name="odd"),
            "must have data_format='channels_last'",
        ),
        (layers.Conv2D(2, 3, activation="gelu", name="odd"), "has the activation 'gelu'"),
        (layers.Dense(3, name="odd"), "put a Flatten before it"),
    ],
    ids=["dilated", "grouped", "channels first", "gelu", "dense on maps"],
)
def test_a_configuration_that_the_registry_does_not_accept_is_rejected(
    layer: keras.layers.Layer, reason: str, tmp_path: Path
) -> None:
    """The message names the layer, what is wrong and what is accepted."""
    model = keras.Sequential([keras.Input((9, 9, 2)), layer])

    with pytest.raises(ExportError, match=f"'odd'.*{reason}"):
        compiled(model, tmp_path)


@pytest.mark.parametrize(
    "end",
    [
        [layers.Conv2D(2, 3, activation="softmax", name="last")],
        [layers.Flatten(), layers.Dense(3, name="last")],
        [layers.Flatten(), layers.Dense(1, activation="sigmoid", name="last")],
    ],
    ids=["maps", "logits", "sigmoid"],
)
def test_a_model_that_does_not_end_in_probabilities_is_rejected(
    end: list[keras.layers.Layer], tmp_path: Path
) -> None:
    """The last layer's values are the labels' probabilities, so it must be a Dense with softmax."""
    model = keras.Sequential([keras.Input((9, 9, 2)), layers.Conv2D(2, 3), *end])

    with pytest.raises(ExportError, match="last layer, 'last', must be a Dense with a softmax"):
        compiled(model, tmp_path)


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

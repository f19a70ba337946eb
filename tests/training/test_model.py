"""The network is the lecture's, layer for layer."""

import re

import keras
import numpy as np

from training.model import NORMALIZED, fold_normalization, lecture_cnn, normalized_cnn

# copied from the lecture's second `model.summary()`, rulers left out
LECTURE_SUMMARY = """
Layer (type)	Output Shape	Param #
conv2d (Conv2D)	(None, 26, 26, 32)	320
max_pooling2d (MaxPooling2D)	(None, 13, 13, 32)	0
conv2d_1 (Conv2D)	(None, 11, 11, 64)	18496
max_pooling2d_1 (MaxPooling2D)	(None, 5, 5, 64)	0
conv2d_2 (Conv2D)	(None, 3, 3, 64)	36928
flatten (Flatten)	(None, 576)	0
dense (Dense)	(None, 64)	36928
dense_1 (Dense)	(None, 10)	650
Total params: 93,322
Trainable params: 93,322
Non-trainable params: 0
"""

ROW = re.compile(r"(\w+) \((\w+)\)\W+\((None[\d, ]*)\)\W+([\d,]+)")
TOTAL = re.compile(r"^\W*([A-Za-z-]+ params): ([\d,]+)", re.MULTILINE)


def rows(summary: str) -> list[tuple[str, str, str, int]]:
    """Return name, kind, output shape and parameters of each row of a `model.summary()`."""
    return [
        (name, kind, shape, int(parameters.replace(",", "")))
        for name, kind, shape, parameters in ROW.findall(summary)
    ]


def summary_of(model: keras.Model) -> str:
    """Return what `model.summary()` prints."""
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines)


def test_the_summary_is_the_lectures() -> None:
    """`summary()` shows the lecture's eight rows and its totals."""
    summary = summary_of(lecture_cnn())

    assert rows(summary) == rows(LECTURE_SUMMARY)
    assert len(rows(summary)) == 8
    assert TOTAL.findall(summary) == TOTAL.findall(LECTURE_SUMMARY)
    assert len(TOTAL.findall(summary)) == 3


def test_the_layers_options_are_the_lectures() -> None:
    """Kernels are 3×3, windows 2×2, hidden activations ReLU; the last is a softmax."""
    *hidden, last = lecture_cnn().layers

    kernels = [layer.kernel_size for layer in hidden if isinstance(layer, keras.layers.Conv2D)]
    windows = [layer.pool_size for layer in hidden if isinstance(layer, keras.layers.MaxPooling2D)]
    assert (kernels, windows) == ([(3, 3)] * 3, [(2, 2)] * 2)
    activations = {
        layer.activation
        for layer in hidden
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
    }
    assert activations == {keras.activations.relu}
    assert last.activation is keras.activations.softmax


def test_names_do_not_depend_on_earlier_models() -> None:
    """A second model in the same process has the same layer names, which clients use."""
    first = lecture_cnn()
    keras.layers.Conv2D(1, 1)
    second = lecture_cnn(output_activation="linear")

    assert [layer.name for layer in second.layers] == [layer.name for layer in first.layers]


def test_the_linear_output_is_the_input_of_the_softmax() -> None:
    """With the same weights, softmax of the linear model's output is the other model's output."""
    digits = np.random.default_rng(1).random((3, 28, 28, 1), np.float32)
    softmax, linear = lecture_cnn(), lecture_cnn(output_activation="linear")
    linear.set_weights(softmax.get_weights())

    logits = keras.ops.convert_to_numpy(linear(digits))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))

    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(softmax(digits)),
        powers / powers.sum(axis=1, keepdims=True),
        atol=1e-6,
    )


def test_folding_the_normalization_keeps_the_predictions() -> None:
    """The lecture's network with folded weights predicts the same as the normalized one."""
    keras.utils.set_random_seed(1)
    digits = np.random.default_rng(0).random((128, 28, 28, 1), np.float32)
    trained = normalized_cnn()
    trained.compile(optimizer="adam", loss="mse")
    trained.fit(digits, digits[:, 9:19, 14, 0], epochs=3, verbose=0)

    folded = fold_normalization(trained)

    assert folded.count_params() == 93_322
    expected = keras.ops.softmax(trained.predict(digits, verbose=0))
    np.testing.assert_allclose(folded.predict(digits, verbose=0), expected, atol=1e-5)


def test_normalization_precedes_the_relu() -> None:
    """Each layer of `NORMALIZED` is linear, followed by normalization and ReLU."""
    names = [layer.name for layer in normalized_cnn().layers]

    for name in NORMALIZED:
        after = names.index(name) + 1
        assert names[after : after + 2] == [f"{name}_normalization", f"{name}_relu"]
        assert normalized_cnn().get_layer(name).activation is keras.activations.linear

"""Convolutions and poolings of ONNX files compute what onnxruntime does, whatever the padding."""

from pathlib import Path
from typing import Any

import pytest
from keras import layers

from tests.training.onnx_models import INPUT, Writer, check, kinds
from training.errors import ExportError

CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "same": {"pads": [1, 1, 1, 1]},
    "strides": {"pads": [1, 1, 1, 1], "strides": [2, 3]},
    "asymmetric": {"pads": [0, 2, 1, 0]},
    "dilation": {"pads": [2, 2, 2, 2], "dilations": [2, 2]},
    "dilations": {"dilations": [1, 3]},
    "strides and dilation": {"pads": [1, 2, 0, 1], "dilations": [2, 1], "strides": [2, 2]},
    "both, same for the strides": {"pads": [0, 1, 1, 1], "dilations": [1, 2], "strides": [2, 2]},
    "groups": {"group": 2, "pads": [1, 0, 1, 0]},
    "depthwise": {"group": 4, "pads": [1, 1, 1, 1], "strides": [2, 2]},
    "depthwise dilation": {"group": 4, "dilations": [2, 2], "pads": [2, 2, 2, 2]},
    "depthwise strides": {"group": 4, "strides": [1, 2]},
    "depthwise both": {"group": 4, "strides": [2, 1], "dilations": [2, 2]},
    "same upper": {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    "same lower": {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    "valid": {"auto_pad": "VALID"},
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("kernel", [(3, 2), (1, 1)])
def test_convolutions(case: str, kernel: tuple[int, int], tmp_path: Path) -> None:
    """Pads, strides, dilations, groups and multipliers, with and without a bias."""
    attributes = CONVOLUTIONS[case]
    writer = Writer((3, 12, 11))
    group = attributes.get("group", 1)
    first = writer.node("Conv", INPUT, writer.normal(4, 3, 1, 1))
    weights = [writer.normal(8, 4 // group, *kernel), writer.normal(8)]
    biased = writer.node("Conv", first, *weights, kernel_shape=kernel, **attributes)
    plain = writer.node("Conv", first, weights[0], **attributes)
    check(writer, writer.node("Add", plain, biased), tmp_path)


def test_the_layers_of_convolutions(tmp_path: Path) -> None:
    """Keras pads itself where its "same" is the file's pads, and depthwise layers stay such."""
    writer = Writer((3, 9, 9))
    value = writer.node("Conv", INPUT, writer.normal(4, 3, 3, 3), pads=[1, 1, 1, 1])
    value = writer.node("Conv", value, writer.normal(4, 4, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2])
    value = writer.node("Conv", value, writer.normal(8, 1, 3, 3), pads=[1, 1, 1, 1], group=4)
    value = writer.node("Conv", value, writer.normal(8, 4, 2, 2), pads=[1, 1, 0, 0], group=2)
    model = check(writer, value, tmp_path)
    padded, grouped = layers.ZeroPadding2D, layers.Conv2D
    assert kinds(model) == [layers.Conv2D, layers.Conv2D, layers.DepthwiseConv2D, padded, grouped]
    assert [layer.padding for layer in model.layers[1:4]] == ["same"] * 3
    assert model.layers[3].depth_multiplier == 2
    assert model.layers[5].groups == 2


POOLINGS: dict[str, dict[str, Any]] = {
    "plain": {"kernel_shape": [2, 3], "strides": [2, 1]},
    "stride 1": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
    "torchvision": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]},
    "ceil": {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
    "ceil pads": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2], "ceil_mode": 1},
    "ceil wide": {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1},
    "ceil even": {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
    "after only": {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1], "strides": [2, 2]},
    "one side": {"kernel_shape": [3, 5], "pads": [0, 2, 1, 2], "strides": [2, 2]},
    "before only": {"kernel_shape": [3, 3], "pads": [1, 1, 0, 0], "strides": [2, 2]},
    "large": {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2], "strides": [3, 3]},
    "cropped": {"kernel_shape": [5, 3], "pads": [1, 0, 1, 0], "strides": [2, 1]},
    "same upper": {"kernel_shape": [3, 2], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
    "valid": {"kernel_shape": [3, 3], "auto_pad": "VALID", "strides": [2, 2]},
}


POOLED = ("MaxPool", "AveragePool", "AveragePool with padding")
BEYOND = "ceil pads"  # its last window would begin in the last cell, which no "same" window does


@pytest.mark.parametrize("operator", POOLED)
@pytest.mark.parametrize("case", POOLINGS)
def test_poolings(case: str, operator: str, tmp_path: Path) -> None:
    """Padding is never the largest value, and counts in a mean where the file says so."""
    attributes = dict(POOLINGS[case])
    if operator == "AveragePool with padding":
        attributes["count_include_pad"] = 1
    writer = Writer((3, 11, 12), opset=19)
    value = writer.node(operator.split()[0], INPUT, **attributes)
    if case == BEYOND and "count_include_pad" not in attributes:
        with pytest.raises(ExportError, match=r"pads \[\(1, [12]\), \(1, [12]\)\]"):
            check(writer, value, tmp_path)
        return
    model = check(writer, value, tmp_path)
    if operator == "MaxPool":
        assert layers.ZeroPadding2D not in kinds(model)  # a zero is above negative values


@pytest.mark.parametrize("case", POOLINGS)
def test_a_maximum_of_values_above_zero_is_padded_by_zeros(case: str, tmp_path: Path) -> None:
    """After a ReLU, through concatenation and sum, one layer pads and one pools."""
    writer = Writer((3, 11, 12))
    value = writer.node("Relu", INPUT)
    value = writer.node("Concat", writer.node("Sigmoid", value), value, axis=1)
    value = writer.node("Add", value, value)
    value = writer.node("MaxPool", value, **POOLINGS[case])
    assert layers.Cropping2D not in kinds(check(writer, value, tmp_path))


def test_an_even_window_is_padded_before_values_above_zero(tmp_path: Path) -> None:
    """Such padding is never Keras's "same"."""
    writer = Writer((3, 8, 8))
    value = writer.node("Relu", INPUT)
    options: dict[str, Any] = {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    value = writer.node("MaxPool", value, **options)
    assert kinds(check(writer, value, tmp_path))[1:] == [layers.ZeroPadding2D, layers.MaxPooling2D]

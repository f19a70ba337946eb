"""Each ONNX operator without a window computes what onnxruntime does, whatever its attributes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper

from tests.training.onnx_models import INPUT, Writer, check
from training.loading import load_model

Build = Callable[[Writer], str]


def scalar(writer: Writer) -> str:
    """Add a constant and a factor."""
    value = writer.node("Add", writer.constant(0.3), INPUT)
    return writer.node("Mul", value, writer.constant([[2.5]]))


def per_channel(writer: Writer) -> str:
    """Add constants and factors of channels."""
    value = writer.node("Add", INPUT, writer.normal(3, 1, 1))
    return writer.node("Mul", writer.normal(1, 3, 1, 1), value)


def constants(writer: Writer) -> str:
    """Use nodes that hold constants, and an Identity that shares one."""
    names = []
    for index, (key, number) in enumerate((("value_float", 0.7), ("value_floats", [1.5, 2, 3]))):
        names.append(writer.node("Constant", path=f"constants.{index}", **{key: number}))
    shared = writer.node("Identity", names[0])
    value = writer.node("Mul", writer.node("Add", INPUT, names[0]), shared)
    rows = writer.node("Flatten", writer.node("GlobalAveragePool", value))
    return writer.node("Mul", rows, names[1])


def broadcast(writer: Writer) -> str:
    """Multiply a map by a number for each channel, and by itself."""
    scale = writer.node("GlobalAveragePool", INPUT)
    return writer.node("Mul", scale, writer.node("Mul", INPUT, INPUT))


def activations(writer: Writer) -> str:
    """Use every activation function."""
    values = [
        writer.node("HardSwish", INPUT),
        writer.node("HardSigmoid", INPUT, alpha=1 / 6, beta=0.5),
        writer.node("HardSigmoid", INPUT),
        writer.node("Clip", INPUT, writer.constant(0.0), writer.constant(0.7)),
        writer.node("Clip", INPUT, writer.constant(-1.0), writer.constant(1.0)),
        writer.node("Clip", INPUT, writer.constant(0.0)),
        writer.node("Softmax", INPUT, axis=-3),
        writer.node("Dropout", INPUT),
    ]
    return writer.node("Concat", *values, axis=-3)


def concatenations(writer: Writer) -> str:
    """Concatenate along each axis of a map, and rows."""
    value = writer.node("Concat", INPUT, writer.node("Relu", INPUT), axis=2)
    value = writer.node("Concat", value, value, axis=-1)
    row = writer.node("Flatten", value)
    return writer.node("Concat", row, row, axis=-1)


def normalisations(writer: Writer) -> str:
    """Normalise maps and rows."""
    value = writer.norm(INPUT, "norm", 3)
    rows = writer.node("Flatten", writer.node("GlobalAveragePool", value))
    return writer.norm(rows, "rows", 3)


def matrices(writer: Writer) -> str:
    """Multiply rows by matrices; a bias may be one number, one row or none."""
    row = writer.node("Flatten", INPUT)
    row = writer.node("Gemm", row, writer.normal(126, 5), writer.normal(1, 5))
    row = writer.node("Gemm", row, writer.normal(6, 5), writer.constant([0.5]), transB=1)
    row = writer.node("Gemm", row, writer.normal(6, 7))
    return writer.node("Softmax", writer.node("MatMul", row, writer.normal(7, 4)))


def means(writer: Writer) -> str:
    """Take means over height and width, with axes as an attribute."""
    kept = writer.node("ReduceMean", INPUT, axes=[-1, 2])
    row = writer.node("ReduceMean", writer.node("Mul", kept, INPUT), axes=[2, 3], keepdims=0)
    return writer.node("Add", row, writer.node("Flatten", kept))


def shuffled(writer: Writer) -> str:
    """Shuffle channels by Reshape and Transpose, as ShuffleNet does."""
    value = writer.node("Concat", INPUT, writer.node("Relu", INPUT), axis=1)
    value = writer.node("Reshape", value, writer.constant([-1, 2, 3, 6, 7]))
    value = writer.node("Transpose", value, perm=[0, 2, 1, 3, 4])
    return writer.node("Reshape", value, writer.constant([0, -1, 6, 7]))


def tokens(writer: Writer) -> str:
    """Turn a map into tokens and back, with a dense layer on each."""
    value = writer.node("Reshape", INPUT, writer.constant([0, 0, -1]))
    value = writer.node("Transpose", value, perm=[0, 2, 1])
    value = writer.node("MatMul", value, writer.normal(3, 4))
    value = writer.node("Transpose", value, perm=[0, 2, 1])
    return writer.node("Reshape", value, writer.constant([-1, 4, 6, 7]))


def transposed(writer: Writer) -> str:
    """Permute the axes of a map in each way, and pool in between."""
    value = INPUT
    for perm in ([0, 2, 3, 1], [0, 3, 1, 2], [0, 1, 3, 2], [0, 3, 2, 1], [0, 2, 1, 3]):
        value = writer.node("Transpose", value, perm=perm)
        pads = {"pads": [0, 0, 0, 1], "count_include_pad": 1}
        value = writer.node("AveragePool", value, kernel_shape=[1, 2], **pads)
    return value


def reshaped(writer: Writer) -> str:
    """Reshape maps of one channel, of one cell, and with fixed numbers."""
    value = writer.node("Reshape", INPUT, writer.constant([-1, 1, 9, 14]))
    value = writer.node("Reshape", value, writer.constant([0, 126, 1, 1]))
    value = writer.node("Reshape", value, writer.constant([-1, 14, 3, 3]))
    return writer.node("Flatten", value, axis=-3)


def padded(writer: Writer) -> str:
    """Pad maps by inputs, with and without a value."""
    value = writer.node("Pad", INPUT, writer.constant([0, 0, 1, 2, 0, 0, 0, 3]))
    return writer.node(
        "Pad", value, writer.constant([0, 0, 0, 1, 0, 0, 0, 0]), writer.constant(0.0)
    )


GRAPHS: tuple[Build, ...] = (
    *(scalar, per_channel, constants, broadcast, activations, concatenations, normalisations),
    *(matrices, means, shuffled, tokens, transposed, reshaped, padded),
)


@pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
def test_other_operators(build: Build, tmp_path: Path) -> None:
    """Every operator that is no convolution or pooling, in its usual and unusual forms."""
    writer = Writer((3, 6, 7))
    check(writer, build(writer), tmp_path)


def test_operators_of_the_first_supported_opset(tmp_path: Path) -> None:
    """In opset 9, pads and limits are attributes, and a Softmax covers the axes after its own."""
    writer = Writer((3, 6, 7), opset=9)
    value = writer.node("Clip", INPUT, min=0.0, max=6.0)
    value = writer.node("Clip", value, min=0.0)
    value = writer.node("Pad", value, pads=[0, 0, 1, 0, 0, 0, 0, 2], value=0.0, mode="constant")
    value = writer.node("Dropout", value, ratio=0.3)
    value = writer.norm(value, "norm", 3)
    check(writer, writer.node("Softmax", writer.node("GlobalAveragePool", value)), tmp_path)


def test_operators_of_newer_opsets(tmp_path: Path) -> None:
    """From opset 18 on, the axes of Pad and ReduceMean are inputs."""
    writer = Writer((3, 6, 7), opset=21)
    axes = writer.constant([2, -1])
    value = writer.node("Pad", INPUT, writer.constant([1, 0, 2, 1]), "", axes)
    value = writer.node("Transpose", value, perm=[0, 1, 3, 2])
    value = writer.node("ReduceMean", value, axes, keepdims=1, noop_with_empty_axes=0)
    check(writer, writer.node("Reshape", value, writer.constant([-1, 3]), allowzero=1), tmp_path)


def test_a_fixed_batch_and_an_open_size(tmp_path: Path) -> None:
    """A file for one image is exported for any number, and --size fixes an open size."""
    writer = Writer((3, "height", "width"), batch=1)
    value = writer.conv(INPUT, "conv", (3, 4), stride=2)
    value = writer.node("Reshape", value, writer.constant([1, -1]))
    model = check(writer, writer.linear(value, "fc", 4 * 5 * 4, 6), tmp_path, size=(10, 8))
    assert model.input_shape == (None, 10, 8, 3)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_weights_of_other_precision_become_float32(dtype: type, tmp_path: Path) -> None:
    """Their values are those of the nearest float32 numbers."""
    writer = Writer((3, 6, 7))
    row = writer.node("Flatten", writer.node("GlobalAveragePool", INPUT))
    output = writer.node("MatMul", row, "matrix")
    numbers = np.random.default_rng(1).normal(size=(3, 4)).astype(dtype)
    writer.tensors.append(numpy_helper.from_array(numbers, "matrix"))
    (weights,) = load_model(writer.save(output, tmp_path / "mine.onnx")).get_weights()
    np.testing.assert_array_equal(weights, numbers.astype(np.float32))

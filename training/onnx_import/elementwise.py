"""The operators that compute each value by itself, and Concat."""

from typing import Any

import keras
import numpy as np
from keras import layers

from training.onnx_import.node import Node, Tensor
from training.onnx_import.tensors import Array

_UNLIMITED = 3.4e38  # what exporters write for no limit
_SIXTH = 1e-6  # how far HardSigmoid's alpha may be from 1/6


def rectify(node: Node) -> Tensor:
    """Call ReLU."""
    return Tensor(node.call(layers.ReLU, node.tensor(0).value), is_nonnegative=True)


def clip(node: Node) -> Tensor:
    """Call ReLU with a largest value, or hard_tanh."""
    value = node.tensor(0).value
    low, high = node.scalar("min", 1), node.scalar("max", 2)
    high = None if high is None or high >= _UNLIMITED else high
    if low == 0 and (high is None or high > 0):
        return Tensor(node.call(layers.ReLU, value, max_value=high), is_nonnegative=True)
    if (low, high) == (-1, 1):
        return _activation(node, "hard_tanh")
    raise node.error(f"limits {low} and {high}", "0 and any number above it, or −1 and 1")


def sigmoid(node: Node) -> Tensor:
    """Call the activation function sigmoid."""
    return _activation(node, "sigmoid", is_nonnegative=True)


def hard_sigmoid(node: Node) -> Tensor:
    """Call hard_sigmoid, or Rescaling and ReLU where the line is another."""
    slope, offset = node.number("alpha", 0.2), node.number("beta", 0.5)
    if abs(slope - 1 / 6) < _SIXTH and offset == 0.5:
        return _activation(node, "hard_sigmoid", is_nonnegative=True)
    value = node.tensor(0).value
    line = node.call(layers.Rescaling, value, "_line", scale=slope, offset=offset)
    return Tensor(node.call(layers.ReLU, line, max_value=1), is_nonnegative=True)


def hard_swish(node: Node) -> Tensor:
    """Call the activation function hard_silu."""
    return _activation(node, "hard_silu")


def softmax(node: Node) -> Tensor:
    """Call the activation function softmax over the channels."""
    tensor = node.tensor(0)
    rank = len(tensor.shape) + 1
    axis = node.integer("axis", -1 if node.opset >= 13 else 1)
    axis += rank if axis < 0 else 0
    is_last = axis == (1 if tensor.is_map else rank - 1)
    # Before opset 13, it is over all axes from this one on.
    if not is_last or (node.opset < 13 and int(np.prod(tensor.shape)) != tensor.shape[axis - 1]):
        raise node.error(f"its axis is {axis} of {rank}", "the channels")
    return _activation(node, "softmax", is_nonnegative=True)


def add(node: Node) -> Tensor:
    """Call Add, or Rescaling with an offset."""
    return _combined(node, layers.Add, scale=1.0, key="offset")


def multiply(node: Node) -> Tensor:
    """Call Multiply, or Rescaling with a scale."""
    return _combined(node, layers.Multiply, key="scale")


def concatenate(node: Node) -> Tensor:
    """Call Concatenate; one tensor alone is passed on."""
    tensors = node.tensors()
    if not tensors:
        raise node.error("it has no inputs", "at least one")
    first = tensors[0].shape
    axis = node.integer("axis", 0)
    axis += len(first) + 1 if axis < 0 else 0
    if not 0 < axis <= len(first):
        raise node.error(f"its axis is {axis}", f"1 to {len(first)}")
    others = {(t.shape[: axis - 1], t.shape[axis:], len(t.shape)) for t in tensors}
    if len(others) > 1:
        shapes = [tensor.shape for tensor in tensors[:5]]
        raise node.error(f"shapes {shapes}", "shapes that differ in the axis only")
    if len(tensors) == 1:
        return tensors[0]
    keras_axis = (3, 1, 2)[axis - 1] if tensors[0].is_map else axis
    values = [tensor.value for tensor in tensors]
    value = node.call(layers.Concatenate, values, axis=keras_axis)
    return Tensor(value, all(tensor.is_nonnegative for tensor in tensors))


def _activation(node: Node, name: str, is_nonnegative: bool = False) -> Tensor:
    value = node.call(layers.Activation, node.tensor(0).value, activation=name)
    return Tensor(value, is_nonnegative)


def _combined(node: Node, layer: type[keras.Layer], key: str, **options: Any) -> Tensor:
    """Call a layer on two tensors, or Rescaling on a tensor and a constant."""
    inputs = [node.input(0), node.input(1)]
    tensors = [each for each in inputs if isinstance(each, Tensor)]
    constants = [each for each in inputs if isinstance(each, np.ndarray)]
    if len(tensors) == 2:
        _check_shapes(node, tensors[0].shape, tensors[1].shape)
        value = node.call(layer, [tensor.value for tensor in tensors])
        return Tensor(value, all(tensor.is_nonnegative for tensor in tensors))
    if len(tensors) != 1 or len(constants) != 1:
        raise node.error("it has no value of the image", "two values, of which one is constant")
    (tensor,), (constant,) = tensors, constants
    number = _broadcast(node, tensor, constant)
    value = node.call(layers.Rescaling, tensor.value, **{**options, key: number})
    return Tensor(value, tensor.is_nonnegative and bool((constant >= 0).all()))


def _check_shapes(node: Node, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    is_same_rank = len(first) == len(second)
    pairs = zip(first, second, strict=False)
    if not is_same_rank or any(a != b and 1 not in (a, b) for a, b in pairs):
        raise node.error(f"shapes {first} and {second}", "equal lengths, or 1")


def _broadcast(node: Node, tensor: Tensor, constant: Array) -> float | list[float]:
    """Return a constant as one number, or as a number for each channel."""
    if constant.dtype != np.float32 or not np.isfinite(constant).all() or not constant.size:
        raise node.error("its constant has no finite numbers", "finite float32 numbers")
    if constant.size == 1 and constant.ndim <= len(tensor.shape) + 1:
        return float(constant.ravel()[0])
    rank = len(tensor.shape) + 1
    channel = 1 if tensor.is_map else rank - 1
    shape = (1,) * (rank - constant.ndim) + constant.shape
    wanted = tuple(tensor.shape[channel - 1] if axis == channel else 1 for axis in range(rank))
    if shape != wanted:
        raise node.error(f"a constant of shape {constant.shape}", f"one number, or {wanted}")
    numbers: list[float] = constant.ravel().tolist()
    return numbers

"""The operators with weights: Conv, Gemm, MatMul, BatchNormalization."""

from typing import Any

import numpy as np
from keras import layers

from training.onnx_import.node import Node, Tensor
from training.onnx_import.tensors import Array
from training.onnx_import.windows import Axis, read_axes


def convolve(node: Node) -> Tensor:
    """Call Conv2D or DepthwiseConv2D, after ZeroPadding2D where "same" would pad otherwise."""
    image = node.map()
    groups = node.integer("group", 1)
    channels, *lengths = image.shape
    if groups < 1 or channels % groups:
        raise node.error(f"{groups} groups of {channels} channels", "groups of equal size")
    weights = node.weights(1, (None, channels // groups, None, None))
    filters, _, *kernel = weights.shape
    if filters % groups or not weights.size:
        raise node.error(f"{filters} filters in {groups} groups", "groups of equal size")
    if node.integers("kernel_shape", kernel) != kernel:
        raise node.error("its kernel_shape is not its weights' shape", "the same shape")
    bias = [] if node.input(2) is None else [node.weights(2, (filters,))]
    strides = node.integers("strides", [1, 1], low=1)
    dilations = node.integers("dilations", [1, 1], low=1)
    axes = read_axes(node, lengths, kernel, strides, dilations)
    # Keras has no convolution with both strides and dilation.
    is_thinned = max(strides) > 1 and max(dilations) > 1
    if is_thinned:
        axes = [axis.at_every_cell() for axis in axes]
    value, padding = _padded(node, image, axes)
    options: dict[str, Any] = {
        "kernel_size": kernel,
        "strides": 1 if is_thinned else strides,
        "padding": padding,
        "dilation_rate": dilations,
        "use_bias": bool(bias),
    }
    # TensorFlow's depthwise convolution has equal strides only.
    if groups == channels > 1 and (is_thinned or strides[0] == strides[1]):
        multiplier = filters // channels
        kernels = weights.reshape(channels, multiplier, *kernel).transpose(2, 3, 0, 1)
        value = node.call(
            layers.DepthwiseConv2D,
            value,
            weights=[kernels, *bias],
            depth_multiplier=multiplier,
            depthwise_initializer="zeros",
            **options,
        )
    else:
        value = node.call(
            layers.Conv2D,
            value,
            weights=[weights.transpose(2, 3, 1, 0), *bias],
            filters=filters,
            groups=groups,
            kernel_initializer="zeros",
            **options,
        )
    return Tensor(thin(node, value, strides) if is_thinned else value)


def thin(node: Node, value: Any, strides: list[int]) -> Any:
    """Keep one cell of a map for each stride."""
    return node.call(layers.MaxPooling2D, value, "_strides", pool_size=1, strides=strides)


def dense(node: Node) -> Tensor:
    """Call Dense for a Gemm."""
    rows = node.tensor(0)
    if len(rows.shape) != 1:
        raise node.error(f"its input has the shape {rows.shape}", "one row an image")
    factors = [node.number("alpha", 1), node.number("beta", 1)]
    if node.integer("transA", 0) or factors != [1, 1]:
        raise node.error("it has transA, alpha or beta", "transA = 0, alpha = beta = 1")
    is_transposed = node.integer("transB", 0) != 0
    shape = (None, *rows.shape) if is_transposed else (*rows.shape, None)
    weights = node.weights(1, shape)
    weights = weights.T if is_transposed else weights
    return _dense(node, rows, weights, _bias(node, weights.shape[1]))


def multiply_matrix(node: Node) -> Tensor:
    """Call Dense without a bias for a MatMul with a constant matrix."""
    rows = node.tensor(0)
    if rows.is_map:
        raise node.error("its input is a map", "rows of numbers")
    return _dense(node, rows, node.weights(1, (rows.shape[-1], None)), [])


def _dense(node: Node, rows: Tensor, weights: Array, bias: list[Array]) -> Tensor:
    value = node.call(
        layers.Dense,
        rows.value,
        weights=[weights, *bias],
        units=weights.shape[1],
        use_bias=bool(bias),
        kernel_initializer="zeros",
    )
    return Tensor(value)


def _bias(node: Node, units: int) -> list[Array]:
    value = node.constant(2)
    if value is None:
        return []
    if value.shape not in ((), (1,), (units,), (1, 1), (1, units)):
        raise node.error(f"its bias has the shape {value.shape}", f"{units} numbers")
    return [np.broadcast_to(node.weights(2, value.shape).ravel(), (units,))]


def normalise(node: Node) -> Tensor:
    """Call BatchNormalization on rows or maps."""
    tensor = node.tensor(0)
    if not tensor.is_map and len(tensor.shape) != 1:
        raise node.error(f"its input has the shape {tensor.shape}", "maps, or one row an image")
    if node.integer("training_mode", 0):
        raise node.error("it is in training mode", "inference: call model.eval() first")
    node.number("momentum", 0.9)  # of training
    epsilon = node.number("epsilon", 1e-5)
    channels = tensor.shape[0]
    weights = [node.weights(index, (channels,)) for index in range(1, 5)]
    if (weights[3] + epsilon <= 0).any():
        raise node.error("a variance plus epsilon is not above 0", "positive variances")
    value = node.call(layers.BatchNormalization, tensor.value, weights=weights, epsilon=epsilon)
    return Tensor(value)


def _padded(node: Node, image: Tensor, axes: list[Axis]) -> tuple[Any, str]:
    """Return the map to convolve, and Keras's padding."""
    if all(axis.is_valid for axis in axes):
        return image.value, "valid"
    if all(axis.is_same for axis in axes):
        return image.value, "same"
    margins = tuple((axis.before, axis.after) for axis in axes)
    return node.call(layers.ZeroPadding2D, image.value, "_pad", padding=margins), "valid"

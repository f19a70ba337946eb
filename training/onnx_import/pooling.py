"""The pooling operators: MaxPool, AveragePool, GlobalAveragePool, ReduceMean."""

from dataclasses import replace
from typing import Any

import keras
from keras import layers

from training.onnx_import.node import Node, Tensor
from training.onnx_import.weighted import thin
from training.onnx_import.windows import Axis, read_axes


def pool_maximum(node: Node) -> Tensor:
    """Call MaxPooling2D; padding never is the largest value."""
    image = node.map()
    node.integer("storage_order", 0)  # of the indices, a second output that is not supported
    kernel, axes = _windows(node, image)
    value, padding = image.value, _padding(axes)
    if padding is None and image.is_nonnegative:  # a zero is then never above the largest
        margins = tuple((axis.before, axis.end) for axis in axes)
        value, padding = node.call(layers.ZeroPadding2D, value, "_pad", padding=margins), "valid"
    value = _pooled(node, layers.MaxPooling2D, value, kernel, axes, padding)
    return Tensor(value, image.is_nonnegative)


def pool_average(node: Node) -> Tensor:
    """Call AveragePooling2D; the padding counts where `count_include_pad` says so."""
    image = node.map()
    counts_padding = node.integer("count_include_pad", 0) != 0
    kernel, axes = _windows(node, image)
    value = image.value
    if counts_padding and any(axis.before or axis.after for axis in axes):
        margins = tuple((axis.before, axis.after) for axis in axes)
        value = node.call(layers.ZeroPadding2D, value, "_pad", padding=margins)
        axes = [
            replace(axis, length=axis.before + axis.length + axis.after, before=0, after=0)
            for axis in axes
        ]
    value = _pooled(node, layers.AveragePooling2D, value, kernel, axes, _padding(axes))
    return Tensor(value, image.is_nonnegative)


def pool_globally(node: Node) -> Tensor:
    """Call GlobalAveragePooling2D, which keeps height and width as 1."""
    return _mean_of_map(node, keepdims=True)


def reduce_mean(node: Node) -> Tensor:
    """Call GlobalAveragePooling2D for a mean over height and width."""
    node.map()
    axes = node.whole_numbers("axes", 1) or []
    keepdims = node.integer("keepdims", 1) != 0
    node.integer("noop_with_empty_axes", 0)
    if sorted(axis % 4 if -4 <= axis < 4 else axis for axis in axes) != [2, 3]:
        raise node.error(f"its axes are {axes}", "height and width, 2 and 3")
    return _mean_of_map(node, keepdims)


def _mean_of_map(node: Node, keepdims: bool) -> Tensor:
    image = node.map()
    value = node.call(layers.GlobalAveragePooling2D, image.value, keepdims=keepdims)
    return Tensor(value, image.is_nonnegative)


def _windows(node: Node, image: Tensor) -> tuple[list[int], list[Axis]]:
    """Return a pooling's window, and what it covers along rows and columns."""
    kernel = node.integers("kernel_shape", [], low=1)
    if len(kernel) != 2:
        raise node.error(f"its kernel_shape is {kernel}", "height and width")
    strides = node.integers("strides", [1, 1], low=1)
    dilations = node.integers("dilations", [1, 1], low=1)
    if dilations != [1, 1]:
        raise node.error(f"its dilations are {dilations}", "no dilation")
    is_ceil = node.integer("ceil_mode", 0) != 0
    axes = read_axes(node, image.shape[1:], kernel, strides, dilations, is_ceil)
    if any(max(axis.before, axis.after) >= axis.size for axis in axes):
        raise node.error("a window may lie in the padding", "pads below the window's size")
    return kernel, axes


def _padding(axes: list[Axis]) -> str | None:
    """Return Keras's name of a padding; None where it has none."""
    if all(axis.is_valid for axis in axes):
        return "valid"
    return "same" if all(axis.is_same for axis in axes) else None


def _pooled(
    node: Node,
    layer: type[keras.Layer],
    value: Any,
    kernel: list[int],
    axes: list[Axis],
    padding: str | None,
) -> Any:
    """Call a pooling layer whose padding does not count; pads and outputs are as in `axes`."""
    strides = [axis.stride for axis in axes]
    if padding is not None:
        return node.call(layer, value, pool_size=kernel, strides=strides, padding=padding)
    # Keras's "same" with stride 1 has a window around each cell; those wanted are among them.
    first = [(axis.size - 1) // 2 - axis.before for axis in axes]
    last = [
        start + (axis.outputs - 1) * axis.stride for start, axis in zip(first, axes, strict=True)
    ]
    margins = tuple(
        (start, axis.length - 1 - end) for start, end, axis in zip(first, last, axes, strict=True)
    )
    if min(min(pair) for pair in margins) < 0:
        pads = [(axis.before, axis.end) for axis in axes]
        raise node.error(
            f"a window of {kernel} needs the pads {pads}",
            'pads of at most half the window or "same", and any before a maximum after a ReLU',
        )
    value = node.call(layer, value, pool_size=kernel, strides=1, padding="same")
    if any(start or end >= axis.stride for (start, end), axis in zip(margins, axes, strict=True)):
        value = node.call(layers.Cropping2D, value, "_crop", cropping=margins)
    return thin(node, value, strides) if max(strides) > 1 else value

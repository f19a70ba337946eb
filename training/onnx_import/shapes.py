"""The operators that move values: Flatten, Reshape, Transpose, Pad, Identity, Dropout.

A file's maps are channels-first and Keras's channels-last, so that an operator that depends on the
order of the axes is preceded by a Permute, except where both orders are the same.
"""

from math import prod
from typing import Any

from keras import layers

from training.onnx_import.node import Node, Tensor

_TO_FIRST, _TO_LAST = (3, 1, 2), (2, 3, 1)


def flatten(node: Node) -> Tensor:
    """Call Flatten, in the order of the channels-first axes."""
    tensor = node.tensor(0)
    rank = len(tensor.shape) + 1
    axis = node.integer("axis", 1)
    if axis not in (1, 1 - rank):
        raise node.error(f"its axis is {axis}", "1, which keeps the batch")
    return _reshaped(node, tensor, (prod(tensor.shape),))


def reshape(node: Node) -> Tensor:
    """Call Flatten or Reshape, in the order of the channels-first axes."""
    tensor = node.tensor(0)
    shape = node.whole_numbers("shape", 1)
    if not shape:
        raise node.error("it has no shape", "a constant shape")
    if node.integer("allowzero", 0) and 0 in shape:
        raise node.error("allowzero with a length of 0", "lengths above 0")
    return _reshaped(node, tensor, _target(node, tensor.shape, shape))


def transpose(node: Node) -> Tensor:
    """Call Permute, unless the axes stay where they are in Keras's layout."""
    tensor = node.tensor(0)
    rank = len(tensor.shape) + 1
    order = node.integers("perm", list(reversed(range(rank))))
    if sorted(order) != list(range(rank)) or order[0] != 0:
        raise node.error(f"its perm is {order}", "an order that keeps the batch first")
    if tensor.is_map:  # which axis of the input each axis of the output is, both in Keras's layout
        channels_last = [order[axis] for axis in (0, 2, 3, 1)]
        order = [(0, 3, 1, 2)[axis] for axis in channels_last]
    if order == list(range(rank)):
        return tensor
    value = node.call(layers.Permute, tensor.value, dims=order[1:])
    return Tensor(value, tensor.is_nonnegative)


def pad(node: Node) -> Tensor:
    """Call ZeroPadding2D."""
    image = node.map()
    pads = node.whole_numbers("pads", 1) or []
    number = node.scalar("value" if node.opset < 11 else "constant_value", 2)
    mode = node.text("mode", "constant")
    axes = node.whole_numbers("axes", 3) or [0, 1, 2, 3]
    if mode != "constant" or number:
        raise node.error(f"it has the mode {mode[:80]!r} and the value {number}", "zeros")
    margins = dict.fromkeys(range(4), (0, 0))
    if len(pads) != 2 * len(axes) or any(not -4 <= axis < 4 for axis in axes):
        raise node.error(f"pads {pads} for axes {axes}", "two numbers for each axis")
    for index, axis in enumerate(axes):
        margins[axis % 4] = (pads[index], pads[index + len(axes)])
    if any(margins[0] + margins[1]) or min(pads) < 0 or max(pads) > max(image.shape):
        raise node.error(f"its pads are {pads}", "height and width padded by less than their size")
    if not any(pads):
        return image
    value = node.call(layers.ZeroPadding2D, image.value, padding=(margins[2], margins[3]))
    return Tensor(value, image.is_nonnegative)


def pass_on(node: Node) -> Tensor:
    """Return the input of an Identity."""
    return node.tensor(0)


def drop_out(node: Node) -> Tensor:
    """Return the input of a Dropout, which does nothing in inference."""
    node.number("ratio", 0.5)
    node.integer("seed", 0)
    is_training = node.constant(2)
    if is_training is not None and is_training.any():
        raise node.error("it is in training mode", "inference: call model.eval() first")
    return node.tensor(0)


def _target(node: Node, shape: tuple[int, ...], wanted: list[int]) -> tuple[int, ...]:
    """Return the lengths that a Reshape results in, without the batch."""
    first, *rest = wanted
    allowed = "the batch first, and as many values as before"
    lengths = [shape[i] if n == 0 and i < len(shape) else n for i, n in enumerate(rest)]
    if -1 in lengths:
        known = prod(length for length in lengths if length != -1)
        keeps_batch = first == 0 or first == node.batch
        if not keeps_batch or lengths.count(-1) > 1 or known < 1 or prod(shape) % known:
            raise node.error(f"shape {wanted} of values {shape}", allowed)
        lengths[lengths.index(-1)] = prod(shape) // known
    is_batch = first in (0, -1) or first == node.batch
    if not is_batch or min(lengths, default=0) < 1 or prod(lengths) != prod(shape):
        raise node.error(f"shape {wanted} of values {shape}", allowed)
    return tuple(lengths)


def _reshaped(node: Node, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor with another shape, both in the order of the file."""
    if shape == tensor.shape:
        return tensor
    value = tensor.value
    if tensor.is_map and _has_order(tensor.shape):
        value = node.call(layers.Permute, value, "_permute", dims=_TO_FIRST)
    if len(shape) == 1:
        return Tensor(node.call(layers.Flatten, value), tensor.is_nonnegative)
    value = _to_shape(node, value, shape)
    return Tensor(value, tensor.is_nonnegative)


def _to_shape(node: Node, value: Any, shape: tuple[int, ...]) -> Any:
    if len(shape) != 3:
        return node.call(layers.Reshape, value, target_shape=shape)
    if not _has_order(shape):
        return node.call(layers.Reshape, value, target_shape=(*shape[1:], shape[0]))
    value = node.call(layers.Reshape, value, target_shape=shape)
    return node.call(layers.Permute, value, "_to_last", dims=_TO_LAST)


def _has_order(shape: tuple[int, ...]) -> bool:
    """Return whether a map's values have another order in channels-last layout."""
    return shape[0] > 1 and prod(shape[1:]) > 1

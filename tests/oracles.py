"""Slow, obvious NumPy versions of the layers, which the fast ones are checked against."""

import keras
import numpy as np
from numpy.typing import NDArray

from service.model.bundle import Bundle
from service.model.layer import Layer

Array = NDArray[np.float64]


def forward(bundle: Bundle, pixels: Array) -> dict[tuple[str, str], Array]:
    """Compute every layer's values, pre and post, for one image, float64 (H, W, C) in 0–1."""
    values, current = {}, pixels
    for layer in bundle.layers:
        pre = _apply(layer, bundle, current)
        current = activate(layer.activation, pre)
        values[layer.name, "pre"], values[layer.name, "post"] = pre, current
    return values


def _apply(layer: Layer, bundle: Bundle, x: Array) -> Array:
    if layer.kind == "Flatten":
        return x.reshape(-1)
    if layer.kind == "Dense":
        kernel, bias = (bundle.weights[f"{layer.name}/{part}"] for part in ("kernel", "bias"))
        return x @ kernel.astype(np.float64) + bias
    strides, padding = layer.config["strides"], layer.config["padding"]
    if layer.kind == "Conv2D":
        kernel, bias = (bundle.weights[f"{layer.name}/{part}"] for part in ("kernel", "bias"))
        return convolve(x, kernel.astype(np.float64), strides, padding) + bias
    reduce = {"MaxPooling2D": np.nanmax, "AveragePooling2D": np.nanmean}[layer.kind]
    return pool(x, layer.config["pool_size"], strides, padding, reduce)


def convolve(x: Array, kernel: Array, strides: tuple[int, int], padding: str) -> Array:
    """Cross-correlate (H, W, C) with (rows, columns, C, filters), one cell at a time."""
    x = pad(x, kernel.shape[:2], strides, padding, 0.0)
    height, width = kernel.shape[:2]
    rows = (x.shape[0] - height) // strides[0] + 1
    columns = (x.shape[1] - width) // strides[1] + 1
    out = np.empty((rows, columns, kernel.shape[3]))
    for row in range(rows):
        for column in range(columns):
            top, left = row * strides[0], column * strides[1]
            patch = x[top : top + height, left : left + width]
            for channel in range(kernel.shape[3]):
                out[row, column, channel] = np.sum(patch * kernel[..., channel])
    return out


def pool(
    x: Array, window: tuple[int, int], strides: tuple[int, int], padding: str, reduce
) -> Array:
    """Reduce each window of (H, W, C) to its maximum or mean, padding excluded."""
    x = pad(x, window, strides, padding, np.nan)
    rows = (x.shape[0] - window[0]) // strides[0] + 1
    columns = (x.shape[1] - window[1]) // strides[1] + 1
    out = np.empty((rows, columns, x.shape[2]))
    for row in range(rows):
        for column in range(columns):
            top, left = row * strides[0], column * strides[1]
            out[row, column] = reduce(
                x[top : top + window[0], left : left + window[1]], axis=(0, 1)
            )
    return out


def pad(
    x: Array, window: tuple[int, int], strides: tuple[int, int], padding: str, value: float
) -> Array:
    """Apply Keras's `same` padding (the odd cell goes below and right); `valid` adds nothing."""
    if padding == "valid":
        return x
    widths = []
    for size, length, stride in zip(x.shape, window, strides, strict=False):
        widths.append(pad_widths(size, length, stride))
    return np.pad(x, [*widths, (0, 0)], constant_values=value)


def pad_widths(size: int, window: int, stride: int) -> tuple[int, int]:
    """Return the cells that `same` padding adds before and after `size` cells."""
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def activate(name: str, x: Array) -> Array:
    """Apply the activation function of that name."""
    if name == "softmax":
        e = np.exp(x - x.max())
        return e / e.sum()
    return {"linear": lambda v: v, "relu": lambda v: np.maximum(v, 0), "tanh": np.tanh}[name](x)


def conv_output_size(size: int, kernel: int, padding: int, stride: int) -> int | None:
    """Return the side of a convolution's output in Keras; None where Keras rejects the input."""
    padded = keras.layers.ZeroPadding2D(padding).compute_output_shape((1, size, size, 1))
    try:
        shape = keras.layers.Conv2D(1, kernel, strides=stride).compute_output_shape(padded)
    except ValueError:  # it would be zero or negative
        return None
    return int(shape[1])

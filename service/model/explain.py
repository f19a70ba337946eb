"""The exact arithmetic behind one cell of any layer, term by term.

Computes in float64 from the graph's own float32 values and the bundle's weights, and states how far
it ends from what the graph computed. Runs no model; knows nothing of HTTP or pictures.

Every explanation serialises to JSON as it stands: only numbers, strings, None, lists, dataclasses.
Numbers are the float32 values exactly, so that whoever multiplies them again gets our products.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequest, UnknownLayer
from service.model.bundle import Bundle, Layer, LayerValues

DIGIT = "digit"  # what the first layer's input is called
Grid = list[list[float]]  # rows × columns

ACTIVATIONS: dict[str, Callable[[float], float]] = {  # softmax needs the other channels: below
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "tanh": math.tanh,
    "sigmoid": lambda x: (1 + math.tanh(x / 2)) / 2,  # the definition overflows far below 0
}


@dataclass(frozen=True)
class Cell:
    """One value of a layer, or one pixel of the digit: what can be asked about.

    Attributes:
        layer: a layer's name, or "digit".
        channel: from 0; the unit's index in a layer without rows and columns.
        row, column: from 0; None in a layer without them.
    """

    layer: str
    channel: int
    row: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Region:
    """A rectangle of cells, or of pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Window(Region):
    """A rectangle that may reach into padding: above row 0, left of column 0, or beyond the end.

    Attributes:
        inside: its part that holds real cells, and can reach the result.
    """

    inside: Region


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What the explanations of all kinds of layer tell.

    Attributes:
        kind: the layer's kind; tells which of the traces below this is.
        cell: what was asked.
        input: name of the layer before, whose `post` values are the terms; "digit" for the first.
        receptive_field: which pixels of the digit the cell sees; all from the first Flatten on.
        pre: what the arithmetic gives, before the activation function.
        value: the graph's own value there.
        difference: |pre − value|, what float32 rounds away.
        activation: name of the activation function; "linear" where there is none.
        post: the activation function of `pre`.
    """

    kind: str
    cell: Cell
    input: str
    receptive_field: Window
    pre: float
    value: float
    difference: float
    activation: str
    post: float


@dataclass(frozen=True, kw_only=True)
class WindowTrace(Trace):
    """What the explanations of layers that slide a window tell.

    Attributes:
        window: what the cell reads of the layer before.
        dropped_rows: rows of the layer before that lie beyond the last window, because of the floor
            in O = ⌊(N − F + 2P)/S⌋ + 1.
        dropped_columns: the same for columns.
    """

    window: Window
    dropped_rows: list[int]
    dropped_columns: list[int]


@dataclass(frozen=True)
class ChannelTerm:
    """What one input channel adds to a convolution.

    Attributes:
        channel: of the layer before.
        patch: its values in the window; padding is 0.
        kernel: the kernel's slice for this channel.
        products: patch × kernel, cell by cell.
        contribution: the sum of the products.
    """

    channel: int
    patch: Grid
    kernel: Grid
    products: Grid
    contribution: float


@dataclass(frozen=True)
class Softmax:
    """How a layer's logits become probabilities: `post` = exponentials[channel] / sum.

    Attributes:
        logits: by channel, the graph's own; for the cell's own channel, `pre`.
        maximum: the largest logit, subtracted so that no exponential overflows.
        exponentials: exp(logit − maximum) by channel.
        sum: of the exponentials.
    """

    logits: list[float]
    maximum: float
    exponentials: list[float]
    sum: float


@dataclass(frozen=True, kw_only=True)
class ConvolutionTrace(WindowTrace):
    """pre = the sum of all contributions + bias. `terms` holds every input channel, in order."""

    kind: Literal["Conv2D"]
    terms: list[ChannelTerm]
    bias: float
    softmax: Softmax | None


@dataclass(frozen=True, kw_only=True)
class MaxPoolingTrace(WindowTrace):
    """pre = the largest of `patch`, the values in `window.inside`; `winner` its first cell."""

    kind: Literal["MaxPooling2D"]
    patch: Grid
    winner: Cell


@dataclass(frozen=True, kw_only=True)
class AveragePoolingTrace(WindowTrace):
    """pre = the mean of `patch`, the `count` values in `window.inside`."""

    kind: Literal["AveragePooling2D"]
    patch: Grid
    count: int


@dataclass(frozen=True, kw_only=True)
class FlattenTrace(Trace):
    """pre = the value of the cell `source`, nothing computed."""

    kind: Literal["Flatten"]
    source: Cell


@dataclass(frozen=True)
class DenseTerm:
    """What one input adds to a unit.

    Attributes:
        index: of the input, in the layer before.
        source: the cell that it is; where the layer before is a Flatten, the cell before that.
        value: the input.
        weight: its weight.
        contribution: value × weight.
    """

    index: int
    source: Cell
    value: float
    weight: float
    contribution: float


@dataclass(frozen=True, kw_only=True)
class DenseTrace(Trace):
    """pre = the contributions of `terms` + rest + bias.

    Attributes:
        terms: the inputs that add or take most, by |contribution|.
        count: how many inputs there are, those in `terms` among them.
        rest: the sum of all other contributions.
    """

    kind: Literal["Dense"]
    terms: list[DenseTerm]
    count: int
    rest: float
    bias: float
    softmax: Softmax | None


Explanation = ConvolutionTrace | MaxPoolingTrace | AveragePoolingTrace | FlattenTrace | DenseTrace


def explain(
    bundle: Bundle,
    values: LayerValues,
    pixels: NDArray[np.float32],
    cell: Cell,
    top: int | None = None,
) -> Explanation:
    """How the value of a cell comes about.

    Args:
        bundle: the model's.
        values: one digit's, float32 without a batch axis; the layer's `pre` and the `post` of the
            layer before it are read.
        pixels: that digit, float32 (H, W, C), 0–1.
        cell: the cell to explain.
        top: how many terms of a Dense layer to list, at least 1; None: all.

    Raises:
        UnknownLayer: no such layer, or no such channel, row or column in it.
        MalformedRequest: row and column are missing, or given for a layer without them.
    """
    layer = _find(bundle, cell)
    path = bundle.layers[: bundle.layers.index(layer) + 1]
    given = values[path[-2].name, "post"] if len(path) > 1 else pixels
    asked = _Question(bundle, values, cell, path, given.astype(np.float64))
    match layer.kind:
        case "Conv2D":
            return _convolution(asked)
        case "MaxPooling2D" | "AveragePooling2D":
            return _pooling(asked)
        case "Flatten":
            source = _source(path, cell.channel)
            pre = float(asked.given.reshape(-1)[cell.channel])
            return FlattenTrace(**_common(asked, pre), source=source)
        case _:
            return _dense(asked, top)


def _find(bundle: Bundle, cell: Cell) -> Layer:
    layer = bundle.layer(cell.layer)
    if layer is None:
        there = ", ".join(layer.name for layer in bundle.layers)
        raise UnknownLayer(f"The model has no layer {cell.layer!r}. Layers: {there}.")
    *grid, channels = layer.output_shape
    asked = {"channel": cell.channel, "row": cell.row, "column": cell.column}
    sizes = dict(zip(asked, (channels, *grid), strict=False))  # no rows and columns without a grid
    ranges = ", ".join(f"{name} 0–{size - 1}" for name, size in sizes.items())
    if not grid and (cell.row, cell.column) != (None, None):
        raise MalformedRequest(
            f"Layer {layer.name!r} has no rows and columns: leave row and column out."
        )
    for name, size in sizes.items():
        index = asked[name]
        if index is None:
            raise MalformedRequest(f"Layer {layer.name!r} also needs {name}. It has {ranges}.")
        if not 0 <= index < size:
            raise UnknownLayer(f"Layer {layer.name!r} has no {name} {index}. It has {ranges}.")
    return layer


@dataclass(frozen=True)
class _Question:
    """A cell with what explains it.

    Attributes:
        path: the layers from the first to the cell's own.
        given: the input of the cell's layer, float64.
    """

    bundle: Bundle
    values: LayerValues
    cell: Cell
    path: tuple[Layer, ...]
    given: NDArray[np.float64]

    @property
    def kernel(self) -> NDArray[np.float32]:
        """The weights of the cell's channel: (rows, columns, input channels), or (inputs,)."""
        return self.bundle.weights[f"{self.cell.layer}/kernel"][..., self.cell.channel]

    @property
    def bias(self) -> float:
        """The bias of the cell's channel; 0 in a layer that has none."""
        biases = self.bundle.weights.get(f"{self.cell.layer}/bias")
        return 0.0 if biases is None else float(biases[self.cell.channel])


def _convolution(asked: _Question) -> ConvolutionTrace:
    window = _window(asked.path[-1:], asked.cell)
    kernel = asked.kernel.astype(np.float64)
    patch = np.zeros(kernel.shape)  # (rows, columns, input channels)
    patch[_slices(window.inside, window.top, window.left)] = asked.given[_slices(window.inside)]
    products = patch * kernel
    contributions = products.sum(axis=(0, 1))
    pre = float(contributions.sum()) + asked.bias
    softmax = _softmax(asked, pre)
    grids = (array.transpose(2, 0, 1).tolist() for array in (patch, kernel, products))
    return ConvolutionTrace(
        **_common(asked, pre, softmax),
        **_sliding(asked, window),
        terms=[
            ChannelTerm(*term)
            for term in zip(range(len(contributions)), *grids, contributions.tolist(), strict=True)
        ],
        bias=asked.bias,
        softmax=softmax,
    )


def _pooling(asked: _Question) -> MaxPoolingTrace | AveragePoolingTrace:
    window = _window(asked.path[-1:], asked.cell)
    inside, channel = window.inside, asked.cell.channel
    patch = asked.given[(*_slices(inside), channel)]  # (rows, columns), without padding
    sliding = {**_sliding(asked, window), "patch": patch.tolist()}
    if asked.path[-1].kind == "AveragePooling2D":
        common = _common(asked, float(patch.mean()))
        return AveragePoolingTrace(**common, **sliding, count=patch.size)
    row, column = divmod(int(patch.argmax()), inside.width)
    winner = Cell(_input(asked.path), channel, inside.top + row, inside.left + column)
    return MaxPoolingTrace(**_common(asked, float(patch.max())), **sliding, winner=winner)


def _dense(asked: _Question, top: int | None) -> DenseTrace:
    weights = asked.kernel.astype(np.float64)
    contributions = asked.given * weights  # (inputs,)
    order = np.argsort(-np.abs(contributions), kind="stable")
    pre = float(contributions.sum()) + asked.bias
    softmax = _softmax(asked, pre)
    return DenseTrace(
        **_common(asked, pre, softmax),
        terms=[
            DenseTerm(
                index,
                _source(asked.path, index),
                float(asked.given[index]),
                float(weights[index]),
                float(contributions[index]),
            )
            for index in order[:top].tolist()
        ],
        count=len(order),
        rest=0.0 if top is None else float(contributions[order[top:]].sum()),
        bias=asked.bias,
        softmax=softmax,
    )


def _softmax(asked: _Question, pre: float) -> Softmax | None:
    cell, layer = asked.cell, asked.path[-1]
    if layer.activation != "softmax":
        return None
    channels = asked.values[layer.name, "pre"][_place(cell)[:-1]]
    logits = channels.astype(np.float64)
    logits[cell.channel] = pre
    exponentials = np.exp(logits - logits.max())
    return Softmax(
        logits.tolist(), float(logits.max()), exponentials.tolist(), float(exponentials.sum())
    )


def _common(asked: _Question, pre: float, softmax: Softmax | None = None) -> dict[str, Any]:
    """The fields of `Trace`."""
    cell, layer = asked.cell, asked.path[-1]
    value = float(asked.values[layer.name, "pre"][_place(cell)])
    if softmax:
        post = softmax.exponentials[cell.channel] / softmax.sum
    else:
        post = ACTIVATIONS[layer.activation](pre)
    return {
        "kind": layer.kind,
        "cell": cell,
        "input": _input(asked.path),
        "receptive_field": _receptive_field(asked),
        "pre": pre,
        "value": value,
        "difference": abs(pre - value),
        "activation": layer.activation,
        "post": post,
    }


def _sliding(asked: _Question, window: Window) -> dict[str, Any]:
    """The fields that `WindowTrace` adds."""
    layer = asked.path[-1]
    rows, columns = (
        list(range(_read(layer, axis, (0, layer.output_shape[axis]))[1], layer.input_shape[axis]))
        for axis in (0, 1)
    )
    return {"window": window, "dropped_rows": rows, "dropped_columns": columns}


def _place(cell: Cell) -> tuple[int, ...]:
    """The cell's index in its layer's values."""
    if cell.row is None or cell.column is None:
        return (cell.channel,)
    return (cell.row, cell.column, cell.channel)


def _input(path: Sequence[Layer]) -> str:
    return path[-2].name if len(path) > 1 else DIGIT


def _source(path: Sequence[Layer], index: int) -> Cell:
    """The input of the path's last layer at a row-major index; looks through a Flatten before."""
    *before, layer = path
    if before and before[-1].kind == "Flatten":
        return _source(before, index)
    if len(layer.input_shape) == 1:
        return Cell(_input(path), index)
    row, column, channel = (int(i) for i in np.unravel_index(index, layer.input_shape))
    return Cell(_input(path), channel, row, column)


def _receptive_field(asked: _Question) -> Window:
    if asked.cell.row is None:
        height, width, _ = asked.bundle.input_shape
        return Window(0, 0, height, width, Region(0, 0, height, width))
    return _window(asked.path, asked.cell)


def _window(path: Sequence[Layer], cell: Cell) -> Window:
    """What a cell of the path's last layer reads of the input of the path's first."""
    whole, inside = [], []
    for axis, index in enumerate(_place(cell)[:2]):
        reached = real = (index, index + 1)
        for layer in reversed(path):
            reached = _read(layer, axis, reached)
            # clipped at every layer: what a padding cell would have read never arrives
            start, stop = _read(layer, axis, real)
            real = max(start, 0), min(stop, layer.input_shape[axis])
        whole.append(reached)
        inside.append(real)
    return Window(*_corner_and_size(whole), inside=Region(*_corner_and_size(inside)))


def _read(layer: Layer, axis: int, cells: tuple[int, int]) -> tuple[int, int]:
    """The rows (axis 0) or columns (1) that a range of the layer's reads, padding included."""
    # only layers that slide a window come here; the manifest gives them both
    size, stride = (layer.kernel_size or (1, 1))[axis], (layer.strides or (1, 1))[axis]
    before = 0
    if layer.padding == "same":  # Keras pads as little as it can, the odd cell at the end
        covered = (layer.output_shape[axis] - 1) * stride + size
        before = max(covered - layer.input_shape[axis], 0) // 2
    start, stop = cells
    return start * stride - before, (stop - 1) * stride - before + size


def _corner_and_size(ranges: Sequence[tuple[int, int]]) -> tuple[int, int, int, int]:
    (top, bottom), (left, right) = ranges
    return top, left, bottom - top, right - left


def _slices(region: Region, top: int = 0, left: int = 0) -> tuple[slice, slice]:
    """The region's rows and columns, in an array that begins at (top, left)."""
    row, column = region.top - top, region.left - left
    return slice(row, row + region.height), slice(column, column + region.width)

"""Explain a cell of a convolution: one term per input channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.explain.cells import Region, Window
from service.model.explain.context import CellContext
from service.model.explain.traces import (
    ChannelTerm,
    ConvolutionTrace,
    SeparableConvolutionTrace,
    SeparableTerm,
)
from service.model.windows import SlidingWindow, Tap

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Taps:
    """What a cell reads: (cell of the input, cell of the kernel), by row and by column."""

    rows: list[Tap]
    columns: list[Tap]

    def patch(self, inputs: NDArray[np.float32]) -> Array:
        """Return the values that are read, (rows, columns, channels); padding is 0."""
        patch = np.zeros((len(self.rows), len(self.columns), inputs.shape[2]))
        (rows, from_rows), (columns, from_columns) = (
            _inside(taps, length)
            for taps, length in zip((self.rows, self.columns), inputs.shape, strict=False)
        )
        patch[np.ix_(rows, columns)] = inputs[np.ix_(from_rows, from_columns)]
        return patch

    @property
    def kernel_index(self) -> tuple[list[int], list[int]]:
        """Return the rows and the columns of the kernel."""
        return [tap for _, tap in self.rows], [tap for _, tap in self.columns]


def taps_of(context: CellContext) -> Taps:
    """Return what the context's cell reads."""
    row, column = context.cell.index[:2]
    rows, columns = context.layer.windows
    return Taps(rows.taps(row), columns.taps(column))


def convolution(context: CellContext) -> ConvolutionTrace:
    """Multiply the cell's patch by its kernel, channel by channel of its group."""
    channel, layer = context.cell.channel, context.layer
    if layer.kind == "DepthwiseConv2D":
        multiplier = context.weight_shape("kernel")[3]
        first, number = divmod(channel, multiplier)
        kernel = context.weight("kernel", _ALL, _ALL, slice(first, first + 1), number)
    else:
        kernel = context.weight("kernel", _ALL, _ALL, _ALL, channel)
        groups = layer.config.get("groups", 1)
        first = channel // (layer.output_shape[2] // groups) * kernel.shape[2]
    return _trace(context, kernel, range(first, first + kernel.shape[2]))


def transposed_convolution(context: CellContext) -> ConvolutionTrace:
    """Multiply every input cell that adds to the cell by its weight."""
    # (rows, columns, output channels, input channels)
    kernel = context.weight("kernel", _ALL, _ALL, context.cell.channel, _ALL)
    return _trace(context, kernel, range(kernel.shape[2]))


def separable_convolution(context: CellContext) -> SeparableConvolutionTrace:
    """Multiply patches by depthwise kernels, and each sum by its pointwise weight."""
    taps = taps_of(context)
    kernels = context.weight("depthwise_kernel", _ALL, _ALL, _ALL, _ALL)
    *size, channels, multiplier = kernels.shape
    kernels = kernels.reshape(*size, channels * multiplier)
    pointwise = context.weight("pointwise_kernel", 0, 0, _ALL, context.cell.channel)
    patch = np.repeat(taps.patch(context.inputs[0]), multiplier, axis=2)
    products = patch * kernels
    sums = products.sum(axis=(0, 1))
    contributions = sums * pointwise
    listed, rest = largest(contributions, context.top)
    terms = [
        SeparableTerm(
            channel=i // multiplier,
            patch=patch[..., i].tolist(),
            kernel=kernels[..., i].tolist(),
            products=products[..., i].tolist(),
            contribution=float(contributions[i]),
            depthwise_channel=i,
            depthwise=float(sums[i]),
            weight=float(pointwise[i]),
        )
        for i in listed
    ]
    bias = context.channel_weight("bias", 0.0)
    return SeparableConvolutionTrace(
        **context.fields(float(contributions.sum()) + bias),
        **window_fields(context, taps),
        rows=[row for row, _ in taps.rows],
        columns=[column for column, _ in taps.columns],
        terms=terms,
        count=len(contributions),
        rest=rest,
        bias=bias,
    )


def largest(contributions: Array, top: int | None) -> tuple[Sequence[int], float]:
    """Return the indices of the largest |contributions|, largest first, and the sum of the others.

    Args:
        contributions: one number per term.
        top: how many; None: all, in order.
    """
    if top is None:
        return range(len(contributions)), 0.0
    order = np.argsort(-np.abs(contributions), kind="stable")
    return order[:top].tolist(), float(contributions[order[top:]].sum())


def window_fields(context: CellContext, taps: Taps) -> dict[str, Any]:
    """Return the fields that `WindowTrace` adds to `Trace`."""
    layer = context.layer
    ranges, dropped = [], []
    for axis, read in enumerate((taps.rows, taps.columns)):
        length, window = layer.input_shape[axis], layer.windows[axis]
        cells = [cell for cell, _ in read]
        real = [cell for cell in cells if 0 <= cell < length]
        ranges.append((_range(cells), _range(real)))
        last = length
        if isinstance(window, SlidingWindow):
            last = window.input_range(0, layer.output_shape[axis])[1]
        dropped.append(list(range(last, length)))
    ((top, height), (row, rows)), ((left, width), (column, columns)) = ranges
    inside = Region(row, column, rows, columns) if rows and columns else Region(0, 0, 0, 0)
    return {
        "window": Window(top, left, height, width, inside),
        "dropped_rows": dropped[0],
        "dropped_columns": dropped[1],
    }


_ALL = slice(None)


def _trace(context: CellContext, kernel: Array, channels: range) -> ConvolutionTrace:
    """Return the explanation.

    Args:
        context: of the cell.
        kernel: the weights of the cell's channel, (rows, columns, input channels).
        channels: of the input, that the kernel is multiplied by.
    """
    taps = taps_of(context)
    rows, columns = taps.kernel_index
    kernel = kernel[np.ix_(rows, columns)]
    patch = taps.patch(context.inputs[0][..., channels.start : channels.stop])
    products = patch * kernel
    contributions = products.sum(axis=(0, 1))
    listed, rest = largest(contributions, context.top)
    bias = context.channel_weight("bias", 0.0)
    return ConvolutionTrace(
        **context.fields(float(contributions.sum()) + bias),
        **window_fields(context, taps),
        rows=[row for row, _ in taps.rows],
        columns=[column for column, _ in taps.columns],
        kernel_rows=rows,
        kernel_columns=columns,
        terms=[
            ChannelTerm(
                channel=channels[i],
                patch=patch[..., i].tolist(),
                kernel=kernel[..., i].tolist(),
                products=products[..., i].tolist(),
                contribution=float(contributions[i]),
            )
            for i in listed
        ],
        count=len(contributions),
        rest=rest,
        bias=bias,
    )


def _inside(taps: Sequence[Tap], length: int) -> tuple[list[int], list[int]]:
    """Return the positions of the taps that are cells of the input, and these cells."""
    inside = [(i, cell) for i, (cell, _) in enumerate(taps) if 0 <= cell < length]
    return [i for i, _ in inside], [cell for _, cell in inside]


def _range(cells: Sequence[int]) -> tuple[int, int]:
    """Return the first of the cells, and the number of cells from it to the last."""
    return (min(cells), max(cells) - min(cells) + 1) if cells else (0, 0)

"""Explain a cell of a convolution: one term per input channel."""

import numpy as np

from service.model.explain.context import CellContext
from service.model.explain.traces import ChannelTerm, ConvolutionTrace
from service.model.explain.windows import slices, window_fields, window_of


def convolution(context: CellContext) -> ConvolutionTrace:
    """Multiply the cell's patch by its kernel, channel by channel."""
    window = window_of([context.layer], context.cell)
    kernel = context.kernel
    patch = np.zeros(kernel.shape)  # (rows, columns, input channels)
    patch[slices(window.inside, window.top, window.left)] = context.inputs[slices(window.inside)]
    products = patch * kernel
    contributions = products.sum(axis=(0, 1))
    pre = float(contributions.sum()) + context.bias
    softmax = context.softmax(pre)
    grids = (array.transpose(2, 0, 1).tolist() for array in (patch, kernel, products))
    return ConvolutionTrace(
        **context.fields(pre, softmax),
        **window_fields(context.layer, window),
        terms=[
            ChannelTerm(*term)
            for term in zip(range(len(contributions)), *grids, contributions.tolist(), strict=True)
        ],
        bias=context.bias,
        softmax=softmax,
    )

"""Explain a cell of a pooling layer: the values in its window, padding excluded."""

import numpy as np
from numpy.typing import NDArray

from service.model.explain.context import CellContext, input_name
from service.model.explain.traces import AveragePoolingTrace, Cell, MaxPoolingTrace, Window
from service.model.explain.windows import slices, window_fields, window_of


def max_pooling(context: CellContext) -> MaxPoolingTrace:
    """Find the largest value in the cell's window."""
    window, patch = _patch(context)
    row, column = divmod(int(patch.argmax()), window.inside.width)
    winner = Cell(
        input_name(context.path),
        context.cell.channel,
        window.inside.top + row,
        window.inside.left + column,
    )
    return MaxPoolingTrace(
        **context.fields(float(patch.max())),
        **window_fields(context.layer, window),
        patch=patch.tolist(),
        winner=winner,
    )


def average_pooling(context: CellContext) -> AveragePoolingTrace:
    """Average the values in the cell's window."""
    window, patch = _patch(context)
    return AveragePoolingTrace(
        **context.fields(float(patch.mean())),
        **window_fields(context.layer, window),
        patch=patch.tolist(),
        count=patch.size,
    )


def _patch(context: CellContext) -> tuple[Window, NDArray[np.float64]]:
    """Return the cell's window and the values in it, (rows, columns) without padding."""
    window = window_of([context.layer], context.cell)
    return window, context.inputs[(*slices(window.inside), context.cell.channel)]

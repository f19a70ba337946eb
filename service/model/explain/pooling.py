"""Explain a cell of a pooling layer: the values in its window, padding excluded."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.explain.cells import Region, Window
from service.model.explain.context import CellContext
from service.model.explain.convolution import taps_of, window_fields
from service.model.explain.traces import AveragePoolingTrace, MaxPoolingTrace
from service.model.kinds import layer_kind


def max_pooling(context: CellContext) -> MaxPoolingTrace:
    """Find the largest value in the cell's window."""
    fields, patch = _patch(context)
    inside = fields["window"].inside
    row, column = divmod(int(patch.argmax()), inside.width)
    index = (inside.top + row, inside.left + column, context.cell.channel)
    return MaxPoolingTrace(
        **context.fields(float(patch.max())),
        **fields,
        patch=patch.tolist(),
        winner=context.source(index),
    )


def average_pooling(context: CellContext) -> AveragePoolingTrace:
    """Average the values in the cell's window."""
    fields, patch = _patch(context)
    return AveragePoolingTrace(
        **context.fields(float(patch.mean())),
        **fields,
        patch=patch.tolist(),
        count=patch.size,
    )


def _patch(context: CellContext) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Return the fields of the cell's window, and the values in it without padding."""
    height, width, _ = context.inputs[0].shape
    fields: dict[str, Any] = {
        "window": Window(0, 0, height, width, Region(0, 0, height, width)),
        "dropped_rows": [],
        "dropped_columns": [],
    }
    if layer_kind(context.layer.kind).window:
        fields = window_fields(context, taps_of(context))
    inside = fields["window"].inside
    rows = slice(inside.top, inside.top + inside.height)
    columns = slice(inside.left, inside.left + inside.width)
    return fields, context.inputs[0][rows, columns, context.cell.channel].astype(np.float64)

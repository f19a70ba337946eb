"""Explain a cell of a Flatten: the cell that it copies."""

from service.model.explain.context import CellContext, source
from service.model.explain.traces import FlattenTrace


def flatten(context: CellContext) -> FlattenTrace:
    """Find the cell that a Flatten copies."""
    index = context.cell.channel
    pre = float(context.inputs.reshape(-1)[index])
    return FlattenTrace(**context.fields(pre), source=source(context.path, index))

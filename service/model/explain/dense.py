"""Explain a unit of a Dense layer: its inputs with the largest contributions."""

import numpy as np

from service.model.explain.context import CellContext
from service.model.explain.convolution import largest
from service.model.explain.moves import origins
from service.model.explain.traces import DenseTerm, DenseTrace


def dense(context: CellContext) -> DenseTrace:
    """Multiply every input by its weight, and list the `top` largest products."""
    place = context.cell.index[:-1]
    values = context.inputs[0][place].astype(np.float64)  # (inputs,)
    weights = context.weight("kernel", slice(None), context.cell.channel)
    contributions = values * weights
    listed, rest = largest(contributions, context.top or len(contributions))
    bias = context.channel_weight("bias", 0.0)
    (before,) = context.layer.inputs
    # at once, because a term at a time takes several times as long
    columns = np.stack((values, weights, contributions), axis=1)[listed]
    sources = origins(context.bundle, before, ((*place, index) for index in listed))
    return DenseTrace(
        **context.fields(float(contributions.sum()) + bias),
        terms=[
            DenseTerm(source, value, weight, contribution, index)
            for source, (value, weight, contribution), index in zip(
                sources, columns.tolist(), listed, strict=True
            )
        ],
        count=len(contributions),
        rest=rest,
        bias=bias,
    )

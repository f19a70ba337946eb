"""Explain a unit of a Dense layer: its inputs with the largest contributions."""

import numpy as np

from service.model.explain.context import CellContext, source
from service.model.explain.traces import DenseTerm, DenseTrace


def dense(context: CellContext) -> DenseTrace:
    """Multiply every input by its weight, and list the `top` largest products."""
    weights, top = context.kernel, context.top
    contributions = context.inputs * weights  # (inputs,)
    order = np.argsort(-np.abs(contributions), kind="stable")
    pre = float(contributions.sum()) + context.bias
    softmax = context.softmax(pre)
    return DenseTrace(
        **context.fields(pre, softmax),
        terms=[
            DenseTerm(
                index,
                source(context.path, index),
                float(context.inputs[index]),
                float(weights[index]),
                float(contributions[index]),
            )
            for index in order[:top].tolist()
        ],
        count=len(order),
        rest=0.0 if top is None else float(contributions[order[top:]].sum()),
        bias=context.bias,
        softmax=softmax,
    )

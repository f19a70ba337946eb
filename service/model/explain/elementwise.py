"""Explain a cell that is computed from the same cell of each input."""

import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce

from service.model.explain.context import CellContext
from service.model.explain.traces import AffineTrace, BatchNormalizationTrace, MergeTrace, Operand

# What merges combine by, from the first operand to the last.
_MERGES: dict[str, Callable[[Sequence[float]], float]] = {
    "Add": sum,
    "Subtract": lambda values: values[0] - values[1],
    "Multiply": lambda values: reduce(operator.mul, values),
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
}
_SELECTING = ("Maximum", "Minimum")


def merge(context: CellContext) -> MergeTrace:
    """Combine the operands; one whose axis has the length 1 is repeated along it."""
    operands = []
    for number, array in enumerate(context.inputs):
        sides = zip(context.cell.index, array.shape, strict=True)
        index = tuple(min(i, side - 1) for i, side in sides)
        operands.append(Operand(context.source(index, number), context.value(index, number)))
    values = [operand.value for operand in operands]
    pre = float(_MERGES[context.layer.kind](values))
    is_selecting = context.layer.kind in _SELECTING
    return MergeTrace(
        **context.fields(pre),
        operands=operands,
        winner=operands[values.index(pre)].source if is_selecting else None,
    )


def batch_normalisation(context: CellContext) -> BatchNormalizationTrace:
    """Normalise the value by the moving mean and variance, then scale and shift it."""
    index = context.cell.index
    x = context.value(index)
    epsilon = float(context.layer.config.get("epsilon", 1e-3))
    mean = context.channel_weight("moving_mean", 0.0)
    variance = context.channel_weight("moving_variance", 1.0)
    gamma = context.channel_weight("gamma", 1.0)  # without `scale`
    beta = context.channel_weight("beta", 0.0)  # without `center`
    return BatchNormalizationTrace(
        **context.fields(gamma * (x - mean) / math.sqrt(variance + epsilon) + beta),
        source=context.source(index),
        x=x,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        gamma=gamma,
        beta=beta,
    )


def affine(context: CellContext) -> AffineTrace:
    """Scale and shift the value."""
    index = context.cell.index
    x = context.value(index)
    scale, offset = _SCALES[context.layer.kind](context)
    return AffineTrace(
        **context.fields(x * scale + offset),
        source=context.source(index),
        x=x,
        scale=scale,
        offset=offset,
    )


def _rescaling(context: CellContext) -> tuple[float, float]:
    return _number(context, "scale", 1.0), _number(context, "offset", 0.0)


def _normalization(context: CellContext) -> tuple[float, float]:
    deviation = math.sqrt(_number(context, "variance", 1.0))
    scale = 1 / max(deviation, _NORMALIZATION_EPSILON)
    return scale, -_number(context, "mean", 0.0) * scale


_NORMALIZATION_EPSILON = 1e-7  # keras.backend.epsilon()
_SCALES: dict[str, Callable[[CellContext], tuple[float, float]]] = {
    "Rescaling": _rescaling,
    "Normalization": _normalization,
}


def _number(context: CellContext, name: str, default: float) -> float:
    """Return the channel's number of an entry of the configuration, else of a weight."""
    value = context.layer.config.get(name)
    if value is None:
        return context.channel_weight(name, default)
    while isinstance(value, list):  # of one number, or of one for each channel
        value = value[context.cell.channel if len(value) > 1 else 0]
    return float(value)

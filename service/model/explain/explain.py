"""Explain one cell: check that the model has it, then call the function for its layer's kind."""

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequest, NotExplainable, UnknownLayer
from service.model.bundle import Bundle
from service.model.exact import obstacle
from service.model.explain.cells import Cell
from service.model.explain.context import CellContext
from service.model.explain.convolution import (
    convolution,
    separable_convolution,
    transposed_convolution,
)
from service.model.explain.dense import dense
from service.model.explain.elementwise import affine, batch_normalisation, merge
from service.model.explain.moves import copy, upsampling
from service.model.explain.pooling import average_pooling, max_pooling
from service.model.explain.traces import Explanation
from service.model.kinds import Family, layer_kind
from service.model.layer import INPUT, Layer, LayerValues, Pair

EXPLAINERS: dict[Family, Callable[[CellContext], Explanation]] = {
    "convolution": convolution,
    "separable_convolution": separable_convolution,
    "transposed_convolution": transposed_convolution,
    "dense": dense,
    "max_pooling": max_pooling,
    "average_pooling": average_pooling,
    "batch_normalisation": batch_normalisation,
    "affine": affine,
    "copy": copy,
    "upsampling": upsampling,
    "merge": merge,
}
_NAMED = 12  # layers that an error lists


def needed(bundle: Bundle, cell: Cell) -> list[Pair]:
    """Return layers and stages of the values that `explain` needs for a cell.

    Raises:
        UnknownLayer, MalformedRequest, NotExplainable: as `explain`.
    """
    layer = _layer_of(bundle, cell)
    before: list[Pair] = [(name, "post") for name in layer.inputs if name != INPUT]
    return [*dict.fromkeys(before), (layer.name, "pre")]


def explain(
    bundle: Bundle,
    values: LayerValues,
    pixels: NDArray[np.float32],
    cell: Cell,
    top: int | None = None,
) -> Explanation:
    """Return the arithmetic that computes the value of a cell.

    Args:
        bundle: the model's.
        values: of one image, float32 without a batch axis; at least those of `needed`.
        pixels: that image, float32 (H, W, C), as the graph takes it.
        cell: the cell to explain.
        top: the number of terms to list, those with the largest contributions, at least 1; None:
            all.

    Raises:
        UnknownLayer: the model has no such layer, or the layer no such channel, row or column.
        MalformedRequest: row and column are missing, or a layer without them gets one.
        NotExplainable: the layer has no exact explanation.
    """
    family = layer_kind(_layer_of(bundle, cell).kind).family
    return EXPLAINERS[cast(Family, family)](CellContext(bundle, values, pixels, cell, top))


def _layer_of(bundle: Bundle, cell: Cell) -> Layer:
    """Return the layer that has the cell, and can be explained."""
    layer = bundle.layer(cell.layer)
    if layer is None:
        names = ", ".join(bundle.by_name)
        raise UnknownLayer(f"The model has no layer {cell.layer!r}. Layers: {names}.")
    if reason := _obstacle(bundle, layer):
        raise NotExplainable(_message(bundle, layer, reason))
    *grid, channels = layer.output_shape
    indices = {"channel": cell.channel, "row": cell.row, "column": cell.column}
    # not strict, because a layer without a grid has no rows and columns
    sizes = dict(zip(indices, (channels, *grid), strict=False))
    ranges = ", ".join(f"{name} 0–{size - 1}" for name, size in sizes.items())
    for name, index in indices.items():
        if name not in sizes and index is not None:
            lacking = "rows and columns" if not grid else "columns"
            advice = "row and column" if not grid else "column"
            raise MalformedRequest(f"Layer {layer.name!r} has no {lacking}: leave {advice} out.")
    for name, size in sizes.items():
        index = indices[name]
        if index is None:
            raise MalformedRequest(f"Layer {layer.name!r} also needs {name}. It has {ranges}.")
        if not 0 <= index < size:
            raise UnknownLayer(f"Layer {layer.name!r} has no {name} {index}. It has {ranges}.")
    return layer


def _obstacle(bundle: Bundle, layer: Layer) -> str | None:
    shapes = [bundle.shapes[name] for name in layer.inputs]
    reason = obstacle(layer, shapes, bundle.weights.keys())
    if reason is None and not layer.is_exact:
        return "was exported before its kind could be explained (export the model again)"
    return reason


def _message(bundle: Bundle, layer: Layer, reason: str) -> str:
    names = [each.name for each in bundle.layers if _obstacle(bundle, each) is None]
    more = len(names) - _NAMED
    listed = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return (
        f"Layer {layer.name!r} ({layer.kind}) {reason}, so /explain has no arithmetic for it. "
        f"Layers that it explains: {listed or 'none'}. POST /atlas draws the values of "
        f"{layer.name!r}, and POST /activations returns them."
    )

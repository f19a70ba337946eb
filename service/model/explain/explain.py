"""Explain one cell: check that the model has it, then call the function for its layer's kind."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequest, UnknownLayer
from service.model.bundle import Bundle
from service.model.explain.context import CellContext
from service.model.explain.convolution import convolution
from service.model.explain.dense import dense
from service.model.explain.flatten import flatten
from service.model.explain.paths import path_to
from service.model.explain.pooling import average_pooling, max_pooling
from service.model.explain.traces import Cell, Explanation
from service.model.kinds import Family, kind_of
from service.model.layer import Layer, LayerValues, Pair

EXPLAINERS: dict[Family, Callable[[CellContext], Explanation]] = {
    "convolution": convolution,
    "max_pooling": max_pooling,
    "average_pooling": average_pooling,
    "flatten": flatten,
    "dense": dense,
}


def needed(bundle: Bundle, cell: Cell) -> list[Pair]:
    """Return layers and stages of the values that `explain` needs for a cell.

    Raises:
        UnknownLayer, MalformedRequest, NotExplainable: as `explain`.
    """
    path = path_to(bundle, _layer_of(bundle, cell))
    before: list[Pair] = [(each.name, "post") for each in path[-2:-1]]
    return [*before, (cell.layer, "pre")]


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
        top: the number of terms of a Dense layer to list, at least 1; None: all.

    Raises:
        UnknownLayer: the model has no such layer, or the layer no such channel, row or column.
        MalformedRequest: row and column are missing, or a layer without them gets one.
        NotExplainable: the layer, or one on the path to it, is not explained.
    """
    path = path_to(bundle, _layer_of(bundle, cell))
    explainer = EXPLAINERS[kind_of(path[-1].kind).family]
    inputs = values[path[-2].name, "post"] if len(path) > 1 else pixels
    return explainer(CellContext(bundle, values, cell, path, inputs.astype(np.float64), top))


def _layer_of(bundle: Bundle, cell: Cell) -> Layer:
    """Return the layer that has the cell."""
    layer = bundle.layer(cell.layer)
    if layer is None:
        names = ", ".join(layer.name for layer in bundle.layers)
        raise UnknownLayer(f"The model has no layer {cell.layer!r}. Layers: {names}.")
    *grid, channels = layer.output_shape
    indices = {"channel": cell.channel, "row": cell.row, "column": cell.column}
    # not strict, because a layer without a grid has no rows and columns
    sizes = dict(zip(indices, (channels, *grid), strict=False))
    ranges = ", ".join(f"{name} 0–{size - 1}" for name, size in sizes.items())
    if not grid and (cell.row, cell.column) != (None, None):
        raise MalformedRequest(
            f"Layer {layer.name!r} has no rows and columns: leave row and column out."
        )
    for name, size in sizes.items():
        index = indices[name]
        if index is None:
            raise MalformedRequest(f"Layer {layer.name!r} also needs {name}. It has {ranges}.")
        if not 0 <= index < size:
            raise UnknownLayer(f"Layer {layer.name!r} has no {name} {index}. It has {ranges}.")
    return layer

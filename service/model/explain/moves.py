"""Explain a cell of a layer that copies a cell of an input, or mixes the nearest ones."""

import math
from collections.abc import Callable, Iterable, Iterator

from service.model.bundle import Bundle
from service.model.explain.cells import Cell
from service.model.explain.context import CellContext
from service.model.explain.traces import CopyTrace, UpSamplingTrace, WeightedCell
from service.model.layer import INPUT, Layer
from service.model.windows import margins, pair

Index = tuple[int, ...]
Place = tuple[int, Index]  # the number of an input, and an index of it
Shapes = list[tuple[int, ...]]
Find = Callable[[Layer, Index, Shapes], Place | None]
Step = tuple[Find, Layer, Shapes]


def copy(context: CellContext) -> CopyTrace:
    """Find the cell whose value the layer passes on."""
    shapes = [array.shape for array in context.inputs]
    place = _place(context.layer, context.cell.index, shapes)
    if place is None:
        return CopyTrace(**context.fields(0.0), source=None)
    number, index = place
    value = context.value(index, number)
    return CopyTrace(**context.fields(value), source=context.source(index, number))


def origins(bundle: Bundle, name: str, indices: Iterable[Index]) -> Iterator[Cell]:
    """Yield the cells that cells are unchanged copies of, through layers that move cells.

    Args:
        bundle: the model's.
        name: of a layer, or `INPUT`.
        indices: of its values.
    """
    steps: dict[str, Step | None] = {}  # of each layer, because many cells go the same way
    for index in indices:
        source = name
        while True:
            if source not in steps:
                steps[source] = _step(bundle, source)
            step = steps[source]
            place = step and step[0](step[1], index, step[2])
            if step is None or place is None:
                break
            number, index = place
            source = step[1].inputs[number]
        yield Cell(bundle.input_name if source == INPUT else source, index[-1], *index[:-1])


def _step(bundle: Bundle, name: str) -> Step | None:
    """Return how a layer moves cells, the layer and its inputs' shapes; None where it does not."""
    layer = bundle.layer(name)
    if layer is None or layer.kind not in _PLACES or not layer.is_exact:
        return None
    return _PLACES[layer.kind], layer, [bundle.shapes[source] for source in layer.inputs]


def upsampling(context: CellContext) -> UpSamplingTrace:
    """Weigh the nearest cells of the input: one, or two along each axis."""
    config, shape = context.layer.config, context.inputs[0].shape
    row, column, channel = context.cell.index
    is_nearest = config.get("interpolation", "nearest") == "nearest"
    weigh = _nearest if is_nearest else _linear
    sizes = pair(config, "size", 2)
    rows, columns = (
        weigh(index, size, length)
        for index, size, length in zip((row, column), sizes, shape, strict=False)
    )
    terms = []
    for near_row, row_weight in rows:
        for near_column, column_weight in columns:
            index = (near_row, near_column, channel)
            value, weight = context.value(index), row_weight * column_weight
            terms.append(WeightedCell(context.source(index), value, weight, value * weight))
    pre = sum(term.contribution for term in terms)
    return UpSamplingTrace(**context.fields(pre), terms=terms)


def _nearest(index: int, size: int, length: int) -> list[tuple[int, float]]:  # noqa: ARG001
    return [(index // size, 1.0)]


def _linear(index: int, size: int, length: int) -> list[tuple[int, float]]:
    """Return the cells on both sides of a position with their weights; at an edge, the only one."""
    position = min(max((index + 0.5) / size - 0.5, 0.0), length - 1.0)
    below = math.floor(position)
    weights = [(below, 1 - (position - below)), (below + 1, position - below)]
    return [(cell, weight) for cell, weight in weights if weight]


def _place(layer: Layer, index: Index, shapes: Shapes) -> Place | None:
    """Return the input's cell that a cell copies; None in the padding."""
    find = _PLACES.get(layer.kind)
    return (0, index) if find is None else find(layer, index, shapes)


def _reshaped(layer: Layer, index: Index, shapes: Shapes) -> Place:
    # not by NumPy, which takes ten times as long for one index
    flat = 0
    for i, side in zip(index, layer.output_shape, strict=True):
        flat = flat * side + i
    source = []
    for side in reversed(shapes[0]):
        flat, i = divmod(flat, side)
        source.append(i)
    return 0, tuple(reversed(source))


def _permuted(layer: Layer, index: Index, shapes: Shapes) -> Place:
    source = [0] * len(shapes[0])
    for axis, i in zip(layer.config["dims"], index, strict=True):
        source[axis - 1] = i
    return 0, tuple(source)


def _concatenated(layer: Layer, index: Index, shapes: Shapes) -> Place:
    axis = layer.config.get("axis", -1)
    axis = axis + len(index) if axis < 0 else axis - 1  # Keras counts the batch
    position = index[axis]
    for number, shape in enumerate(shapes):
        if position < shape[axis]:
            return number, (*index[:axis], position, *index[axis + 1 :])
        position -= shape[axis]
    raise ValueError(f"{index} is outside of the inputs of {layer.name!r}, {shapes}")


def _padded(layer: Layer, index: Index, shapes: Shapes) -> Place | None:
    top, left = margins(layer.config, "padding")
    row, column = index[0] - top, index[1] - left
    is_inside = 0 <= row < shapes[0][0] and 0 <= column < shapes[0][1]
    return (0, (row, column, index[2])) if is_inside else None


def _cropped(layer: Layer, index: Index, shapes: Shapes) -> Place:  # noqa: ARG001
    top, left = margins(layer.config, "cropping")
    return 0, (index[0] + top, index[1] + left, index[2])


# The kinds of layer that move cells. Others of their family leave each at its place.
_PLACES: dict[str, Find] = {
    "Flatten": _reshaped,
    "Reshape": _reshaped,
    "Permute": _permuted,
    "Concatenate": _concatenated,
    "ZeroPadding2D": _padded,
    "Cropping2D": _cropped,
}

"""Find the input pixels that a cell of a layer depends on, by walking back through the layers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.model.kinds import INPUT, layer_kind
from service.model.layer import Layer, ReceptiveField
from service.model.windows import SlidingWindow, margins, pair

# TensorFlow operations that compute each cell from the same cell of their inputs.
CELL_OPERATIONS = {
    "Abs", "Add", "AddV2", "BiasAdd", "Cast", "Div", "Elu", "Erf", "Erfc", "Exp", "Expm1",
    "Identity", "LeakyRelu", "Log", "Log1p", "Maximum", "Minimum", "Mul", "Neg", "Pow", "RealDiv",
    "Reciprocal", "Relu", "Relu6", "Rsqrt", "Selu", "Sigmoid", "Softmax", "Softplus", "Softsign",
    "Sqrt", "Square", "SquaredDifference", "StopGradient", "Sub", "Tanh",
}  # fmt: skip
Cells = frozenset[int]
Region = tuple[Cells, Cells]  # rows and columns
NOTHING: Region = (frozenset(), frozenset())


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels; `bottom` and `right` are exclusive. Without pixels, all are 0."""

    top: int
    bottom: int
    left: int
    right: int


def receptive_field(
    layers: Mapping[str, Layer],
    name: str,
    cell: tuple[int, int] | None,
    input_shape: Sequence[int],
) -> Box:
    """Return the smallest box of all pixels that a cell depends on, within the image.

    Args:
        layers: by name, each after the layers that it takes values from.
        name: the layer with the cell.
        cell: row and column; None for all cells, as in layers without rows and columns.
        input_shape: (H, W, C) of the model's input.
    """
    region = _all(layers[name].output_shape)
    if cell is not None and region is not None:
        region = (frozenset([cell[0]]), frozenset([cell[1]]))
    # Rows and columns as sets, because a box would also contain the cells that a stride or a
    # dilated kernel leaves out. None: a layer without rows and columns, all of it.
    needed: dict[str, Region | None] = {name: region}
    for current in reversed(list(layers)):
        if current not in needed:
            continue
        layer = layers[current]
        shapes = [layers[n].output_shape if n in layers else input_shape for n in layer.inputs]
        for source, shape in zip(layer.inputs, shapes, strict=True):
            region = _read(layer, needed[current], shape, shapes)
            needed[source] = _union(needed[source], region) if source in needed else region
    rows, columns = needed.get(INPUT) or NOTHING
    if INPUT in needed and needed[INPUT] is None:
        rows, columns = frozenset(range(input_shape[0])), frozenset(range(input_shape[1]))
    if not rows or not columns:
        return Box(0, 0, 0, 0)
    return Box(min(rows), max(rows) + 1, min(columns), max(columns) + 1)


def _union(first: Region | None, second: Region | None) -> Region | None:
    if first is None or second is None:
        return None
    return (first[0] | second[0], first[1] | second[1])


def _all(shape: Sequence[int]) -> Region | None:
    """Return all cells of a layer; None where it has no rows and columns."""
    return (frozenset(range(shape[0])), frozenset(range(shape[1]))) if len(shape) == 3 else None


def _read(
    layer: Layer, region: Region | None, shape: Sequence[int], shapes: Sequence[Sequence[int]]
) -> Region | None:
    """Return the cells of an input, of that shape, that a region of the layer depends on."""
    if region == NOTHING:
        return NOTHING
    everything = _all(shape)
    read = _AXIS_READERS.get(_reading(layer))
    if everything is None or region is None or read is None:
        return everything
    # Operations between the inputs and the layer may broadcast one input to the shape of another.
    joined = shape
    if "tensorflow_operations" in layer.config:
        spatial = [other for other in shapes if len(other) == 3]
        joined = [max(lengths) for lengths in zip(*spatial, strict=True)]
    rows, columns = (
        frozenset(read(layer, axis, region[axis], joined)).intersection(range(joined[axis]))
        for axis in (0, 1)
    )
    if not rows or not columns:
        return NOTHING
    return (
        rows if shape[0] == joined[0] else everything[0],
        columns if shape[1] == joined[1] else everything[1],
    )


def _reading(layer: Layer) -> str:
    """Return how the layer reads its inputs."""
    config = layer.config
    if not CELL_OPERATIONS.issuperset(config.get("tensorflow_operations", ())):
        return "whole"
    if "computed_by" in config:  # a block's own operations
        return "cell" if CELL_OPERATIONS.issuperset(config["computed_by"]) else "whole"
    kind = layer_kind(layer.kind)
    if config.get("data_format") == "channels_first":
        return "whole"
    if kind.reading == "channels":
        axes = config.get("axis", -1)
        axes = axes if isinstance(axes, list | tuple) else [axes]
        return "cell" if all(axis in (-1, len(layer.output_shape)) for axis in axes) else "whole"
    return kind.reading


def _cell(layer: Layer, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:
    if shape[axis] == layer.output_shape[axis]:
        return cells
    return range(shape[axis])  # one cell that is broadcast, or an unknown relation


def _window(layer: Layer, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:
    window = layer.windows_over(shape)[axis]
    first, last = min(cells), max(cells)
    if isinstance(window, SlidingWindow) and window.is_dense and last - first + 1 == len(cells):
        return range(*window.input_range(first, last + 1))  # far faster than cell by cell
    return {index for cell in cells for index, _ in window.taps(cell)}


def _padding(layer: Layer, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:  # noqa: ARG001
    before = margins(layer.config, "padding")[axis]
    return {cell - before for cell in cells}


def _cropping(layer: Layer, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:  # noqa: ARG001
    before = margins(layer.config, "cropping")[axis]
    return {cell + before for cell in cells}


def _upsampling(layer: Layer, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:
    size = pair(layer.config, "size", 2)[axis]
    match layer.config.get("interpolation", "nearest"):
        case "nearest":
            return {cell // size for cell in cells}
        case "bilinear":  # between the two nearest centres; at the edges, the only one
            doubled = {2 * cell + 1 - size for cell in cells}  # 2 · size · position
            low = {max(n // (2 * size), 0) for n in doubled}
            return low | {min(-(-n // (2 * size)), shape[axis] - 1) for n in doubled}
    return range(shape[axis])


_AXIS_READERS: dict[str, Callable[[Layer, int, Cells, Sequence[int]], Iterable[int]]] = {
    "cell": _cell,
    "window": _window,
    "transposed_window": _window,
    "padding": _padding,
    "cropping": _cropping,
    "upsampling": _upsampling,
}


def formula(
    layer: Layer, layers: Mapping[str, Layer], input_shape: Sequence[int]
) -> ReceptiveField | None:
    """Return a layer's receptive field in closed form, padding included.

    Args:
        layer: the layer.
        layers: those before it, with their receptive fields.
        input_shape: (H, W, C) of the model's input.

    Returns:
        None where the field is the whole input, has no constant step, or is of no map.
    """
    fields = []
    for name in layer.inputs:
        shape = layers[name].output_shape if name in layers else input_shape
        field = layers[name].receptive_field if name in layers else _PIXEL
        if field is None or not layer.is_map or len(shape) != 3:
            return None
        through = _through(layer, field, shape)
        if through is None:
            return None
        fields.append(through)
    steps = {field.step for field in fields}
    return _hull(fields) if len(steps) == 1 else None


_PIXEL = ReceptiveField(size=(1, 1), step=(1, 1), start=(0, 0))  # of the input itself


def _through(layer: Layer, field: ReceptiveField, shape: Sequence[int]) -> ReceptiveField | None:
    """Return the part of a layer's field that lies behind one input, of that field and shape."""
    match _reading(layer):
        case "cell" if tuple(shape[:2]) == tuple(layer.output_shape[:2]):
            return field
        case "window" if tuple(shape) == layer.input_shape:
            axes = [_after(field, axis, layer.windows[axis]) for axis in (0, 1)]
            (height, row_step, top), (width, column_step, left) = axes
            return ReceptiveField((height, width), (row_step, column_step), (top, left))
        case "padding":
            return _moved(field, margins(layer.config, "padding"), -1)
        case "cropping":
            return _moved(field, margins(layer.config, "cropping"), 1)
    return None


def _after(field: ReceptiveField, axis: int, window: object) -> tuple[int, int, int]:
    """Return size, step and start along an axis, behind one more window."""
    if not isinstance(window, SlidingWindow):
        raise TypeError(f"{window} does not slide over the input")
    size, step, start = field.size[axis], field.step[axis], field.start[axis]
    return (
        size + (window.size - 1) * step,
        step * window.stride,
        start - window.padding * step,
    )


def _moved(field: ReceptiveField, cells: tuple[int, int], sign: int) -> ReceptiveField:
    rows, columns = (
        start + sign * step * count
        for start, step, count in zip(field.start, field.step, cells, strict=True)
    )
    return ReceptiveField(field.size, field.step, (rows, columns))


def _hull(fields: Sequence[ReceptiveField]) -> ReceptiveField:
    """Return the smallest field that contains fields of the same step."""
    starts, sizes = [], []
    for axis in (0, 1):
        start = min(field.start[axis] for field in fields)
        stop = max(field.start[axis] + field.size[axis] for field in fields)
        starts.append(start)
        sizes.append(stop - start)
    return ReceptiveField((sizes[0], sizes[1]), fields[0].step, (starts[0], starts[1]))

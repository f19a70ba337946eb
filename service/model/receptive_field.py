"""Find the input pixels that a cell of a layer depends on, by walking back through the layers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.model.kinds import INPUT, layer_kind, sliding_windows

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


@dataclass(frozen=True)
class Node:
    """A layer as a part of the graph. Shapes are without the batch.

    Attributes:
        kind: the name of its kind.
        inputs: the names of the layers whose values it takes; `INPUT` for the model's input.
        input_shapes: of each of `inputs`.
        output_shape: of its values; with rows and columns if it has three axes.
        config: the layer's configuration, as in the manifest.
    """

    kind: str
    inputs: Sequence[str]
    input_shapes: Sequence[Sequence[int]]
    output_shape: Sequence[int]
    config: Mapping[str, Any] = field(default_factory=dict)


def receptive_field(
    layers: Mapping[str, Node],
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
        for source, shape in zip(layer.inputs, layer.input_shapes, strict=True):
            region = _read(layer, needed[current], shape)
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


def _read(layer: Node, region: Region | None, shape: Sequence[int]) -> Region | None:
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
        spatial = [other for other in layer.input_shapes if len(other) == 3]
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


def _reading(layer: Node) -> str:
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


def _cell(layer: Node, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:
    if shape[axis] == layer.output_shape[axis]:
        return cells
    return range(shape[axis])  # one cell that is broadcast, or an unknown relation


def _window(layer: Node, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:
    sizes, dilations = _sizes(layer), _pair(layer, "dilation_rate", 1)
    covered = [(size - 1) * step + 1 for size, step in zip(sizes, dilations, strict=True)]
    padding = layer.config.get("padding", "valid")
    windows = sliding_windows(
        covered, _pair(layer, "strides", 1), padding, shape, layer.output_shape
    )
    starts = {windows[axis].input_range(cell, cell + 1)[0] for cell in cells}
    return {start + i * dilations[axis] for start in starts for i in range(sizes[axis])}


def _transposed_window(layer: Node, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:
    """Return the input cells whose kernel, laid over the output, covers the cells."""
    size, dilation = _sizes(layer)[axis], _pair(layer, "dilation_rate", 1)[axis]
    stride = _pair(layer, "strides", 1)[axis]
    before = 0
    if layer.config.get("padding", "valid") == "same":
        covered = (shape[axis] - 1) * stride + (size - 1) * dilation + 1
        before = max(covered - layer.output_shape[axis], 0) // 2
    starts = {cell + before - i * dilation for cell in cells for i in range(size)}
    return {start // stride for start in starts if start % stride == 0}


def _padding(layer: Node, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:  # noqa: ARG001
    before = _margins(layer, "padding", axis)
    return {cell - before for cell in cells}


def _cropping(layer: Node, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:  # noqa: ARG001
    before = _margins(layer, "cropping", axis)
    return {cell + before for cell in cells}


def _upsampling(layer: Node, axis: int, cells: Cells, shape: Sequence[int]) -> Iterable[int]:
    size = _pair(layer, "size", 2)[axis]
    match layer.config.get("interpolation", "nearest"):
        case "nearest":
            return {cell // size for cell in cells}
        case "bilinear":  # between the two nearest centres; at the edges, the only one
            doubled = {2 * cell + 1 - size for cell in cells}  # 2 · size · position
            low = {max(n // (2 * size), 0) for n in doubled}
            return low | {min(-(-n // (2 * size)), shape[axis] - 1) for n in doubled}
    return range(shape[axis])


_AXIS_READERS: dict[str, Callable[[Node, int, Cells, Sequence[int]], Iterable[int]]] = {
    "cell": _cell,
    "window": _window,
    "transposed_window": _transposed_window,
    "padding": _padding,
    "cropping": _cropping,
    "upsampling": _upsampling,
}


def _sizes(layer: Node) -> tuple[int, int]:
    window = layer_kind(layer.kind).window
    return _pair(layer, window or "kernel_size", 1)


def _pair(layer: Node, key: str, default: int) -> tuple[int, int]:
    """Return an entry of the configuration that is one number, or one for each axis."""
    value = layer.config.get(key, default)
    if isinstance(value, int):
        return value, value
    rows, columns = value
    return rows, columns


def _margins(layer: Node, key: str, axis: int) -> int:
    """Return the cells that are added or removed before the first one."""
    value = layer.config[key]
    if not isinstance(value, int):
        value = value[axis]
    return int(value if isinstance(value, int) else value[0])

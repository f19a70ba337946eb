"""Build a Keras model from an ONNX file: one or a few built-in layers for each node.

Maps (N, C, H, W) of the file are (N, H, W, C) in Keras, so that the model serves and explains like
any other. What an operator's function does not support raises; nothing is approximated.
"""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from training.errors import ExportError
from training.onnx_import import elementwise, pooling, shapes, weighted
from training.onnx_import.naming import UniqueNames, layer_names
from training.onnx_import.node import MAX_VALUES, Node, Tensor
from training.onnx_import.reading import CONSTANT, GraphNode, OnnxGraph, read_graph
from training.onnx_import.tensors import FIX, Array

# Weights may have so many numbers beyond those in the file, because small ones are shared.
SPARE_NUMBERS = 1_000_000
OPERATORS: dict[str, Callable[[Node], Tensor]] = {
    "Conv": weighted.convolve,
    "Gemm": weighted.dense,
    "MatMul": weighted.multiply_matrix,
    "BatchNormalization": weighted.normalise,
    "Relu": elementwise.rectify,
    "Clip": elementwise.clip,
    "Sigmoid": elementwise.sigmoid,
    "HardSigmoid": elementwise.hard_sigmoid,
    "HardSwish": elementwise.hard_swish,
    "Softmax": elementwise.softmax,
    "Add": elementwise.add,
    "Mul": elementwise.multiply,
    "Concat": elementwise.concatenate,
    "MaxPool": pooling.pool_maximum,
    "AveragePool": pooling.pool_average,
    "GlobalAveragePool": pooling.pool_globally,
    "ReduceMean": pooling.reduce_mean,
    "Flatten": shapes.flatten,
    "Reshape": shapes.reshape,
    "Transpose": shapes.transpose,
    "Pad": shapes.pad,
    "Identity": shapes.pass_on,
    "Dropout": shapes.drop_out,
}
_CONSTANT_TYPES = {
    "value": None,
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def import_model(path: Path, size: tuple[int, int] | None = None) -> keras.Model:
    """Return a file's model with its weights, in float32 and channels-last layout.

    Args:
        path: the `.onnx` file.
        size: height and width of the input, where the file leaves them open.

    Raises:
        ExportError: the file is damaged, or has an operator, attribute or shape that is not
            supported; the message names the node.
    """
    graph = read_graph(path)
    names = UniqueNames()
    image = _image(graph, path, names, size)
    values: dict[str, Tensor | Array] = {**graph.constants, graph.input: Tensor(image)}
    allowed = 2 * sum(array.size for array in graph.constants.values()) + SPARE_NUMBERS
    for source, name in zip(graph.nodes, layer_names(graph.nodes), strict=True):
        inputs = [_value(source, name, values) for name in source.inputs]
        if _is_constant(source, inputs):
            result: Tensor | Array = _constant(source, inputs)
        else:
            node = Node(source, inputs, name, names, graph.opset, graph.batch)
            result = _function(source)(node)
            node.check_attributes()
            allowed -= node.parameters
        if allowed < 0:
            raise ExportError(
                "The nodes share weights so often that the model would have more than twice the "
                "file's numbers. Export a model whose layers have weights of their own."
            )
        _store(source, result, values)
    output = values.get(graph.output)
    if not isinstance(output, Tensor) or len(output.shape) != 1:
        shape = output.shape if isinstance(output, Tensor) else "none"
        raise ExportError(
            f"The output {graph.output[:80]!r} has the shape {shape} for an image; it must be one "
            "number for each class. Add global pooling, Flatten and Linear to the model."
        )
    try:
        return keras.Model(image, output.value, name=names.unique(path.stem))
    except RecursionError as error:
        raise ExportError(
            f"The {len(graph.nodes)} nodes have too long a chain for Keras, which follows it "
            "recursively; about 900 layers in a row are possible. Export a shallower model."
        ) from error


def _image(
    graph: OnnxGraph, path: Path, names: UniqueNames, size: tuple[int, int] | None
) -> keras.KerasTensor:
    channels, *lengths = graph.input_shape
    if size is not None:
        lengths = [
            wanted if own is None else own for own, wanted in zip(lengths, size, strict=True)
        ]
    height, width = lengths
    if height is None or width is None:
        raise ExportError(
            f"{path.name} has an input of unknown size, {height} × {width}; an export needs a "
            "fixed one. Pass --size with the height and width of your images."
        )
    if channels * height * width > MAX_VALUES:
        raise ExportError(
            f"The input of {height} × {width} has more than {MAX_VALUES} numbers; export a model "
            "of smaller images."
        )
    return keras.Input((height, width, channels), name=names.unique(graph.input))


def _value(
    source: GraphNode, name: str, values: dict[str, Tensor | Array]
) -> Tensor | Array | None:
    if not name:
        return None
    if name not in values:
        raise ExportError(
            f"{source.operator[:80]} node {source.name[:80]!r}: its input {name[:80]!r} is not "
            "computed before it: the tensor is missing, or the graph has a cycle. "
            f"{FIX}"
        )
    return values[name]


def _is_constant(source: GraphNode, inputs: list[Tensor | Array | None]) -> bool:
    is_array = bool(inputs) and isinstance(inputs[0], np.ndarray)
    return source.operator == CONSTANT or (source.operator == "Identity" and is_array)


def _constant(source: GraphNode, inputs: list[Tensor | Array | None]) -> Array:
    """Return the array of a Constant, or of an Identity that shares one."""
    if source.operator != CONSTANT:
        (array,) = inputs
        assert isinstance(array, np.ndarray)  # noqa: S101 - checked by _is_constant
        return array
    for key, value in source.attributes.items():
        if key in _CONSTANT_TYPES and value is not None and len(source.attributes) == 1:
            return np.asarray(value, _CONSTANT_TYPES[key])
    raise ExportError(
        f"Constant node {source.name[:80]!r}: it must have one of the attributes "
        f"{', '.join(_CONSTANT_TYPES)}. {FIX}"
    )


def _function(source: GraphNode) -> Callable[[Node], Tensor]:
    try:
        return OPERATORS[source.operator]
    except KeyError:
        raise ExportError(
            f"The operator {source.operator[:80]!r} of node {source.name[:80]!r} is not supported. "
            f"Supported are {CONSTANT}, {', '.join(OPERATORS)}. Replace the layer in the model."
        ) from None


def _store(source: GraphNode, result: Tensor | Array, values: dict[str, Tensor | Array]) -> None:
    if not source.outputs or source.outputs[0] in values:
        raise ExportError(
            f"{source.operator[:80]} node {source.name[:80]!r}: its output must have a name of "
            f"its own. {FIX}"
        )
    values[source.outputs[0]] = result

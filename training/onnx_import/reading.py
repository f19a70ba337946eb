"""Read an ONNX file into plain nodes and arrays, and check that it is one self-contained graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import ExportError
from training.model_config import MAX_INPUT_SIZE, MAX_LAYERS
from training.onnx_import.tensors import FIX, Array, to_array

if TYPE_CHECKING:
    import onnx

OPSETS = range(9, 27)  # before 9, BatchNormalization and others had other attributes
CONSTANT = "Constant"
_DOMAINS = ("", "ai.onnx")
_SCOPES = "pkg.torch.onnx.name_scopes"  # where torch's newer exporter writes the modules' paths


@dataclass(frozen=True)
class GraphNode:
    """A node of the file.

    Attributes:
        operator: such as "Conv".
        name: as in the file; may be empty.
        path: the modules that the node belongs to and its own name, separated by slashes.
        inputs: names; an omitted input is empty.
        outputs: names.
        attributes: numbers, texts, lists of numbers, and arrays; None where the type is another.
    """

    operator: str
    name: str
    path: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class OnnxGraph:
    """The graph of a file.

    Attributes:
        nodes: in the order of computation.
        constants: float32, int64 or bool arrays, by name.
        input: name of the image.
        input_shape: channels, height and width; None for an axis of any length.
        batch: number of images that the file states; None for any.
        output: name of the classes' values.
        opset: version of the operators.
    """

    nodes: tuple[GraphNode, ...]
    constants: dict[str, Array]
    input: str
    input_shape: tuple[int, int | None, int | None]
    batch: int | None
    output: str
    opset: int


def read_graph(path: Path) -> OnnxGraph:
    """Read and check a file.

    Raises:
        ExportError: the package onnx is missing, or the file is damaged, is split into several
            files, or is not a graph from one image to one row of numbers.
    """
    model = _parse(path)
    graph = model.graph
    opset = _opset(model)
    if model.functions or graph.sparse_initializer:
        part = "functions of its own" if model.functions else "sparse tensors"
        raise ExportError(f"The file has {part}; only standard operators are supported. {FIX}")
    if not 0 < len(graph.node) <= MAX_LAYERS:
        raise ExportError(
            f"The file has {len(graph.node)} nodes; 1 to {MAX_LAYERS} are allowed. {FIX}"
        )
    nodes = tuple(_node(proto) for proto in graph.node)
    constants = {tensor.name: to_array(tensor) for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    names = {"inputs": [v.name for v in inputs], "outputs": [v.name for v in graph.output]}
    for kind, found in names.items():
        if len(found) != 1:
            raise ExportError(
                f"The file has {len(found)} {kind} ({_listed(found)}); it must have one: images "
                "as input, a number for each class as output. Export a model of that form."
            )
    batch, *shape = _input_shape(inputs[0])
    return OnnxGraph(
        nodes,
        constants,
        inputs[0].name,
        _checked(shape),
        batch,
        graph.output[0].name,
        opset,
    )


def _parse(path: Path) -> "onnx.ModelProto":
    try:
        import onnx
    except ImportError as error:
        raise ExportError(
            f"{path.name} needs the package onnx: pip install onnx, and export again."
        ) from error
    try:
        return onnx.load_model_from_string(path.read_bytes())
    except MemoryError:
        raise
    except Exception as error:  # of protobuf, whose types are not part of the package onnx
        raise ExportError(
            f"{path.name} is damaged, cut off, larger than 2 GiB, or not an ONNX file. {FIX}"
        ) from error


def _opset(model: "onnx.ModelProto") -> int:
    """Return the version of the standard operators."""
    found = [each.version for each in model.opset_import if each.domain in _DOMAINS]
    if len(found) != 1 or found[0] not in OPSETS:
        raise ExportError(
            f"The file has the opset {_listed(map(str, found)) or 'none'}; supported are "
            f"{OPSETS[0]} to {OPSETS[-1]}. Export the model again with opset_version=17."
        )
    return int(found[0])


def _node(proto: "onnx.NodeProto") -> GraphNode:
    if proto.domain not in _DOMAINS:
        raise ExportError(
            f"The operator {proto.op_type[:80]!r} of node {proto.name[:80]!r} has the domain "
            f"{proto.domain[:80]!r}; only the standard operators of ONNX are supported. {FIX}"
        )
    return GraphNode(
        proto.op_type,
        proto.name,
        _path(proto),
        tuple(proto.input),
        tuple(proto.output),
        {attribute.name: _value(attribute) for attribute in proto.attribute},
    )


def _path(proto: "onnx.NodeProto") -> str:
    for entry in proto.metadata_props:
        if entry.key == _SCOPES:  # a list such as ['', 'layer1', 'layer1.0', 'relu_1']
            modules = [part.strip("[]' ") for part in entry.value.split(",")[:-1]]
            return "/".join([*modules, proto.op_type])
    return proto.name


def _value(attribute: "onnx.AttributeProto") -> Any:
    kinds = type(attribute)
    match attribute.type:
        case kinds.INT:
            return int(attribute.i)
        case kinds.FLOAT:
            return float(attribute.f)
        case kinds.STRING:
            return attribute.s.decode(errors="replace")
        case kinds.INTS:
            return list(attribute.ints)
        case kinds.FLOATS:
            return list(attribute.floats)
        case kinds.TENSOR:
            return to_array(attribute.t)
    return None


def _input_shape(value: "onnx.ValueInfoProto") -> list[int | None]:
    """Return the lengths of the image's four axes; None for any."""
    tensor = value.type.tensor_type
    dims = [int(dim.dim_value) if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    if tensor.elem_type != 1 or len(dims) != 4 or dims[1] is None:
        raise ExportError(
            f"The input {value.name[:80]!r} has the ONNX type {tensor.elem_type} and the shape "
            f"{tuple(dims[:8])}; it must be float32 (type 1) images of shape (batch, channels, "
            "height, width). Export the model with such an example."
        )
    return dims


def _checked(shape: Sequence[int | None]) -> tuple[int, int | None, int | None]:
    channels, height, width = shape
    lengths = [length for length in shape if length is not None]
    if channels not in (1, 3) or not all(0 < length <= MAX_INPUT_SIZE for length in lengths):
        raise ExportError(
            f"The input has {channels} channels, height {height} and width {width}; images have "
            f"1 or 3 channels, before height and width, which are 1 to {MAX_INPUT_SIZE}. Export "
            "the model in channels-first layout."
        )
    return channels, height, width


def _listed(names: Any) -> str:
    return ", ".join(name[:80] for name in list(names)[:5])

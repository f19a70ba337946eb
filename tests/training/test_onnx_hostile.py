"""ONNX files that are damaged, hostile or not supported are rejected with one clear line."""

import builtins
import contextlib
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.training.onnx_models import INPUT, OUTPUT, Writer
from tests.training.saved_models import refusal
from training.errors import ExportError
from training.loading import load_model

Change = Callable[[onnx.ModelProto], Any]


def small() -> onnx.ModelProto:
    """Return a graph that is supported: two convolutions, a pooling, a dense layer."""
    writer = Writer((3, 8, 8))
    value = writer.conv(INPUT, "stem", (3, 4), is_fused=False)
    value = writer.norm(value, "norm", 4)
    value = writer.max_pool(writer.node("Relu", value, path="relu"), "pool", 3, 1)
    value = writer.conv(value, "last", (4, 4), groups=4, is_fused=False)
    return writer.model(writer.head(value, "fc", 4, 5))


def node(model: onnx.ModelProto, operator: str) -> onnx.NodeProto:
    """Return the first node of an operator."""
    return next(each for each in model.graph.node if each.op_type == operator)


def tensor(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    """Return an initialiser."""
    return next(each for each in model.graph.initializer if each.name == name)


def attribute(operator: str, name: str, value: Any) -> Change:
    """Return a change of an attribute."""

    def change(model: onnx.ModelProto) -> None:
        owner = node(model, operator)
        kept = [each for each in owner.attribute if each.name != name]
        del owner.attribute[:]
        owner.attribute.extend([*kept, helper.make_attribute(name, value)])

    return change


def renamed(operator: str, domain: str = "") -> Change:
    """Return a change of the operator of the node Relu."""

    def change(model: onnx.ModelProto) -> None:
        owner = node(model, "Relu")
        owner.op_type, owner.domain = operator, domain

    return change


def inputs(operator: str, *names: str) -> Change:
    """Return a change of a node's inputs."""
    return lambda model: node(model, operator).input.__setitem__(slice(None), names)


def weights(name: str, values: Any) -> Change:
    """Return a change of a tensor."""
    array = np.asarray(values)
    return lambda model: tensor(model, name).CopyFrom(numpy_helper.from_array(array, name))


def image(*shape: Any, kind: int = TensorProto.FLOAT) -> Change:
    """Return a change of the input's shape or type."""
    info = helper.make_tensor_value_info(INPUT, kind, shape)
    return lambda model: model.graph.input[0].CopyFrom(info)


def external(model: onnx.ModelProto) -> None:
    """Move a tensor to a file, of which the path would leave the folder."""
    moved = tensor(model, "fc.weight")
    moved.ClearField("raw_data")
    moved.data_location = TensorProto.EXTERNAL
    moved.external_data.add(key="location", value="../../etc/passwd")


def subgraph(model: onnx.ModelProto) -> None:
    """Replace the ReLU by a condition with two graphs."""
    renamed("If")(model)
    branch = helper.make_graph([], "branch", [], [])
    for name in ("then_branch", "else_branch"):
        node(model, "If").attribute.append(helper.make_attribute(name, branch))


def hidden_subgraph(model: onnx.ModelProto) -> None:
    """Give the ReLU a graph."""
    branch = helper.make_graph([], "branch", [], [])
    node(model, "Relu").attribute.append(helper.make_attribute("body", branch))


def function(model: onnx.ModelProto) -> None:
    """Define Relu as something else."""
    own = helper.make_function(
        "", "Relu", ["x"], ["y"], [helper.make_node("Exp", ["x"], ["y"])], model.opset_import
    )
    model.functions.append(own)


def sparse(model: onnx.ModelProto) -> None:
    """Add a sparse tensor that stands for a huge one."""
    values = helper.make_tensor("huge", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("indices", TensorProto.INT64, [1], [0])
    huge = helper.make_sparse_tensor(values, indices, [1 << 40])
    model.graph.sparse_initializer.append(huge)


def repeated(model: onnx.ModelProto) -> None:
    """Use one large matrix again and again, which would multiply the memory."""
    weights("fc.weight", np.zeros((1000, 1000), np.float32))(model)
    weights("fc.bias", np.zeros(1000, np.float32))(model)
    matrix = node(model, "Gemm")
    weights("last.weight", np.zeros((1000, 1, 3, 3), np.float32))(model)
    weights("last.bias", np.zeros(1000, np.float32))(model)
    for index in range(50):
        again = model.graph.node.add()
        again.CopyFrom(matrix)
        again.input[0] = OUTPUT if index == 0 else f"again{index - 1}"
        again.output[0] = f"again{index}"


def cycle(model: onnx.ModelProto) -> None:
    """Make the first convolution depend on the ReLU."""
    node(model, "Conv").input[0] = node(model, "Relu").output[0]


def many_nodes(model: onnx.ModelProto) -> None:
    """Add more nodes than any network has."""
    model.graph.node.extend([node(model, "Relu")] * 10_001)


def long_chain(model: onnx.ModelProto) -> None:
    """Add more layers in a row than Keras can follow."""
    for index in range(1200):
        source = OUTPUT if index == 0 else f"chain{index - 1}"
        model.graph.node.append(helper.make_node("Sigmoid", [source], [f"chain{index}"]))
    model.graph.output[0].name = "chain1199"


def huge_padding(model: onnx.ModelProto) -> None:
    """Let a map grow beyond all memory."""
    attribute("Conv", "pads", [90_000] * 4)(model)


CASES: dict[str, tuple[Change, str]] = {
    "external data": (external, "'fc.weight' is stored in another file"),
    "If": (subgraph, "operator 'If' of node '/relu/Relu' is not supported. Supported are"),
    "Loop": (renamed("Loop"), "operator 'Loop'"),
    "unknown operator": (renamed("Erf"), "operator 'Erf'"),
    "graph in an attribute": (hidden_subgraph, "Relu node '/relu/Relu': it has the attribute"),
    "function": (function, "functions of its own"),
    "domain": (renamed("Relu", "com.evil"), "domain 'com.evil'"),
    "sparse": (sparse, "sparse tensors"),
    "shared weights": (repeated, "share weights so often"),
    "cycle": (cycle, "missing, or the graph has a cycle"),
    "missing tensor": (inputs("Relu", "nowhere"), "its input 'nowhere' is not computed before"),
    "missing weights": (inputs("Conv", INPUT), "Conv node '/stem/Conv': its input 1"),
    "no input": (inputs("Relu"), "its input 0 is missing or constant"),
    "constant input": (inputs("Relu", "fc.bias"), "its input 0 is missing or constant"),
    "computed weights": (inputs("Conv", INPUT, INPUT), "input 1 is computed from the image"),
    "long chain": (long_chain, "too long a chain for Keras"),
    "many nodes": (many_nodes, "1 to 10000 are allowed"),
    "no nodes": (lambda m: m.graph.ClearField("node"), "has 0 nodes"),
    "no graph": (lambda m: m.ClearField("graph"), "has 0 nodes"),
    "twice": (lambda m: node(m, "Relu").output.__setitem__(0, "stem.bias"), "a name of its own"),
    "old opset": (lambda m: setattr(m.opset_import[0], "version", 8), "opset 8; supported are 9"),
    "future opset": (lambda m: setattr(m.opset_import[0], "version", 99), "opset 99"),
    "no opset": (lambda m: m.ClearField("opset_import"), "opset none"),
    "two outputs": (lambda m: m.graph.output.append(m.graph.output[0]), "2 outputs"),
    "no output": (lambda m: m.graph.ClearField("output"), "0 outputs"),
    "unknown output": (lambda m: setattr(m.graph.output[0], "name", "no"), "output 'no'"),
    "map as output": (
        lambda m: setattr(m.graph.output[0], "name", "/relu/Relu_output_0"),
        "Flatten",
    ),
    "huge pads": (huge_padding, "at most 50000000"),
    "negative pads": (attribute("Conv", "pads", [0, -1, 0, 0]), "'pads' is [0, -1, 0, 0]"),
    "huge strides": (attribute("Conv", "strides", [1 << 40, 1]), "integers from 1 to"),
    "zero strides": (attribute("MaxPool", "strides", [0, 1]), "integers from 1 to"),
    "NaN strides": (attribute("Conv", "strides", [float("nan")] * 2), "'strides' is [nan, nan]"),
    "three strides": (attribute("Conv", "strides", [1, 1, 1]), "'strides' has 3 numbers"),
    "text strides": (attribute("Conv", "strides", "2"), "'strides' is 2"),
    "huge kernel": (attribute("MaxPool", "kernel_shape", [99, 99]), "within the padded map"),
    "1-D kernel": (attribute("MaxPool", "kernel_shape", [3]), "kernel_shape is [3]"),
    "dilated pooling": (attribute("MaxPool", "dilations", [2, 2]), "dilations are [2, 2]"),
    "another kernel": (attribute("Conv", "kernel_shape", [2, 2]), "not its weights' shape"),
    "groups": (attribute("Conv", "group", 2), "2 groups of 3 channels"),
    "zero groups": (attribute("Conv", "group", 0), "0 groups"),
    "auto_pad": (attribute("Conv", "auto_pad", "SAME_UPPER"), "auto_pad 'SAME_UPPER' and pads"),
    "auto_pad name": (attribute("Conv", "auto_pad", "\n" * 500), "one of both"),
    "NaN epsilon": (attribute("BatchNormalization", "epsilon", float("nan")), "finite number"),
    "negative variance": (weights("norm.running_var", np.full(4, -1, np.float32)), "positive"),
    "training": (attribute("BatchNormalization", "training_mode", 1), "model.eval()"),
    "alpha": (attribute("Gemm", "alpha", 2.0), "alpha = beta = 1"),
    "flatten axis": (attribute("Flatten", "axis", 2), "its axis is 2"),
    "unknown attribute": (attribute("Relu", "slope", 0.1), "attribute 'slope'"),
    "NaN weights": (weights("stem.bias", np.full(4, np.nan, np.float32)), "finite"),
    "integer weights": (weights("stem.bias", np.zeros(4, np.int64)), "finite float32 weights"),
    "text weights": (weights("stem.bias", np.array(["a"] * 4, object)), "type STRING"),
    "wrong bias": (weights("stem.bias", np.zeros(5, np.float32)), "the shape (5,)"),
    "wrong rank": (weights("stem.weight", np.zeros((4, 3, 9), np.float32)), "shape (4, 3, 9)"),
    "wrong matrix": (weights("fc.weight", np.zeros((5, 9), np.float32)), "shape any × 4"),
    "no filters": (weights("stem.weight", np.zeros((0, 3, 3, 3), np.float32)), "0 filters"),
    "huge tensor": (lambda m: tensor(m, "fc.weight").dims.append(1 << 60), "as many numbers"),
    "negative tensor": (lambda m: tensor(m, "fc.bias").dims.__setitem__(0, -5), "as many numbers"),
    "huge image": (image(1, 3, 99_999, 99_999), "more than 50000000 numbers"),
    "huger image": (image(1, 3, 1 << 62, 8), "which are 1 to 100000"),
    "empty image": (image(1, 3, 0, 8), "height 0"),
    "negative image": (image(1, 3, -8, 8), "height -8"),
    "open channels": (image(1, "channels", 8, 8), "(batch, channels, height, width)"),
    "channels last": (image(1, 8, 8, 3), "channels-first"),
    "rank": (image(1, 3, 8), "(batch, channels, height, width)"),
    "bytes": (image(1, 3, 8, 8, kind=TensorProto.UINT8), "float32"),
    "other channels": (image(1, 1, 8, 8), "Conv node '/stem/Conv'"),
    "open size": (image(1, 3, "h", "w"), "--size"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_is_not_supported_is_rejected(case: str, tmp_path: Path) -> None:
    """The one line names the node or tensor, and what is allowed."""
    change, expected = CASES[case]
    model = small()
    change(model)
    path = tmp_path / "mine.onnx"
    path.write_bytes(model.SerializeToString())
    assert expected in refusal(path)


def test_the_unchanged_file_is_supported(tmp_path: Path) -> None:
    """So what is rejected above is rejected for its change."""
    onnx.save(small(), tmp_path / "mine.onnx")
    assert load_model(tmp_path / "mine.onnx").output_shape == (None, 5)


def test_damaged_files_are_rejected(tmp_path: Path) -> None:
    """Bytes cut off, replaced or random, none of which takes much memory."""
    content = small().SerializeToString()
    generator = random.Random(3)
    path = tmp_path / "mine.onnx"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    accepted = 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(generator.randint(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        path.write_bytes(damaged[: generator.choice([len(damaged), generator.randrange(2000)])])
        with contextlib.suppress(ExportError):  # any other error fails the test
            load_model(path)
            accepted += 1  # a changed weight is no damage that can be seen
    assert accepted < 75
    for damage in (b"", b"\0" * 100, b"PK\x03\x04", generator.randbytes(5000)):
        path.write_bytes(damage)
        assert "mine.onnx" in (message := refusal(path)) or "opset" in message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB


def test_the_package_onnx_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the message says how to install it."""
    onnx.save(small(), tmp_path / "mine.onnx")
    original = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return original(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "needs the package onnx: pip install onnx" in refusal(tmp_path / "mine.onnx")

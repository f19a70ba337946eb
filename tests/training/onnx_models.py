"""Write ONNX files as torch.onnx.export writes them, and run them with onnxruntime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from keras import Model
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training.loading import load_model

Array = NDArray[Any]
TOLERANCE = 2e-6  # of the largest value, for one operator
BATCH = "batch"
INPUT, OUTPUT = "image", "logits"


class Writer:
    """Collects the nodes and random weights of a graph with one image as input.

    Attributes:
        nodes: of the graph.
        tensors: its initialisers.
    """

    def __init__(
        self, shape: Sequence[int | str], seed: int = 0, opset: int = 17, batch: int | str = BATCH
    ) -> None:
        """Begin a graph.

        Args:
            shape: channels, height and width; a text for an axis of any length.
            seed: of the weights.
            opset: version of the operators.
            batch: number of images.
        """
        self.random = np.random.default_rng(seed)
        self.input_shape = (batch, *shape)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def constant(self, values: Any, name: str | None = None) -> str:
        """Add an initialiser; return its name."""
        array = np.asarray(values)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        name = name or f"onnx::Constant_{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def normal(self, *shape: int, scale: float = 1, name: str | None = None) -> str:
        """Add an initialiser of normally distributed numbers."""
        return self.constant(self.random.normal(0, scale, shape), name)

    def node(self, operator: str, *inputs: str, path: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its output.

        Args:
            operator: such as "Relu".
            inputs: names.
            path: of the module; `torch` writes each module with the path of those around it.
            attributes: of the node.
        """
        parts = path.split(".") if path else []
        scopes = [".".join(parts[: end + 1]) for end in range(len(parts)) if parts[end].isdigit()]
        name = "/" + "/".join([*scopes, *parts[len(scopes[-1].split(".")) if scopes else 0 :], ""])
        same = sum(node.name.startswith(f"{name}{operator}") for node in self.nodes)
        name += operator + (f"_{same}" if same else "")
        output = f"{name}_output_0"
        self.nodes.append(helper.make_node(operator, inputs, [output], name, **attributes))
        return output

    def conv(
        self,
        value: str,
        path: str,
        channels: tuple[int, int],
        kernel: int = 3,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        is_fused: bool = True,
        gain: float = 2,
    ) -> str:
        """Add a convolution with weights scaled after He.

        Args:
            value: its input.
            path: of its module.
            channels: of the input and the output.
            kernel: height and width.
            stride: along both axes.
            padding: on each side; None for half the kernel.
            groups: of channels.
            is_fused: whether a batch normalization is part of it, as in eval mode: it then has a
                bias, and its weights have no module's name.
            gain: the variance of the output, of the input's; 2 before a ReLU.
        """
        inputs, filters = channels
        fan_in = inputs // groups * kernel * kernel
        shape = (filters, inputs // groups, kernel, kernel)
        names = (None, None) if is_fused else (f"{path}.weight", f"{path}.bias")
        weights = [
            self.normal(*shape, scale=(gain / fan_in) ** 0.5, name=names[0]),
            self.normal(filters, scale=0.1, name=names[1]),
        ]
        padding = kernel // 2 if padding is None else padding
        return self.node(
            "Conv",
            value,
            *weights,
            path=path,
            dilations=[1, 1],
            group=groups,
            kernel_shape=[kernel, kernel],
            pads=[padding] * 4,
            strides=[stride, stride],
        )

    def norm(self, value: str, path: str, channels: int) -> str:
        """Add a batch normalization with random statistics."""
        uniform = self.random.uniform
        statistics = {
            "weight": uniform(0.5, 1.5, channels),
            "bias": self.random.normal(0, 0.2, channels),
            "running_mean": self.random.normal(0, 0.2, channels),
            "running_var": uniform(0.5, 1.5, channels),
        }
        names = [self.constant(array, f"{path}.{key}") for key, array in statistics.items()]
        return self.node("BatchNormalization", value, *names, path=path, epsilon=1e-5, momentum=0.9)

    def max_pool(self, value: str, path: str, kernel: int, padding: int = 0, ceil: int = 0) -> str:
        """Add a maximum pooling with stride 2."""
        return self.node(
            "MaxPool",
            value,
            path=path,
            ceil_mode=ceil,
            dilations=[1, 1],
            kernel_shape=[kernel, kernel],
            pads=[padding] * 4,
            strides=[2, 2],
        )

    def linear(self, value: str, path: str, inputs: int, outputs: int) -> str:
        """Add a fully connected layer."""
        weights = self.normal(outputs, inputs, scale=inputs**-0.5, name=f"{path}.weight")
        bias = self.normal(outputs, scale=0.1, name=f"{path}.bias")
        return self.node("Gemm", value, weights, bias, path=path, alpha=1.0, beta=1.0, transB=1)

    def head(self, value: str, path: str, inputs: int, classes: int) -> str:
        """Add a global pooling, Flatten and a fully connected layer."""
        value = self.node("GlobalAveragePool", value, path="avgpool")
        return self.linear(self.node("Flatten", value, axis=1), path, inputs, classes)

    def model(self, output: str) -> onnx.ModelProto:
        """Return the graph up to an output, renamed."""
        for node in self.nodes:
            node.output[:] = [OUTPUT if name == output else name for name in node.output]
            node.input[:] = [OUTPUT if name == output else name for name in node.input]
        kind = TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "main_graph",
            [helper.make_tensor_value_info(INPUT, kind, self.input_shape)],
            [helper.make_tensor_value_info(OUTPUT, kind, None)],
            self.tensors,
        )
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def save(self, output: str, path: Path) -> Path:
        """Write the graph up to an output as a file."""
        onnx.save(self.model(output), path)
        return path


def reference(path: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what onnxruntime computes for float32 images (N, H, W, C), one by one."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rows = [
        session.run(None, {INPUT: image[np.newaxis].transpose(0, 3, 1, 2)})[0] for image in images
    ]
    return np.concatenate(rows)


def difference(actual: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the largest difference, relative to the largest expected value."""
    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def check(writer: Writer, output: str, folder: Path, size: tuple[int, int] | None = None) -> Model:
    """Compare the imported model of a graph with onnxruntime; return the model."""
    path = writer.save(writer.node("Flatten", output, axis=1), folder / "mine.onnx")
    model = load_model(path, size=size)
    images = np.random.default_rng(5).normal(0, 1, (3, *model.input_shape[1:]))
    images = images.astype(np.float32)
    assert difference(model(images).numpy(), reference(path, images)) < TOLERANCE
    return model


def kinds(model: Model) -> list[type]:
    """Return the classes of a model's layers, without input, Permute and Flatten."""
    return [type(layer) for layer in model.layers[1:-2]]

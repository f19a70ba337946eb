"""Random small ONNX graphs compute what onnxruntime does."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tests.training.onnx_models import INPUT, Writer, difference, reference
from training.loading import load_model

TOLERANCE = 1e-5
LENGTH = 7  # operators in a row
SHAPE = (3, 13, 14)


def shape_of(writer: Writer, value: str) -> tuple[int, ...]:
    """Return (C, H, W) of a map, as onnxruntime computes it."""
    image = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, (1, *SHAPE))
    output = helper.make_tensor_value_info(value, TensorProto.FLOAT, None)
    graph = helper.make_graph(writer.nodes, "part", [image], [output], writer.tensors)
    opsets = [helper.make_opsetid("", writer.opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    shape: tuple[int, ...] = session.run(None, {INPUT: np.zeros((1, *SHAPE), np.float32)})[0].shape
    return shape[1:]


def window(random: Random, shape: tuple[int, ...]) -> dict[str, Any]:
    """Draw a window with strides and pads that fits on a map; pooling supports its pads."""
    kernel = [random.randint(1, min(4, length)) for length in shape[1:]]
    pads = [random.randint(0, (size - 1) // 2) for size in kernel * 2]
    return {"kernel_shape": kernel, "strides": random.choices((1, 2, 3), k=2), "pads": pads}


def step(writer: Writer, random: Random, value: str, shape: tuple[int, ...]) -> str:
    """Append a random operator to a map."""
    channels = shape[0]
    match random.choice(["conv", "conv", "pool", "pool", "norm", "cell", "merge", "move"]):
        case "conv":
            groups = random.choice([n for n in (1, 2, channels) if channels % n == 0])
            options = window(random, shape)
            kernel, lengths = options["kernel_shape"], shape[1:]
            options["dilations"] = [
                random.choice([1, 2] if size * 2 <= length else [1])
                for size, length in zip(kernel, lengths, strict=True)
            ]
            filters = groups * random.randint(1, 3)
            scale = (channels / groups * kernel[0] * kernel[1]) ** -0.5
            weights = writer.normal(filters, channels // groups, *kernel, scale=scale)
            return writer.node("Conv", value, weights, group=groups, **options)
        case "pool":
            options = window(random, shape)
            if random.random() < 0.5:
                return writer.node("MaxPool", value, **options)
            counted = random.randint(0, 1)
            return writer.node("AveragePool", value, count_include_pad=counted, **options)
        case "norm":
            return writer.norm(value, f"norm{len(writer.nodes)}", channels)
        case "cell":
            return writer.node(random.choice(["Relu", "Sigmoid", "HardSwish"]), value)
        case "merge":
            other = writer.node(random.choice(["Relu", "Sigmoid"]), value)
            operator = random.choice(["Add", "Mul", "Concat"])
            options = {"axis": random.choice([1, 2, -1])} if operator == "Concat" else {}
            return writer.node(operator, value, other, **options)
    perm = [0, *random.sample([1, 2, 3], 3)]
    return writer.node("Transpose", value, perm=perm)


@pytest.mark.parametrize("seed", range(15))
def test_a_random_graph(seed: int, tmp_path: Path) -> None:
    """Operators in any order, each on what the one before returns."""
    writer, random = Writer(SHAPE, seed, opset=19), Random(seed)
    value = INPUT
    for _ in range(LENGTH):
        nodes, shape = list(writer.nodes), shape_of(writer, value) if writer.nodes else SHAPE
        following = step(writer, random, value, shape)
        if min(shape_of(writer, following)) < 2:
            writer.nodes[:] = nodes
            continue
        value = following
    row = writer.node("Flatten", value)
    path = writer.save(row, tmp_path / "mine.onnx")
    model = load_model(path)
    images = np.random.default_rng(seed).normal(0, 1, (2, *model.input_shape[1:]))
    images = images.astype(np.float32)
    assert difference(model(images).numpy(), reference(path, images)) < TOLERANCE

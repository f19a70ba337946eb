"""Operators of ONNX in a form that is not supported are rejected with one clear line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.onnx_models import INPUT, Writer
from tests.training.saved_models import refusal


def graph(
    operator: str, *constants: Any, opset: int = 17, **attributes: Any
) -> Callable[[], Writer]:
    """Return a function that writes a graph of one operator."""

    def write() -> Writer:
        writer = Writer((3, 6, 6), opset=opset)
        names = [writer.constant(values) for values in constants]
        writer.node("Flatten", writer.node(operator, INPUT, *names, **attributes))
        return writer

    return write


GRAPHS: dict[str, tuple[Callable[[], Writer], str]] = {
    "Clip": (graph("Clip", 1.0, 2.0), "limits 1.0 and 2.0"),
    "Clip upwards": (graph("Clip", 0.0, -1.0), "limits 0.0 and -1.0"),
    "Pad reflect": (graph("Pad", [0] * 8, mode="reflect"), "mode 'reflect'"),
    "Pad value": (graph("Pad", [0] * 8, 1.0), "the value 1.0"),
    "Pad channels": (graph("Pad", [0, 1, 0, 0, 0, 0, 0, 0]), "height and width padded"),
    "Pad negative": (graph("Pad", [0, 0, -1, 0, 0, 0, 0, 0]), "height and width padded"),
    "Pad huge": (graph("Pad", [0, 0, 1 << 62, 0, 0, 0, 0, 0]), "height and width padded"),
    "Pad few": (graph("Pad", [1, 1]), "two numbers for each axis"),
    "Transpose batch": (graph("Transpose", perm=[1, 0, 2, 3]), "keeps the batch first"),
    "Transpose twice": (graph("Transpose", perm=[0, 1, 1, 2]), "keeps the batch first"),
    "Transpose none": (graph("Transpose"), "keeps the batch first"),
    "Reshape batch": (graph("Reshape", [3, -1, 6]), "the batch first"),
    "Reshape more": (graph("Reshape", [0, 3, 37]), "as many values"),
    "Reshape twice": (graph("Reshape", [0, -1, -1]), "as many values"),
    "Reshape huge": (graph("Reshape", [0, 1 << 62, 1 << 62]), "as many values"),
    "Reshape zero": (graph("Reshape", [0, 0, 0, 0, 0]), "as many values"),
    "Reshape float": (graph("Reshape", [0.0, 108.0]), "integers"),
    "Reshape computed": (lambda: _computed("Reshape"), "computed from the image"),
    "ReduceMean channels": (graph("ReduceMean", axes=[1]), "height and width"),
    "ReduceMean all": (graph("ReduceMean"), "height and width"),
    "Softmax": (graph("Softmax", axis=2), "the channels"),
    "Softmax of old": (graph("Softmax", axis=1, opset=11), "the channels"),
    "Mul per column": (graph("Mul", np.ones(6, np.float32)), "a constant of shape (6,)"),
    "Mul infinite": (graph("Mul", np.inf), "finite"),
    "Add shape": (graph("Add", np.ones((1, 1, 1, 1, 2), np.float32)), "a constant of shape"),
    "Add rank": (lambda: _ranks(), "shapes (3, 6, 6) and (108,)"),
    "MatMul": (graph("MatMul", np.ones((6, 6), np.float32)), "rows of numbers"),
    "Gemm": (graph("Gemm", np.ones((6, 6), np.float32)), "one row an image"),
    "Concat batch": (graph("Concat", axis=0), "its axis is 0"),
    "Concat constant": (graph("Concat", 1.0, axis=1), "input 1 is missing or constant"),
    "Dropout": (graph("Dropout", 0.5, True), "model.eval()"),
    "Constant text": (graph("Constant", value_string="a"), "Constant node"),
    "HardSigmoid": (graph("HardSigmoid", alpha=float("inf")), "finite number"),
    "pooling": (
        graph("MaxPool", kernel_shape=[2, 2], pads=[1, 1, 0, 0]),
        "needs the pads [(1, 0), (1, 0)]",
    ),
    "pads beyond": (
        graph("MaxPool", kernel_shape=[2, 2], pads=[2, 0, 0, 0]),
        "pads below the window's size",
    ),
}


def _computed(operator: str) -> Writer:
    writer = Writer((3, 6, 6))
    writer.node(operator, INPUT, INPUT)
    return writer


def _ranks() -> Writer:
    writer = Writer((3, 6, 6))
    writer.node("Add", INPUT, writer.node("Flatten", INPUT))
    return writer


@pytest.mark.parametrize("case", GRAPHS)
def test_an_operator_in_a_form_that_is_not_supported_is_rejected(case: str, tmp_path: Path) -> None:
    """The one line names the node, the value, and what is supported."""
    write, expected = GRAPHS[case]
    writer = write()
    path = writer.save(writer.nodes[-1].output[0], tmp_path / "mine.onnx")
    message = refusal(path)
    assert expected in message
    assert "supported is" in message or "must have" in message

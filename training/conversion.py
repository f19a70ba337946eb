"""Compile a traced model to a LiteRT graph, and check every value of the graph against Keras."""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.model.session import open_interpreter
from training.errors import ExportError
from training.tracing import Trace

TOLERANCE = 1e-4  # relative to the largest absolute value, where that is more than 1


@dataclass(frozen=True)
class Comparison:
    """The differences between a graph and Keras over a set of images.

    Attributes:
        differences: of each value, the largest difference relative to max(1, largest value).
        positions: of each value, its position among the graph's outputs.
        agreement: the share of images with the same most probable class.
        images: how many were compared.
    """

    differences: tuple[float, ...]
    positions: tuple[int, ...]
    agreement: float
    images: int

    @property
    def largest(self) -> float:
        """Return the largest relative difference of all values."""
        return max(self.differences)


def convert(trace: Trace, indices: Sequence[int] | None = None) -> bytes:
    """Compile values of a traced model to a LiteRT graph for one image.

    Args:
        trace: the model.
        indices: of the values; None for all. The output `value_<i>` of the graph's signature is
            the i-th of them.

    Raises:
        ExportError: the converter does not know an operation.
    """
    chosen = range(len(trace.shapes)) if indices is None else indices
    digits = len(str(len(chosen)))  # so that the names sort as the numbers

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def values(image: Any) -> dict[str, Any]:
        tensors = trace.function(image)
        return {f"value_{i:0{digits}}": tensors[index] for i, index in enumerate(chosen)}

    function = values.get_concrete_function(
        tf.TensorSpec((1, *trace.input_shape), tf.float32, "image")
    )
    owner = tf.Module()  # the variables of a Keras model itself would not become constants
    owner.of_model = trace.variables
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    with contextlib.redirect_stdout(io.StringIO()):  # the converter prints its signature
        try:
            graph: bytes = converter.convert()
        except Exception as error:  # the converter raises many types
            reason = next((line for line in str(error).splitlines() if line.strip()), "unknown")
            raise ExportError(
                f"The model cannot be compiled: {reason.strip()[:200]}. Replace the layer it names."
            ) from error
    return graph


def positions_in(graph: bytes) -> tuple[int, ...]:
    """Return the position of each value of `convert` among the graph's outputs."""
    return _graph_runner(graph)[1]


def compare(
    graph: bytes, trace: Trace, images: NDArray[np.float32], model: keras.Model
) -> Comparison:
    """Check every value of a graph against Keras.

    Args:
        graph: a compiled graph of all values.
        trace: whose values they are.
        images: float32 (N, H, W, C), at least one.
        model: the traced model; its own result is compared too, computed without the trace.

    Raises:
        ExportError: a value differs by more than TOLERANCE.
    """
    run, positions = _graph_runner(graph)
    differences = np.zeros(len(trace.shapes))
    agreements = []
    for image in images[:, np.newaxis]:
        expected = [tensor.numpy() for tensor in trace.function(tf.constant(image))]
        outputs = run(image)
        actual = [outputs[position] for position in positions]
        pairs = enumerate(zip(actual, expected, strict=True))
        found = [_difference(*pair, trace.name_of(index)) for index, pair in pairs]
        differences = np.maximum(differences, found)  # np.maximum keeps NaN
        probabilities = trace.output.probabilities
        agreements.append(actual[probabilities].argmax() == expected[probabilities].argmax())
        result = np.asarray(keras.tree.flatten(model(image, training=False))[0])
        final = trace.output.logits if trace.output.kind == "logits" else probabilities
        assert final is not None  # noqa: S101 - the kind says so
        # a single sigmoid unit returns the probability of the second of two classes
        difference = _difference(actual[final][..., -result.shape[-1] :], result, "output")
        differences[final] = np.maximum(differences[final], difference)
    for index, difference in enumerate(differences):
        if not difference <= TOLERANCE:
            raise ExportError(
                f"The compiled graph differs from Keras by {difference:.3g} of the largest value "
                f"in {trace.name_of(index)}, more than {TOLERANCE}: not exported."
            )
    return Comparison(
        tuple(map(float, differences)), positions, float(np.mean(agreements)), len(images)
    )


def _difference(actual: NDArray[np.float32], expected: NDArray[np.float32], name: str) -> float:
    """Return the largest difference, relative to the largest value where that is more than 1."""
    if actual.shape != expected.shape:
        raise ExportError(
            f"The compiled graph has the shape {actual.shape} in {name}, Keras {expected.shape}: "
            "not exported."
        )
    if not expected.size:
        return 0.0
    return float(np.abs(actual - expected).max() / np.maximum(1, np.abs(expected).max()))


def _graph_runner(
    graph: bytes,
) -> tuple[Callable[[NDArray[np.float32]], list[NDArray[np.float32]]], tuple[int, ...]]:
    """Return a function that runs the graph on one image, and each value's output."""
    interpreter = open_interpreter(graph)
    interpreter.allocate_tensors()
    (source,) = (detail["index"] for detail in interpreter.get_input_details())
    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    positions = tuple(range(len(outputs)))
    # Without a signature, where TensorFlow does not accept a layer's name in one, the outputs are
    # in the function's order. `compare` finds it out if they are not.
    if interpreter.get_signature_list():
        signature = interpreter.get_signature_runner().get_output_details()
        positions = tuple(outputs.index(signature[name]["index"]) for name in sorted(signature))

    def run(image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        interpreter.set_tensor(source, image)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    return run, positions

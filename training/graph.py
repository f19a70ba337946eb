"""Compile a Keras model to LiteRT graphs, and check every value against Keras.

The only module that needs TensorFlow's converter.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from service.model.layer import Pair
from training.errors import ExportError
from training.tracing import Call, record

TOLERANCE = 1e-4  # of values up to 1; of larger ones, relative
PROBABILITIES = "probabilities"  # the layer that is added to a model without probabilities

OutputKind = Literal["softmax", "sigmoid", "logits"]
Images = NDArray[np.float32]


@dataclass
class Traced:
    """A model whose values a function returns, in the order of its layers.

    Attributes:
        model: the Keras model.
        shape: of its input, (H, W, C).
        calls: its layers in the order of computation, the one with the probabilities last.
        pairs: by layer and stage, the index of the value among `tensors`.
        kind: of the output.
        features: of what the logits are computed from; None where that is no layer.
    """

    model: keras.Model
    shape: tuple[int, int, int]
    calls: list[Call]
    pairs: dict[Pair, int]
    kind: OutputKind
    features: Pair | None

    @property
    def output(self) -> str:
        """Return the name of the layer with the probabilities."""
        return self.calls[-1].name

    @property
    def classes(self) -> int:
        """Return the number of classes."""
        return int(self.calls[-1].post.shape[-1])

    @property
    def rescales(self) -> bool:
        """Return whether the model itself scales the bytes of an image."""
        return any(call.kind in ("Rescaling", "Normalization") for call in self.calls[:3])

    @cached_property
    def values(self) -> Any:
        """A function from an image to every distinct value, by its index as text."""
        return self.function(None)

    def function(self, pairs: Sequence[Pair] | None) -> Any:
        """Return a concrete function from an image, float32 (1, H, W, C), to values by name.

        Args:
            pairs: the values; their names are "0", "1" … in this order. None for every distinct
                one, in the order of their indices.
        """

        @tf.function  # type: ignore[untyped-decorator]
        def values(image: Any) -> dict[str, Any]:
            tensors = _values_of(self.model, image, self.kind)[2]
            chosen = tensors if pairs is None else [tensors[self.pairs[pair]] for pair in pairs]
            return {f"v{index}": tf.identity(tensor) for index, tensor in enumerate(chosen)}

        return values.get_concrete_function(tf.TensorSpec((1, *self.shape), tf.float32))


def trace(model: keras.Model, shape: tuple[int, int, int]) -> Traced:
    """Trace a model with one input and one output.

    Args:
        model: built, in float32.
        shape: of its input, (H, W, C).

    Raises:
        ExportError: it has no output with a value for each class, or a layer that a bundle cannot
            hold.
    """
    kind = _output_kind(model, shape)
    traced: list[tuple[list[Call], dict[Pair, int]]] = []

    @tf.function  # type: ignore[untyped-decorator]
    def once(image: Any) -> Any:
        calls, pairs, tensors = _values_of(model, image, kind)
        traced.append((calls, pairs))
        return tensors

    once.get_concrete_function(tf.TensorSpec((1, *shape), tf.float32))
    calls, pairs = traced[0]
    return Traced(model, shape, calls, pairs, kind, _features(calls))


def input_shape_of(model: keras.Model) -> tuple[int, int, int]:
    """Return height, width and channels of a built model's input.

    Raises:
        ExportError: the model has several inputs, or no image as input.
    """
    inputs = getattr(model, "inputs", None)
    shapes = [tuple(tensor.shape) for tensor in inputs] if inputs else []
    if not shapes:
        build = model.get_build_config() or {}
        shapes = [tuple(build["input_shape"])] if build.get("input_shape") else []
    match shapes:
        case [(_, int(height), int(width), int(channels))]:
            return height, width, channels
    found = " and ".join(map(str, shapes)) or "unknown"
    raise ExportError(
        f"The model's input is {found}; it must be one image, (None, height, width, channels)."
    )


def _values_of(
    model: keras.Model, image: Any, kind: OutputKind
) -> tuple[list[Call], dict[Pair, int], list[Any]]:
    """Return the layers, the index of each of their values, and the distinct values."""
    recorder, output = record(model, image)
    calls = list(recorder.calls)
    last = next(call for call in reversed(calls) if call.post is output)
    if last is not calls[-1]:  # layers that the output does not depend on
        calls = [*(call for call in calls if call is not last), last]
    if kind == "logits" or last.pre is last.post or last.post.shape[-1] == 1:
        calls.append(_with_probabilities(last, kind))
    indices: dict[int, int] = {}
    tensors: list[Any] = []
    pairs: dict[Pair, int] = {}
    for call in calls:
        for stage, tensor in (("pre", call.pre), ("post", call.post)):
            if id(tensor) not in indices:
                indices[id(tensor)] = len(tensors)
                tensors.append(tensor)
            pairs[call.name, stage] = indices[id(tensor)]  # type: ignore[index]
    return calls, pairs, tensors


def _with_probabilities(last: Call, kind: OutputKind) -> Call:
    """Return the layer that turns the model's output into a probability for each class."""
    if last.post.shape[-1] == 1:  # the probability of the second of two classes
        pre = tf.concat([tf.zeros_like(last.pre), last.pre], axis=-1)
        if last.pre is last.post:  # a sigmoid that no layer shows
            pre = tf.math.log(tf.concat([1 - last.post, last.post], axis=-1) + 1e-12)
    elif kind == "logits":
        pre = last.post
    else:  # probabilities that no layer shows
        pre = tf.math.log(last.post + 1e-12)
    post = tf.nn.softmax(pre)
    softmax = keras.layers.Softmax(name=PROBABILITIES)
    return Call(softmax, PROBABILITIES, None, (last.name,), (pre,), pre, post, "softmax")


def _output_kind(model: keras.Model, shape: tuple[int, int, int]) -> OutputKind:
    """Return what the model's output is, by its values for random images and its last layer."""
    images = np.random.default_rng(0).random((4, *shape), np.float32)
    output = model(images, training=False)
    if not tf.is_tensor(output) or output.shape.rank != 2:
        found = getattr(output, "shape", type(output).__name__)
        raise ExportError(
            f"The model's output is {found}; a classifier has one output with a value for each "
            "class, (images, classes). Export the part that classifies."
        )
    values = np.asarray(output, np.float64)
    if values.min() < 0 or values.max() > 1:
        return "logits"
    if values.shape[1] > 1 and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return "softmax"
    return "sigmoid"


def _features(calls: list[Call]) -> Pair | None:
    """Return what the logits are computed from: the input of the last layer with weights."""
    names = {call.name for call in calls}
    for call in reversed(calls):
        if getattr(call.operation, "weights", ()) and call.sources and call.sources[0] in names:
            return call.sources[0], "post"
    return None


def convert(function: Any, model: keras.Model) -> tuple[bytes, list[int]]:
    """Compile a function of `Traced` to a LiteRT graph.

    Returns:
        The graph, and for each of the function's values the index among the graph's outputs.
    """
    owner = tf.Module()  # with Keras's own model, the variables would not become constants
    owner.variables_of_model = [variable.value for variable in model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    with contextlib.redirect_stdout(io.StringIO()):  # the converter prints its signature
        try:
            graph: bytes = converter.convert()
        except Exception as error:  # the converter raises many types
            raise ExportError(_first_line(error)) from error
    interpreter = Interpreter(model_content=graph, num_threads=1)
    position = {
        detail["index"]: number for number, detail in enumerate(interpreter.get_output_details())
    }
    outputs = interpreter.get_signature_runner().get_output_details()
    order = [position[outputs[f"v{number}"]["index"]] for number in range(len(outputs))]
    return graph, order


def _first_line(error: Exception) -> str:
    reason = next((line for line in str(error).splitlines() if line.strip()), "unknown")
    return f"The model cannot be compiled: {reason.strip()[:200]}. Replace the layer it names."


@dataclass(frozen=True)
class Comparison:
    """How close a graph's values are to Keras's.

    Attributes:
        largest: the largest difference, divided by the largest magnitude or 1.
        agreement: share of the images for which both give the same class.
        images: how many were compared.
    """

    largest: float
    agreement: float
    images: int


def compare(traced: Traced, graph: bytes, order: list[int], images: Images) -> Comparison:
    """Check every value of a graph against Keras.

    Args:
        traced: the model.
        graph: compiled from `traced.values`.
        order: the index of each value among the graph's outputs.
        images: float32 (N, H, W, C), as the model takes them.

    Raises:
        ExportError: a value differs by more than `TOLERANCE`.
    """
    run = _runner(graph)
    function = traced.values
    worst, largest = 0, 0.0
    last = traced.pairs[traced.output, "post"]
    same = 0
    for image in images:
        reference = function(tf.constant(image[np.newaxis]))
        values = [np.asarray(reference[f"v{number}"]) for number in range(len(order))]
        outputs = run(image)
        for number, value in enumerate(values):
            difference = np.abs(outputs[order[number]] - value).max() / max(1, np.abs(value).max())
            if not difference <= largest:  # also where it is not a number
                worst, largest = number, float(difference)
        same += int(outputs[order[last]].argmax() == values[last].argmax())
    if not largest <= TOLERANCE:
        name, stage = next(pair for pair, number in traced.pairs.items() if number == worst)
        raise ExportError(
            f"The compiled graph differs from Keras by {largest:.3g} in {name} ({stage}), more "
            f"than {TOLERANCE}; replace that layer."
        )
    return Comparison(largest, same / len(images), len(images))


def _runner(graph: bytes) -> Callable[[Images], list[Images]]:
    """Return a function that runs a graph on one image, (H, W, C)."""
    interpreter = Interpreter(model_content=graph, num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]

    def run(image: Images) -> list[Images]:
        interpreter.set_tensor(source, image[np.newaxis])
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    return run

"""Trace one call of a Keras image model: every layer's values, its inputs, the model's output.

The model is called as it is, on a symbolic image, so that any architecture can be traced:
subclassed models, nested models, custom layers, and layers that are called more than once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from training.errors import ExportError
from training.float32 import layers_within
from training.recording import Call, Recorder
from training.traced_layers import TracedLayer, describe_layers

OutputKind = Literal["softmax", "sigmoid", "logits"]
RANDOM_IMAGES = 4


@dataclass(frozen=True)
class Output:
    """The model's output, as indices into `Trace.values`.

    Attributes:
        probabilities: one for each class. Two for a single sigmoid unit: 1 − p, p.
        logits: the values before the softmax or sigmoid, one for a single sigmoid unit; None where
            they are not known.
        kind: how the model's output was computed; "logits": the softmax was added by `trace`.
    """

    probabilities: int
    logits: int | None
    kind: OutputKind


@dataclass(frozen=True)
class Trace:
    """All values of one call of a model.

    Attributes:
        layers: in the order in which the model calls them.
        output: the model's output.
        features: index of the input of the layer that computes the logits.
        input_shape: (H, W, C) of an image.
        shapes: of each value, without the batch.
        function: computes the list of all values of a batch of one image, float32 (1, H, W, C).
        variables: TensorFlow's, of all weights.
        predict: computes probabilities, logits (None where they are not known) and features of a
            batch of any size. It is compiled at its first call.
    """

    layers: tuple[TracedLayer, ...]
    output: Output
    features: int
    input_shape: tuple[int, int, int]
    shapes: tuple[tuple[int, ...], ...]
    function: Callable[[Any], list[Any]]
    variables: list[Any]
    predict: Callable[[Any], tuple[Any, Any | None, Any]]

    def name_of(self, value: int) -> str:
        """Return "layer (stage)" of the first layer that has the value, for messages."""
        for layer in self.layers:
            if value in (layer.pre, layer.post):
                return f"{layer.name} ({'pre' if value == layer.pre else 'post'})"
        return "the probabilities" if value == self.output.probabilities else f"value {value}"


def trace(model: keras.Model, size: Sequence[int] | None = None) -> Trace:
    """Trace a call of a model on one image.

    Args:
        model: takes images (N, H, W, C) and returns (N, classes). Computes in float32.
        size: (H, W) or (H, W, C) where the model does not have a fixed input size.

    Raises:
        ExportError: the model has another input or output, or a recurrent layer.
    """
    shape = _input_shape(model, size)
    _check_layers(model)
    kind = _call_on_random_images(model, shape)
    finished: list[_Values] = []

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def function(image: Any) -> list[Any]:
        finished[:] = [_Values(model, image, kind)]
        return finished[0].tensors

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def predict(images: Any) -> tuple[Any, Any | None, Any]:
        values = _Values(model, images, kind)
        logits = values.output.logits
        return (
            values.tensors[values.output.probabilities],
            None if logits is None else values.tensors[logits],
            values.tensors[values.features],
        )

    try:
        concrete = function.get_concrete_function(tf.TensorSpec((1, *shape), tf.float32, "image"))
    except ExportError:
        raise
    except Exception as error:  # whatever the model's own code raises
        raise ExportError(
            f"The model {model.name!r} cannot be compiled to a graph: {_first_line(error)} "
            "Correct the model so that it can be called within a tf.function."
        ) from error
    values = finished[0]
    batches = tf.TensorSpec((None, *shape), tf.float32, "images")
    return Trace(
        layers=values.layers,
        output=values.output,
        features=values.features,
        input_shape=shape,
        shapes=tuple(tuple(tensor.shape[1:]) for tensor in values.tensors),
        function=concrete,
        variables=[variable.value for variable in model.variables],
        predict=lambda images: predict.get_concrete_function(batches)(images),
    )


class _Values:
    """The values of one call as distinct symbolic tensors, and what they belong to."""

    def __init__(self, model: keras.Model, image: Any, kind: OutputKind) -> None:
        self._recorder = Recorder(image)
        result = self._recorder.run(model)
        self._index_of: dict[str, int] = {}
        self.tensors: list[Any] = []
        calls = self._recorder.calls
        if not calls:
            raise ExportError("The model calls no layers, so there are no values to export.")
        self.layers = describe_layers(self._recorder, self._add)
        (result,) = keras.tree.flatten(result)
        self.output, logits = self._find_output(result, kind)
        self.features = self._add(self._find_features(calls, logits))

    def _add(self, tensor: Any) -> int:
        """Return the index of a tensor's value; values that are the same are stored once."""
        tensor = self._recorder.original(tensor)
        if tensor.name not in self._index_of:
            self._index_of[tensor.name] = len(self.tensors)
            self.tensors.append(_with_batch(tensor))
        return self._index_of[tensor.name]

    def _find_output(self, result: Any, kind: OutputKind) -> tuple[Output, Any | None]:
        """Return the output, and the tensor of the logits."""
        result = self._recorder.original(result)
        operation = result.op
        while operation.type == "Identity":
            operation = operation.inputs[0].op
        logits = None
        match operation.type:
            case "Softmax":
                kind, logits = "softmax", operation.inputs[0]
            case "Sigmoid":
                kind, logits = "sigmoid", operation.inputs[0]
            case _ if kind == "logits":
                logits = result
                result = tf.nn.softmax(result)
        if kind == "sigmoid" and result.shape[-1] == 1:
            result = tf.concat([1 - result, result], axis=-1)
        index = None if logits is None else self._add(logits)
        return Output(self._add(result), index, kind), logits

    def _find_features(self, calls: list[Call], logits: Any | None) -> Any:
        """Return the input of the layer that computes the logits, or of the last with weights."""
        if logits is None:
            weighted = [call for call in calls if getattr(call.operation, "weights", ())]
            last = (weighted or calls)[-1]
            return last.inputs[0] if last.inputs else last.output
        name = self._recorder.original(logits).name
        for call in calls:
            if name in {self._recorder.original(t).name for t in (call.pre, call.output)}:
                return call.inputs[0] if call.inputs else call.output
        # the logits are computed outside of every layer
        sources, _ = self._recorder.sources(logits, {call.output.name: call for call in calls})
        last = sources[-1] if sources else calls[-1]
        return last.output if isinstance(last, Call) else last


def _with_batch(tensor: Any) -> Any:
    """Add the batch axis where a layer has merged it with others, as windowed attention does."""
    merged = tensor.shape.rank == 0 or tensor.shape[0] not in (1, None)
    return tensor[tf.newaxis] if merged else tf.identity(tensor)


def _input_shape(model: keras.Model, size: Sequence[int] | None) -> tuple[int, int, int]:
    """Return (H, W, C) of the model's input, with `size` where the model does not define it."""
    inputs = getattr(model, "inputs", None)
    if inputs and len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs)
        raise ExportError(
            f"The model has {len(inputs)} inputs ({names}); it must have one, images."
        )
    shape: Sequence[int | None] = (None, None, None, None)
    if inputs:
        shape = inputs[0].shape
    elif built := (model.get_build_config() or {}).get("input_shape"):
        shape = built
    if not all(axis is None or isinstance(axis, int) for axis in shape) or len(shape) != 4:
        raise ExportError(
            f"The model's input must be images of shape (batch, height, width, channels), got "
            f"{tuple(shape)}."
        )
    given = (*(size or ()), None, None, None)[:3]
    complete = tuple(
        own if requested is None else requested
        for own, requested in zip(shape[1:], given, strict=True)
    )
    for axis, own, requested in zip(("height", "width", "channels"), shape[1:], given, strict=True):
        if own is not None and requested is not None and own != requested:
            raise ExportError(
                f"The model's input has {axis} {own}, but --size has {requested}; leave --size out."
            )
    if None in complete[:2] or complete[2] is None:
        form = "HEIGHTxWIDTH" if complete[2] is not None else "HEIGHTxWIDTHxCHANNELS"
        raise ExportError(f"The model accepts images of any size: pass --size {form}.")
    height, width, channels = complete
    return int(height or 0), int(width or 0), int(channels or 0)


def _check_layers(model: keras.Model) -> None:
    """Raise an ExportError where the model has a layer that processes sequences step by step."""
    for layer in layers_within(model):
        if isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional):
            raise ExportError(
                f"Layer {layer.name!r} ({type(layer).__name__}) is recurrent and cannot be "
                "exported; replace it by convolution, pooling or attention layers."
            )
        policy = getattr(layer, "dtype_policy", None)
        if policy is not None and policy.compute_dtype not in ("float32", None):
            raise ExportError(
                f"Layer {layer.name!r} ({type(layer).__name__}) computes in "
                f"{policy.compute_dtype}; pass the model through in_float32 first."
            )


def _call_on_random_images(model: keras.Model, shape: tuple[int, int, int]) -> OutputKind:
    """Call the model, which also builds it, and return the kind that its outputs look like.

    Raises:
        ExportError: the call fails, or its result is not one row of numbers per image.
    """
    images = np.random.default_rng(0).random((RANDOM_IMAGES, *shape), np.float32)
    images[::2] *= 255
    described = " × ".join(map(str, shape))
    try:
        result = model(images, training=False)
    except Exception as error:  # whatever the model's own code raises
        raise ExportError(
            f"The model {model.name!r} cannot be called on images of {described}: "
            f"{_first_line(error)} "
            "Pass another --size, or correct the model."
        ) from error
    outputs = keras.tree.flatten(result)
    if len(outputs) != 1:
        raise ExportError(
            f"The model {model.name!r} has {len(outputs)} outputs; it must have one, the classes. "
            "Export a keras.Model of that output alone."
        )
    rows = np.asarray(keras.ops.convert_to_numpy(outputs[0]))
    if rows.ndim != 2 or len(rows) != RANDOM_IMAGES:
        raise ExportError(
            f"The last layer of {model.name!r} returns the shape {rows.shape[1:]}; it must return "
            "one number per class: add GlobalAveragePooling2D or Flatten, and Dense."
        )
    within = bool(((rows >= 0) & (rows <= 1)).all())
    is_distribution = within and rows.shape[1] > 1 and np.allclose(rows.sum(axis=1), 1, atol=1e-3)
    is_linear = rows.shape[1] == 1 and not within
    if is_linear:
        raise ExportError(
            f"The model {model.name!r} returns one number that is not a probability; a classifier "
            "of two classes must end in a sigmoid, or have two outputs."
        )
    return "softmax" if is_distribution else "logits"


def _first_line(error: Exception) -> str:
    """Return the first line of an error's message as a sentence."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line if line.endswith((".", "!")) else f"{line}."

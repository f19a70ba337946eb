"""Trace one call of any Keras model: every layer's values, and which layer's values each takes.

A call is traced in a TensorFlow function, with `keras.Operation.__call__` wrapped, so that layers
within models, within custom layers and in a subclass's own `call` are found alike.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from service.model.layer import INPUT
from training.errors import ExportError

_ADVANCED = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")  # layers that are an activation


@dataclass
class Call:
    """One call of a layer, or of a model or layer that contains others.

    Attributes:
        operation: the Keras layer or operation.
        name: the path of its names, with the number of the call where it is not the first.
        block: path of what contains it; None for the model itself.
        sources: names of the calls whose values it takes, `INPUT` for the model's input.
        inputs: the tensors that it takes, (1, …) each.
        pre: the values before its activation function.
        post: its values; None for several tensors, or none.
        activation: the function's name; "linear" where there is none.
        contains: whether it called other layers.
    """

    operation: keras.Operation
    name: str
    block: str | None
    sources: tuple[str, ...]
    inputs: tuple[Any, ...]
    pre: Any = None
    post: Any = None
    activation: str = "linear"
    contains: bool = False

    @property
    def kind(self) -> str:
        """Return the name of its Keras class."""
        return type(self.operation).__name__


@dataclass
class Recorder:
    """Record the calls of layers while a model is called.

    Attributes:
        calls: in the order in which they ended.
        image: the model's input, (1, H, W, C).
    """

    image: Any
    calls: list[Call] = field(default_factory=list)
    _open: list[Call] = field(default_factory=list)
    _paths: Counter[str] = field(default_factory=Counter)
    _producers: dict[int, str] = field(default_factory=dict)
    _is_paused: bool = False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record every call of a layer in the `with` block."""
        original = keras.Operation.__call__

        def call(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
            if self._is_paused or self._is_detail(operation):
                return original(operation, *args, **kwargs)
            return self._record(operation, original, args, kwargs)

        keras.Operation.__call__ = call
        try:
            yield
        finally:
            keras.Operation.__call__ = original

    def _record(
        self, operation: keras.Operation, original: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        if isinstance(operation, keras.layers.RNN | keras.layers.Bidirectional):
            raise ExportError(
                f"Layer {operation.name!r} ({type(operation).__name__}) is recurrent; only layers "
                "without a state can be exported. Remove or replace it."
            )
        tensors = tuple(each for each in tf.nest.flatten((args, kwargs)) if tf.is_tensor(each))
        sources = tuple(dict.fromkeys(name for each in tensors for name in self._sources(each)))
        call = Call(operation, *self._name(operation), sources, tensors)
        self._open.append(call)
        try:
            with self._recording_activation(call) as results:
                output = original(operation, *args, **kwargs)
        finally:
            self._open.pop()
        if self._open:
            self._open[-1].contains = True
        if _is_value(output):
            if results and results[0] is not output:  # the function is only a part of the layer
                call.pre, call.activation = None, "linear"
            self._end(call, output)
        return output

    def _end(self, call: Call, output: Any) -> None:
        call.post = output
        is_own = not call.contains or id(output) not in self._producers
        if call.kind in _ADVANCED:
            call.pre = call.inputs[0]
            call.activation = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", call.kind).lower()
        elif call.pre is None:
            call.pre = output
        if is_own:
            self.calls.append(call)
            self._producers[id(output)] = call.name

    @contextmanager
    def _recording_activation(self, call: Call) -> Iterator[list[Any]]:
        """Record the argument of the operation's activation function, if it calls it once.

        Yields:
            A list to which the function's results are added.
        """
        attributes = vars(call.operation)
        function = attributes.get("activation")
        arguments: list[Any] = []
        results: list[Any] = []
        if not callable(function) or function is keras.activations.linear:
            yield results
            return

        def recorded(value: Any, *args: Any, **kwargs: Any) -> Any:
            self._is_paused = True  # an activation function may be a layer
            try:
                result = function(value, *args, **kwargs)
            finally:
                self._is_paused = False
            arguments.append(value)
            results.append(result)
            return result

        attributes["activation"] = recorded
        try:
            yield results
        finally:
            attributes["activation"] = function
        if len(arguments) == 1 and _is_value(arguments[0]):
            call.pre, call.activation = arguments[0], _name_of(function)

    def _is_detail(self, operation: keras.Operation) -> bool:
        """Return whether an operation is how one of Keras's own layers computes its values."""
        if isinstance(operation, keras.layers.Layer) or not self._open:
            return False
        outer = self._open[-1].operation
        return type(outer).__module__.startswith("keras.") and not isinstance(outer, keras.Model)

    def _name(self, operation: keras.Operation) -> tuple[str, str | None]:
        """Return a call's name, unique in the model, and the path of what contains it."""
        block = self._open[-1].name if len(self._open) > 1 else None
        own = re.sub(r"[^\w.-]", "_", operation.name)
        path = f"{block}/{own}" if block else own
        self._paths[path] += 1
        repeat = f":{self._paths[path]}" if self._paths[path] > 1 else ""
        return path + repeat, block

    def _sources(self, tensor: Any) -> list[str]:
        """Return the names of the calls that a tensor was computed from, without calls between."""
        found: list[str] = []
        pending, seen = [tensor], set()
        while pending:
            each = pending.pop()
            if id(each) in seen:
                continue
            seen.add(id(each))
            if id(each) in self._producers:
                found.append(self._producers[id(each)])
            elif each is self.image:
                found.append(INPUT)
            elif isinstance(each, tf.Tensor) and hasattr(each, "op"):
                pending += reversed(list(each.op.inputs))
        return found


def _is_value(output: Any) -> bool:
    """Return whether an output is one tensor of floats for one image."""
    return (
        bool(tf.is_tensor(output))
        and output.dtype.is_floating
        and output.shape.rank is not None
        and output.shape.rank > 1
        and output.shape.is_fully_defined()
        and output.shape[0] == 1
    )


def _name_of(function: Any) -> str:
    name = getattr(function, "__name__", None) or getattr(function, "name", None)
    return str(name or type(function).__name__)


def record(model: keras.Model, image: Any) -> tuple[Recorder, Any]:
    """Call a model on an image within a TensorFlow function; return what it called, and its output.

    Args:
        model: built.
        image: the function's argument, (1, H, W, C).
    """
    recorder = Recorder(image)
    with recorder.recording():
        output = model(image, training=False)
    return recorder, output

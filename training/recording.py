"""Record every call of a Keras layer or operation while a model is traced by TensorFlow."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import keras
import tensorflow as tf

from service.model.kinds import INPUT
from training.float32 import layers_within


@dataclass
class Call:
    """One call of a layer or operation.

    Attributes:
        operation: the layer or operation.
        path: its name, after the names of the containers that it is in.
        block: the path of the container that it is in; None at the top.
        inputs: the tensors that it takes.
        pre: the argument of its activation function; its output where it has none.
        output: the tensor that it returns.
        activation: its activation function, a function or layer; None where it has none.
        is_container: whether other recorded calls happened within this one, and computed its
            inputs: it stands for the operations that the container does itself at its end.
    """

    operation: keras.Operation
    path: str
    block: str | None
    inputs: list[Any]
    pre: Any
    output: Any
    activation: Any | None
    is_container: bool


@dataclass(frozen=True)
class _ActivationCall:
    """A call of a layer's activation function; `calls` counts the calls recorded until its end."""

    function: Any
    argument: Any
    result: Any
    calls: range


class Recorder:
    """Records the calls of layers and operations during one call of a model.

    A container (a model, or a layer that calls layers) is not recorded itself, unless it does
    something of its own with their outputs.

    Attributes:
        calls: in the order in which they end.
    """

    def __init__(self, image: Any) -> None:
        """Prepare to record the calls that depend on a symbolic image."""
        self.image = image
        self.calls: list[Call] = []
        self._graph = image.graph
        self._originals: dict[str, Any] = {}
        self._paths: list[str] = []  # of the calls in progress
        self._callers: list[keras.Operation] = []  # of the calls in progress
        self._repeats: Counter[str] = Counter()
        self._names: dict[int, str] = {}  # by identity, of the layers renamed during the call

    def run(self, model: keras.Model) -> Any:
        """Call the model on the image, and record."""
        original = keras.Operation.__call__
        is_filtering = keras.config.is_traceback_filtering_enabled()

        def record(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
            return self._record(operation, original, args, kwargs)

        keras.config.disable_traceback_filtering()  # it would replace an ExportError
        try:
            with self._scopes_valid(model), mock.patch.object(keras.Operation, "__call__", record):
                return model(self.image, training=False)
        finally:
            if is_filtering:
                keras.config.enable_traceback_filtering()

    def original(self, tensor: Any) -> Any:
        """Return the tensor that a layer has passed on unchanged; else the tensor itself."""
        while tensor.name in self._originals:
            tensor = self._originals[tensor.name]
        return tensor

    def sources(self, tensor: Any, producers: dict[str, Call]) -> tuple[list[Any], set[str]]:
        """Walk back from a tensor until recorded outputs or the image.

        Args:
            tensor: where to begin; it is not checked itself.
            producers: the recorded calls, by the names of their outputs.

        Returns:
            The calls found (or the image's tensor), in the order of the operations' inputs, and
            the types of the TensorFlow operations passed.
        """
        passed: set[str] = set()
        memo: dict[str, list[Any]] = {}

        def inputs_of(tensor: Any) -> list[Any]:
            if tensor.name not in memo:
                memo[tensor.name] = []
                operation, above = tensor.op, list(tensor.op.inputs)
                if operation.type == "IdentityN":  # passes each of its inputs on by itself
                    above = [above[tensor.value_index]]
                found = [source for other in above for source in source_of(other)]
                memo[tensor.name] = list({id(source): source for source in found}.values())
                if found and not operation.type.startswith("Identity"):
                    passed.add(operation.type)
            return memo[tensor.name]

        def source_of(tensor: Any) -> list[Any]:
            if tensor.name in producers:
                return [producers[tensor.name]]
            return [self.image] if tensor.name == self.image.name else inputs_of(tensor)

        return inputs_of(tensor), passed

    def _record(
        self, operation: keras.Operation, original: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """Call an operation and record its outputs, unless they are those of calls within it."""
        if not self._is_recorded(operation):
            return original(operation, *args, **kwargs)
        first = len(self.calls)
        block = self._paths[-1] if self._paths else None
        path = ""  # of the model itself, so that its layers' paths do not begin with its name
        if self._paths:
            path = self._unique("/".join(filter(None, (block, self._name(operation)))))
        activations: list[_ActivationCall] = []
        self._paths.append(path)
        self._callers.append(operation)
        try:
            with self._activation_recorded(operation, activations):
                result = original(operation, *args, **kwargs)
        finally:
            self._paths.pop()
            self._callers.pop()
        within_activation = {index for call in activations for index in call.calls}
        is_container = not within_activation.issuperset(range(first, len(self.calls)))
        if not is_container:
            del self.calls[first:]
        inner = {call.output.name for call in self.calls[first:]}
        inputs = self._tensors((args, kwargs))
        outputs = self._tensors(result)
        path = path or self._unique(self._name(operation))

        def returned(tensor: Any) -> Any:
            """Record an output; return it as a tensor of its own."""
            if not self._is_value(tensor) or tensor.name in inner:
                return tensor
            unchanged = tensor
            taken = {call.output.name for call in self.calls} | {t.name for t in inputs}
            if tensor.name in taken or tensor.name == self.image.name:
                tensor = tf.identity(tensor)
                self._originals[tensor.name] = unchanged
            call = self._last(activations, unchanged)
            position = f".{[t.name for t in outputs].index(unchanged.name)}"
            self.calls.append(
                Call(
                    operation,
                    path + (position if len(outputs) > 1 else ""),
                    block or None,
                    inputs,
                    tensor if call is None else call.argument,
                    tensor,
                    None if call is None else call.function,
                    is_container,
                )
            )
            return tensor

        return keras.tree.map_structure(returned, result)

    def _is_recorded(self, operation: keras.Operation) -> bool:
        """Return whether an operation is a layer, or an operation of a functional model's graph.

        Other operations are functions that a layer calls.
        """
        if isinstance(operation, keras.Layer):
            return not isinstance(operation, keras.layers.InputLayer)
        graph = getattr(self._callers[-1], "operations", ()) if self._callers else ()
        return any(operation is other for other in graph)

    @contextmanager
    def _scopes_valid(self, model: keras.Model) -> Iterator[None]:
        """Rename the layers whose name TensorFlow does not accept as the name of a scope."""
        renamed = []
        for layer in layers_within(model):
            if not re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.-]*", layer.name):
                self._names[id(layer)] = layer.name
                renamed.append(layer)
                vars(layer)["name"] = re.sub(r"[^A-Za-z0-9.]", ".", layer.name)
        try:
            yield
        finally:
            for layer in renamed:
                vars(layer)["name"] = self._names[id(layer)]

    @contextmanager
    def _activation_recorded(
        self, operation: keras.Operation, calls: list[_ActivationCall]
    ) -> Iterator[None]:
        """Replace an operation's activation function by one that records its calls."""
        attributes = vars(operation)
        activation = attributes.get("activation")
        if not callable(activation):
            yield
            return

        def recorded(argument: Any, *args: Any, **kwargs: Any) -> Any:
            first = len(self.calls)
            result = activation(argument, *args, **kwargs)
            within = range(first, len(self.calls))
            calls.append(_ActivationCall(activation, argument, result, within))
            return result

        # not by setattr, which Keras would track as a change of the layer's state
        attributes["activation"] = recorded
        try:
            yield
        finally:
            attributes["activation"] = activation

    def _last(self, calls: Sequence[_ActivationCall], output: Any) -> _ActivationCall | None:
        """Return the call of an activation function that computed an output."""
        for call in reversed(calls):
            if self._is_value(call.argument) and getattr(call.result, "name", "") == output.name:
                return call
        return None

    def _unique(self, path: str) -> str:
        """Return a path with the number of its repetition, from the second on."""
        if path == INPUT:  # the name of the model's input
            path = f"{INPUT}_"
        while True:
            self._repeats[path] += 1
            repeat = self._repeats[path]
            if repeat == 1:
                return path
            if self._repeats[f"{path}:{repeat}"] == 0:
                return f"{path}:{repeat}"

    def _name(self, operation: keras.Operation) -> str:
        """Return an operation's name without what a manifest's names must not have."""
        name = re.sub(r"[\s,/]", "_", self._names.get(id(operation), operation.name))
        return f"{name}_" if name in ("pre", "post") else name

    def _tensors(self, structure: Any) -> list[Any]:
        return [value for value in keras.tree.flatten(structure) if self._is_tensor(value)]

    def _is_tensor(self, value: Any) -> bool:
        return isinstance(value, tf.Tensor) and getattr(value, "graph", None) is self._graph

    def _is_value(self, value: Any) -> bool:
        """Return whether a graph can output the value."""
        return (
            self._is_tensor(value)
            and value.dtype == tf.float32
            and value.shape.rank is not None
            and value.shape[1:].is_fully_defined()
        )

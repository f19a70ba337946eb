"""Describe recorded calls of layers as plain data, for the manifest."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from service.model.kinds import INPUT
from training.activations import activation_of
from training.recording import Call, Recorder

# What a reader of the manifest needs to know about a layer.
CONFIGURATION = (
    *("filters", "units", "kernel_size", "strides", "padding", "dilation_rate", "groups"),
    *("depth_multiplier", "output_padding", "use_bias", "pool_size", "data_format", "keepdims"),
    *("size", "interpolation", "cropping", "target_shape", "dims", "axis", "axes", "epsilon"),
    *("center", "scale", "offset", "mean", "variance", "invert", "rate", "negative_slope"),
    *("alpha", "max_value", "threshold", "shared_axes", "num_heads", "key_dim", "value_dim"),
)
# Operations that have the name of a layer and compute the same.
SHARED_NAMES = {"Add", "Subtract", "Multiply", "Maximum", "Minimum", "Concatenate", "Softmax"}


@dataclass(frozen=True)
class TracedLayer:
    """One call of a layer. Shapes are without the batch.

    Attributes:
        name: its path and, from the second call on, its number: `block/conv:2`. Unique.
        kind: the class.
        inputs: names of the layers whose `post` values it takes; `INPUT` for the model's input.
        block: the path of the model or layer that calls it; None at the top.
        config: the entries of its configuration that a reader needs, as JSON. Two more are
            recorded: `tensorflow_operations`, what the model computes between the inputs' values
            and the layer, and `computed_by`, what a block itself computes at its end.
        activation: the name of the activation function; "linear" where there is none.
        parameters: the number of its weights.
        input_shapes: of each of `inputs`.
        output_shape: of its values.
        pre: index of the values before the activation function.
        post: index of the values after it.
        layer: the layer or operation, for its weights.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    block: str | None
    config: dict[str, Any]
    activation: str
    parameters: int
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    pre: int
    post: int
    layer: keras.Operation


def describe_layers(recorder: Recorder, index_of: Callable[[Any], int]) -> tuple[TracedLayer, ...]:
    """Describe the recorded calls.

    Args:
        recorder: after the model's call.
        index_of: stores a tensor's value and returns its index.
    """
    producers = {call.output.name: call for call in recorder.calls}
    weights_of = {id(call.operation): _weights(call.operation) for call in recorder.calls}
    return tuple(
        _describe(call, recorder, producers, index_of, weights_of) for call in recorder.calls
    )


def _describe(
    call: Call,
    recorder: Recorder,
    producers: dict[str, Call],
    index_of: Callable[[Any], int],
    weights_of: dict[int, dict[int, int]],
) -> TracedLayer:
    sources, config = _sources(call, recorder, producers)
    weights = weights_of[id(call.operation)]
    if call.is_container:  # the weights of the layers within it are counted there
        inner = [w for owner, w in weights_of.items() if owner != id(call.operation)]
        weights = {key: n for key, n in weights.items() if not any(key in other for other in inner)}
    activation = activation_of(call)
    if activation.parameters:
        config = {**config, "activation_config": activation.parameters}
    return TracedLayer(
        name=call.path,
        kind=_kind(call.operation),
        inputs=tuple(s.path if isinstance(s, Call) else INPUT for s in sources),
        block=call.block,
        config={**({} if call.is_container else _config(call.operation)), **config},
        activation=activation.name,
        parameters=sum(weights.values()),
        input_shapes=tuple(_shape(s.output if isinstance(s, Call) else s) for s in sources),
        output_shape=_shape(call.output),
        pre=index_of(activation.argument),
        post=index_of(call.output),
        layer=call.operation,
    )


def _sources(
    call: Call, recorder: Recorder, producers: dict[str, Call]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the calls (or the image's tensor) whose outputs a call takes, and how it does."""
    if call.is_container:
        sources, passed = recorder.sources(call.output, producers)
        return sources, {"computed_by": sorted(passed)}
    sources, operations = [], set()
    for tensor in call.inputs:
        if tensor.name in producers:
            sources.append(producers[tensor.name])
        elif tensor.name == recorder.image.name:
            sources.append(tensor)
        else:
            above, passed = recorder.sources(tensor, producers)
            sources += above
            operations |= passed
    return sources, {"tensorflow_operations": sorted(operations)} if operations else {}


def _kind(operation: keras.Operation) -> str:
    """Return the class's name, marked where it could be mistaken for a layer of Keras."""
    name = type(operation).__name__
    is_layer = isinstance(operation, keras.Layer)
    if not is_layer and type(operation).__module__.startswith("keras."):
        return name if name in SHARED_NAMES else f"ops>{name}"
    is_ambiguous = type(operation) is not getattr(keras.layers, name, type(operation))
    return f"Custom>{name}" if is_ambiguous else name


def _config(operation: keras.Operation) -> dict[str, Any]:
    """Return the plain entries of an operation's configuration that a reader needs."""
    config = vars(operation)
    if isinstance(operation, keras.Layer):
        try:
            config = operation.get_config()
        except Exception:  # a custom layer may not have one
            config = {}
    plain = {key: _plain(config[key]) for key in CONFIGURATION if key in config}
    return {key: value for key, value in plain.items() if value is not None}


def _plain(value: Any) -> Any:
    """Return a value as numbers, strings and lists; None where it has another type."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return None if None in items else items
    return value if isinstance(value, bool | int | float | str) else None


def _weights(operation: keras.Operation) -> dict[int, int]:
    """Return the size of each of an operation's weights, by its identity."""
    weights = operation.weights if isinstance(operation, keras.Layer) else []
    return {id(weight): int(np.prod(weight.shape)) for weight in weights}


def _shape(tensor: Any) -> tuple[int, ...]:
    """Return a tensor's shape without the batch, which some layers merge with other axes."""
    shape = tuple(tensor.shape)
    return shape[1:] if shape and shape[0] in (1, None) else shape

"""Describe a traced model's layers for the manifest."""

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.activations import SOFTMAX
from service.model.exact import obstacle
from service.model.kinds import INPUT, layer_kind
from service.model.layer import Layer
from service.model.receptive_field import formula
from training.traced_layers import TracedLayer
from training.tracing import Trace

PROBABILITIES = "probabilities"  # the layer that is added where no layer has the probabilities


def described(
    trace: Trace, positions: tuple[int, ...], weights: Collection[str]
) -> list[dict[str, Any]]:
    """Return the manifest's object of each layer, in the order of computation.

    Args:
        trace: of the model.
        positions: of each of its values among the graph's outputs.
        weights: the names of the bundle's weights.
    """
    first: dict[int, str] = {}
    layers: dict[str, Layer] = {}
    for each in trace.layers:
        shared = first.setdefault(id(each.layer), each.name)
        layers[each.name] = _layer(each, shared, trace.input_shape, positions)
    if output_of(trace) == PROBABILITIES:
        layers[PROBABILITIES] = _probabilities(trace, positions)
    shapes = {INPUT: trace.input_shape} | {
        name: layer.output_shape for name, layer in layers.items()
    }
    complete: dict[str, Layer] = {}
    for name, layer in layers.items():
        reason = obstacle(layer, [shapes[source] for source in layer.inputs], weights)
        field = formula(layer, complete, trace.input_shape)
        complete[name] = replace(layer, is_exact=reason is None, receptive_field=field)
    return [_json(layer) for layer in complete.values()]


def output_of(trace: Trace) -> str:
    """Return the name of the layer whose values are the probabilities."""
    wanted = trace.output.probabilities
    for layer in reversed(trace.layers):
        if layer.post == wanted and layer.pre == trace.output.logits:
            return layer.name
    return PROBABILITIES


def features_of(trace: Trace) -> tuple[str, str] | None:
    """Return layer and stage of what the logits are computed from; None where that is no layer."""
    for layer in trace.layers:
        if layer.post == trace.features:
            return layer.name, "post"
        if layer.pre == trace.features:
            return layer.name, "pre"
    return None


def added_weights(trace: Trace) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the layer that is added after a single sigmoid: 1 − p and p."""
    if output_of(trace) != PROBABILITIES or _sigmoid(trace) is None:
        return {}
    return {
        f"{PROBABILITIES}/kernel": np.array([[-1, 1]], np.float32),
        f"{PROBABILITIES}/bias": np.array([1, 0], np.float32),
    }


def _layer(
    each: TracedLayer, shared: str, input_shape: tuple[int, ...], positions: tuple[int, ...]
) -> Layer:
    """Return a traced layer as the manifest has it.

    Args:
        each: the layer.
        shared: name of the first call of the same layer.
        input_shape: of the model.
        positions: of each value among the graph's outputs.
    """
    is_first = shared == each.name
    return Layer(
        name=each.name,
        kind=each.kind,
        inputs=each.inputs,
        block=each.block,
        config=each.config if is_first else {**each.config, "shares_weights_with": shared},
        input_shape=each.input_shapes[0] if each.input_shapes else input_shape,
        output_shape=each.output_shape,
        activation=each.activation,
        parameters=each.parameters if is_first else 0,
        pre=positions[each.pre],
        post=positions[each.post],
    )


def _probabilities(trace: Trace, positions: tuple[int, ...]) -> Layer:
    """Return the layer that turns the model's output into a probability for each class."""
    output = trace.output
    shape = trace.shapes[output.probabilities]
    has_logits = output.logits is not None and trace.shapes[output.logits] == shape
    pre = output.logits if has_logits and output.logits is not None else output.probabilities
    is_softmax = output.kind == "logits"
    source = _producer(trace, pre) if is_softmax else _sigmoid(trace)
    before = source or trace.layers[-1]
    return Layer(
        name=PROBABILITIES,
        # without a source, its values are computed outside of any layer
        kind="Softmax" if is_softmax and source else "Probabilities",
        inputs=(before.name,),
        input_shape=before.output_shape,
        output_shape=shape,
        activation=SOFTMAX if is_softmax else "linear",
        parameters=0,
        pre=positions[pre],
        post=positions[output.probabilities],
    )


def _producer(trace: Trace, value: int) -> TracedLayer | None:
    """Return the last layer whose output is a value."""
    return next((each for each in reversed(trace.layers) if each.post == value), None)


def _sigmoid(trace: Trace) -> TracedLayer | None:
    """Return the layer of a single sigmoid that the model ends in."""
    for each in reversed(trace.layers):
        if each.activation == "sigmoid" and each.pre == trace.output.logits:
            return each if each.output_shape == (1,) else None
    return None


def _json(layer: Layer) -> dict[str, Any]:
    """Return a layer's object; for readers, with its window under names that all kinds share."""
    window = layer_kind(layer.kind).window
    fields = asdict(layer)
    if window is not None and window in layer.config:
        fields |= {
            "kernel_size": layer.config[window],
            "strides": layer.config["strides"],
            "padding": layer.config["padding"],
        }
    return fields

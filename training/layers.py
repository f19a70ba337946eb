"""Describe a traced model's layers for the manifest."""

from dataclasses import asdict
from typing import Any

from service.model.kinds import (
    ACTIVATIONS,
    INPUT,
    KINDS,
    PIXEL,
    SOFTMAX,
    ReceptiveField,
    sliding_windows,
)
from training.traced_layers import TracedLayer
from training.tracing import Trace

PROBABILITIES = "probabilities"  # the layer that is added where no layer has the probabilities


def described(trace: Trace, positions: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the manifest's object of each layer, in the order of computation.

    Args:
        trace: of the model.
        positions: of each of its values among the graph's outputs.
    """
    first: dict[int, str] = {}
    fields: dict[str, ReceptiveField | None] = {INPUT: PIXEL}  # of exact layers, by name
    layers = []
    for each in trace.layers:
        config = dict(each.config)
        if (shared := first.setdefault(id(each.layer), each.name)) != each.name:
            config["shares_weights_with"] = shared
        layer = {
            "name": each.name,
            "kind": each.kind,
            "inputs": each.inputs,
            "block": each.block,
            "config": config,
            "input_shape": each.input_shapes[0] if each.input_shapes else trace.input_shape,
            "output_shape": each.output_shape,
            "activation": each.activation,
            "parameters": 0 if shared != each.name else each.parameters,
            "pre": positions[each.pre],
            "post": positions[each.post],
            "is_exact": False,
            "receptive_field": None,
        }
        if _is_exact(each, fields):
            fields[each.name] = field = _receptive_field(each, fields[each.inputs[0]])
            layer |= {"is_exact": True, **_window(each)}
            layer["receptive_field"] = asdict(field) if field else None
        layers.append(layer)
    if output_of(trace) == PROBABILITIES:
        layers.append(_probabilities(trace, positions))
    return layers


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


def _probabilities(trace: Trace, positions: tuple[int, ...]) -> dict[str, Any]:
    """Return the layer that turns the model's output into a probability for each class."""
    output = trace.output
    shape = trace.shapes[output.probabilities]
    has_logits = output.logits is not None and trace.shapes[output.logits] == shape
    pre = output.logits if has_logits and output.logits is not None else output.probabilities
    return {
        "name": PROBABILITIES,
        "kind": "Softmax" if output.kind == "logits" else "Probabilities",
        "inputs": [trace.layers[-1].name],
        "block": None,
        "config": {},
        "input_shape": shape,
        "output_shape": shape,
        "activation": SOFTMAX if output.kind == "logits" else "linear",
        "parameters": 0,
        "pre": positions[pre],
        "post": positions[output.probabilities],
        "is_exact": False,
        "receptive_field": None,
    }


def _is_exact(each: TracedLayer, exact: dict[str, ReceptiveField | None]) -> bool:
    """Return whether each cell of a layer can be explained, through a chain of explained layers."""
    kind = KINDS.get(each.kind)
    if kind is None or len(each.inputs) != 1 or each.inputs[0] not in exact:
        return False
    accepted = kind.configuration.items()
    return (
        kind.input_rank in (None, len(each.input_shapes[0]))
        and each.activation in ACTIVATIONS
        and not {"tensorflow_operations", "computed_by"} & each.config.keys()
        and all(_same(each.config.get(key), value) for key, value in accepted)
    )


def _same(value: Any, accepted: Any) -> bool:
    return bool((tuple(value) if isinstance(value, list) else value) == accepted)


def _window(each: TracedLayer) -> dict[str, Any]:
    """Return the fields of a layer that slides a window; none for others."""
    window = KINDS[each.kind].window
    if window is None:
        return {}
    config = each.config
    return {
        "kernel_size": config[window],
        "strides": config["strides"],
        "padding": config["padding"],
    }


def _receptive_field(each: TracedLayer, before: ReceptiveField | None) -> ReceptiveField | None:
    """Return a layer's receptive field in closed form; None for the whole input."""
    window = _window(each)
    if not window or before is None:
        return None
    return before.through(
        sliding_windows(
            window["kernel_size"],
            window["strides"],
            window["padding"],
            each.input_shapes[0],
            each.output_shape,
        )
    )

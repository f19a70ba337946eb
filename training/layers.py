"""Describe a traced model's layers for the manifest."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from service.model.kinds import ACTIVATIONS, KINDS, PIXEL, ReceptiveField, sliding_windows
from service.model.layer import INPUT
from training.graph import Traced
from training.tracing import Call

_ABOUT_TRAINING = ("name", "trainable", "dtype", "seed", "batch_shape", "build_config", "autocast")
_MOST_ITEMS = 64  # of a list in a layer's configuration; longer ones are weights


def described(traced: Traced, order: list[int]) -> Iterator[dict[str, Any]]:
    """Yield the manifest's object of each layer, in the order of computation.

    Args:
        traced: the model.
        order: the index of each of its values among the graph's outputs.
    """
    first: dict[int, str] = {}
    fields: dict[str, ReceptiveField | None] = {INPUT: PIXEL}  # of exact layers, by name
    for call in traced.calls:
        shared = first.setdefault(id(call.operation), call.name)
        config = configuration(call)
        if shared != call.name:
            config["shares_weights_with"] = shared
        layer = {
            "name": call.name,
            "kind": call.kind,
            "inputs": list(call.sources),
            "block": call.block,
            "config": config,
            "input_shape": _shape(call.inputs[0]) if call.inputs else list(traced.shape),
            "output_shape": _shape(call.post),
            "activation": call.activation,
            "parameters": 0 if call.contains else _parameters(call),
            "pre": order[traced.pairs[call.name, "pre"]],
            "post": order[traced.pairs[call.name, "post"]],
            "is_exact": False,
            "receptive_field": None,
        }
        if _is_exact(call, fields):
            field = _receptive_field(call, layer, fields[call.sources[0]])
            fields[call.name] = field
            layer |= {"is_exact": True, **_window(call)}
            layer["receptive_field"] = asdict(field) if field else None
        yield layer


def configuration(call: Call) -> dict[str, Any]:
    """Return what a layer's arithmetic depends on, of its Keras configuration."""
    try:
        config = call.operation.get_config()
    except Exception:  # a custom layer may have none: then nothing is known about it
        return {}
    return {
        key: value
        for key, value in config.items()
        if key not in _ABOUT_TRAINING and value is not None and _is_plain(value)
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= _MOST_ITEMS and all(map(_is_plain, value))
    return isinstance(value, bool | int | float | str)


def _is_exact(call: Call, exact: dict[str, Any]) -> bool:
    """Return whether each cell of a layer can be explained, through a chain of explained layers."""
    kind = KINDS.get(call.kind)
    if kind is None or len(call.sources) != 1 or call.sources[0] not in exact:
        return False
    config = call.operation.get_config()
    return (
        kind.input_rank in (None, len(call.inputs[0].shape) - 1)
        and call.activation in ACTIVATIONS
        and len(call.inputs) == 1
        and all(config[key] == accepted for key, accepted in kind.configuration.items())
    )


def _window(call: Call) -> dict[str, Any]:
    """Return the fields of a layer that slides a window; none for others."""
    kind, config = KINDS[call.kind], call.operation.get_config()
    if kind.window is None:
        return {}
    return {
        "kernel_size": list(config[kind.window]),
        "strides": list(config["strides"]),
        "padding": config["padding"],
    }


def _receptive_field(
    call: Call, layer: dict[str, Any], before: ReceptiveField | None
) -> ReceptiveField | None:
    """Return a layer's receptive field in closed form; None for the whole input."""
    window = _window(call)
    if not window or before is None:
        return None
    windows = sliding_windows(
        window["kernel_size"],
        window["strides"],
        window["padding"],
        layer["input_shape"],
        layer["output_shape"],
    )
    return before.through(windows)


def _shape(tensor: Any) -> list[int]:
    return [int(side) for side in tensor.shape[1:]]


def _parameters(call: Call) -> int:
    count = getattr(call.operation, "count_params", None)
    return int(count()) if count else 0

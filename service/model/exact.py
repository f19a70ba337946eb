"""Decide which layers have an exact explanation, for `training export` and the service."""

from collections.abc import Collection, Sequence

from service.model.activations import ACTIVATIONS, SOFTMAX
from service.model.kinds import LayerKind, layer_kind
from service.model.layer import Layer

_RANKS = (1, 2, 3)  # axes of a layer whose cells have a channel, a row and a column


def obstacle(layer: Layer, shapes: Sequence[Sequence[int]], weights: Collection[str]) -> str | None:
    """Return why a layer's cells cannot be explained; None where they can.

    Args:
        layer: the layer.
        shapes: of each of its inputs, without the batch.
        weights: the names of the bundle's weights, "layer/weight".

    Returns:
        A phrase that continues "Layer x".
    """
    kind, config = layer_kind(layer.kind), layer.config
    if operations := config.get("computed_by", config.get("tensorflow_operations")):
        return f"also computes operations outside of any layer ({', '.join(operations)})"
    if kind.family is None:
        return "is of a kind that has no exact explanation"
    least, largest = kind.inputs
    if not least <= len(shapes) <= largest:
        return f"has {len(shapes)} inputs"
    if any(len(shape) not in _RANKS for shape in (*shapes, layer.output_shape)):
        return "has values without rows, columns and channels"
    if kind.rank not in (None, len(shapes[0])):
        return f"has an input of the shape {tuple(shapes[0])}"
    if kind.family == "merge" and {len(shape) for shape in shapes} != {len(layer.output_shape)}:
        return "has inputs with different numbers of axes"
    return _in_configuration(layer, kind) or _in_weights(layer, kind, weights)


def needs_last_axis(kind: LayerKind) -> bool:
    """Return whether a kind is explained only where its `axis` is that of the channels."""
    is_along_channels = kind.reading == "channels" or kind.family == "affine"
    return is_along_channels and kind.name != "Concatenate"


def weight_owner(layer: Layer) -> str:
    """Return the name under which the layer's weights are stored."""
    return str(layer.config.get("shares_weights_with", layer.name))


def _in_configuration(layer: Layer, kind: LayerKind) -> str | None:
    if layer.activation not in ACTIVATIONS:
        return f"has the activation function {layer.activation}, which is not explained"
    for name, accepted in kind.configuration.items():
        value = layer.config.get(name, accepted[0])
        if value not in accepted:
            return f"has {name} = {value}, which is not explained"
    if kind.window and not {kind.window, "strides"} <= layer.config.keys():
        return f"has no {kind.window} or strides in the manifest"
    axes = layer.config.get("axis", -1)
    axes = list(axes) if isinstance(axes, list | tuple) else [axes]
    has_axis = needs_last_axis(kind) or (
        layer.activation == SOFTMAX and layer.kind != "Concatenate"
    )
    if has_axis and axes not in ([-1], [len(layer.output_shape)]):
        return f"computes along the axis {axes}, not along the channels alone"
    return None


def _in_weights(layer: Layer, kind: LayerKind, weights: Collection[str]) -> str | None:
    needed = kind.weights or (("alpha",) if layer.activation == "prelu" else ())
    owner = weight_owner(layer)
    missing = [
        name for name in needed if f"{owner}/{name}" not in weights and name not in layer.config
    ]
    return f"has no {missing[0]} of its own in the bundle" if missing else None

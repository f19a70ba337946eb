"""Find the layers from the model's input to a layer, along which its values are explained."""

from service.errors import NotExplainable
from service.model.bundle import Bundle
from service.model.kinds import ACTIVATIONS, KINDS
from service.model.layer import INPUT, Layer

_NAMED = 12  # layers that an error lists


def path_to(bundle: Bundle, layer: Layer) -> tuple[Layer, ...]:
    """Return the layers from the first to this one, each the input of the next.

    Raises:
        NotExplainable: a layer on the path is not explained exactly, or has several inputs.
    """
    path: list[Layer] = []
    name = layer.name
    while name != INPUT:
        each = bundle.layer(name)
        if each is None:
            raise ValueError(f"the manifest has no layer {name!r}")
        if reason := _obstacle(bundle, each):
            raise NotExplainable(_message(bundle, layer, each, reason))
        path.append(each)
        (name,) = each.inputs
    return tuple(reversed(path))


def _message(bundle: Bundle, layer: Layer, obstacle: Layer, reason: str) -> str:
    names = [each.name for each in bundle.layers if _is_explainable(bundle, each)]
    more = len(names) - _NAMED
    listed = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    subject = f"Layer {obstacle.name!r} ({obstacle.kind})"
    if obstacle is not layer:
        subject += f", on the path from the input to {layer.name!r},"
    return (
        f"{subject} {reason}, so /explain has no arithmetic for it. Layers that it explains: "
        f"{listed or 'none'}. POST /atlas draws the values of {layer.name!r}, and "
        "POST /activations returns them."
    )


def _is_explainable(bundle: Bundle, layer: Layer) -> bool:
    """Return whether a path leads to a layer."""
    each: Layer | None = layer
    while each is not None and _obstacle(bundle, each) is None:
        if each.inputs == (INPUT,):
            return True
        each = bundle.layer(each.inputs[0])
    return False


def _obstacle(bundle: Bundle, layer: Layer) -> str | None:
    """Return why no path can lead through a layer; None where one can."""
    kind = KINDS.get(layer.kind)
    if len(layer.inputs) != 1:
        return f"has {len(layer.inputs)} inputs"
    if not layer.is_exact or kind is None:
        return "is not explained exactly"
    if layer.activation not in ACTIVATIONS:
        return f"has the activation function {layer.activation}, which is not explained"
    if kind.window and (layer.kernel_size is None or not layer.is_map):
        return "slides no window"
    if kind.input_rank not in (None, len(layer.input_shape)):
        return f"has an input of shape {layer.input_shape}"
    if layer.parameters and f"{layer.name}/kernel" not in bundle.weights:
        return "shares its weights with another layer"
    return None

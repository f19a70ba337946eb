"""Keras itself in float64, layer by layer, which explanations are checked against."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.traced_layers import TracedLayer
from training.tracing import Trace

Array = NDArray[np.float64]


class Float64Layers:
    """The layers of a traced model in float64, each called on given inputs."""

    def __init__(self, trace: Trace) -> None:
        """Copy each layer when it is first called."""
        self.layers = {layer.name: layer for layer in trace.layers}
        self._copies: dict[str, Any] = {}

    def pre_and_post(self, name: str, inputs: list[Array]) -> tuple[Array, Array]:
        """Return a layer's values before and after its activation function, without the batch."""
        each = self.layers[name]
        if name not in self._copies:
            self._copies[name] = _copy(each, inputs)
        copy = self._copies[name]
        batch = [np.asarray(value)[np.newaxis] for value in inputs]
        argument = batch if len(batch) > 1 or _takes_list(each) else batch[0]
        post = _call(copy, argument)
        if each.pre == each.post:
            return post, post
        if getattr(copy, "activation", None) is None or type(copy).__name__ in _ACTIVATIONS:
            return batch[0][0], post  # the layer is its activation function alone
        activation, copy.activation = copy.activation, keras.activations.linear
        try:
            return _call(copy, argument), post
        finally:
            copy.activation = activation


_ACTIVATIONS = ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")


def _call(layer: Any, argument: Any) -> Array:
    is_operation = not isinstance(layer, keras.Layer)
    result = layer(*argument) if is_operation and isinstance(argument, list) else layer(argument)
    return np.asarray(keras.ops.convert_to_numpy(result))[0]


def _takes_list(each: TracedLayer) -> bool:
    return each.kind == "Concatenate"


def _copy(each: TracedLayer, inputs: list[Array]) -> Any:
    original = each.layer
    if not isinstance(original, keras.Layer):
        return original  # an operation computes in the type of its arguments
    copy = type(original).from_config({**original.get_config(), "dtype": "float64"})
    shapes = [(1, *value.shape) for value in inputs]
    copy.build(shapes if len(shapes) > 1 or _takes_list(each) else shapes[0])
    copy.set_weights(original.get_weights())
    return copy

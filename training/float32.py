"""Rebuild a model of mixed or half precision in float32, because a graph's values are float32."""

from typing import Any

import keras

_POLICY = "float32"


def in_float32(model: keras.Model) -> keras.Model:
    """Return the model itself where it computes in float32, else a float32 copy of it.

    Args:
        model: built; its custom classes are registered.
    """
    layers = layers_within(model)
    if all(layer.compute_dtype == _POLICY for layer in layers):
        return model
    classes = {keras.saving.get_registered_name(type(each)): type(each) for each in layers}
    config = _replaced(keras.saving.serialize_keras_object(model))
    copy = keras.saving.deserialize_keras_object(config, custom_objects=classes)
    copy.set_weights(model.get_weights())
    return copy


def layers_within(model: keras.Model) -> list[keras.layers.Layer]:
    """Return every layer of a model, and of the models and layers that contain others."""
    found: list[keras.layers.Layer] = []
    pending: list[Any] = list(model.layers)
    while pending:
        layer = pending.pop()
        if layer in found:
            continue
        found.append(layer)
        pending += getattr(layer, "layers", [])
        pending += [
            value
            for value in vars(layer).values()
            if isinstance(value, keras.layers.Layer) and value not in found
        ]
    return found


def _replaced(config: Any) -> Any:
    """Return a serialised model in which every layer's policy is float32."""
    if isinstance(config, list | tuple):
        return [_replaced(item) for item in config]
    if not isinstance(config, dict):
        return config
    return {
        key: _POLICY if key == "dtype" and _is_policy(value) else _replaced(value)
        for key, value in config.items()
    }


def _is_policy(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, str) and "float" in value)

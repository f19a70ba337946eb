"""Load a saved Keras model from a file that may be damaged or hostile.

Keras runs only after the file's own description of the model was checked: nothing in the file is
executed or unpickled.
"""

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from training.archives import Config, read_h5, read_keras
from training.errors import ExportError

_CODE = ("Lambda", "__lambda__", "function", "__tensor__")
_MAX_UNITS = 1_000_000  # of a layer: filters, units, sizes; more would fill the memory
_SIZES = ("units", "filters", "input_dim", "output_dim", "num_heads", "key_dim", "value_dim")
# Layers in files of Keras 2 whose configuration has an entry that Keras 3 does not take.
_UNKNOWN_TO_KERAS_3 = {
    "DepthwiseConv2D": ("groups",),
    "SeparableConv2D": ("groups",),
    "Conv2DTranspose": ("groups",),
}


def load_model(path: Path, imports: Sequence[str] = ()) -> keras.Model:
    """Load a model in float32, without its optimizer.

    Args:
        path: a `.keras` file, or an `.h5` file of a whole model.
        imports: modules that register the model's custom classes.

    Raises:
        ExportError: the file is missing, damaged or not a model; or it holds code, or a class that
            no module registers.
    """
    if not path.is_file():
        raise ExportError(f"{path} does not exist; give a .keras or .h5 file.")
    for module in imports:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever the user's module raises
            raise ExportError(f"--import {module} fails: {_reason(error)}.") from error
    read = {".keras": read_keras, ".h5": read_h5, ".hdf5": read_h5}.get(path.suffix.lower())
    if read is None:
        raise ExportError(
            f"{path.name} is neither .keras nor .h5; save the model with model.save('mine.keras')."
        )
    config = read(path)
    check(config.json)
    try:
        model = _load(path, config)
        return _in_float32(model)
    except (ExportError, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # Keras raises many types on damaged files
        raise ExportError(f"{path.name} cannot be loaded: {_reason(error)}.") from error


def shape_of(model: keras.Model, size: tuple[int, int] | None) -> tuple[int, int, int]:
    """Return height, width and channels of a model's input.

    Args:
        model: loaded.
        size: height and width of a model that takes any; None where the model says.

    Raises:
        ExportError: the model has several inputs, no image as input, or no known size.
    """
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):
        shape = (model.get_build_config() or {}).get("input_shape")
    if isinstance(shape, dict) and len(shape) == 1:
        shape = next(iter(shape.values()))
    if isinstance(shape, list) and len(shape) == 1:
        shape = shape[0]
    if not isinstance(shape, list | tuple) or len(shape) != 4 or isinstance(shape[0], list | tuple):
        raise ExportError(
            f"The model's input is {shape}; it must be one image, (None, height, width, channels)."
        )
    _, *sides, channels = shape
    height, width = (
        known or given for known, given in zip(sides, size or (None, None), strict=True)
    )
    if channels is None or height is None or width is None:
        raise ExportError(
            f"The model takes images of any size, {tuple(shape)}; choose one with --size "
            "HEIGHTxWIDTH, such as --size 224x224."
        )
    if size is not None and (height, width) != size:
        raise ExportError(f"The model takes {height} × {width} only; omit --size.")
    return int(height), int(width), int(channels)


def check(config: Any, depth: int = 0) -> None:
    """Check a model's description: no code, no unregistered class, no absurd size.

    Raises:
        ExportError: names the layer, and what to do.
    """
    if depth > 100:
        raise ExportError("The model's description is nested too deeply; save the model again.")
    if isinstance(config, list):
        for item in config:
            check(item, depth + 1)
    if not isinstance(config, dict):
        return
    name = config.get("class_name")
    if isinstance(name, str):
        _check_class(name, config)
    for key, value in config.items():
        if key in _SIZES and isinstance(value, int) and value > _MAX_UNITS:
            raise ExportError(f"A layer has {key}={value}; at most {_MAX_UNITS:,} are allowed.")
        check(value, depth + 1)


def _check_class(name: str, config: dict[str, Any]) -> None:
    inner = config.get("config")
    layer = inner.get("name", name) if isinstance(inner, dict) else name
    if name in _CODE and not (name == "function" and _is_known_function(config)):
        raise ExportError(
            f"Layer {layer!r} holds code ({name}), which is never executed; replace it by a layer "
            "of Keras, or a class registered with keras.saving.register_keras_serializable and "
            "--import MODULE."
        )
    module = config.get("module")
    is_keras = module is None or (
        isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    )
    registered = config.get("registered_name")
    if registered is None and is_keras:
        return
    if registered is None or (is_keras and registered == name):
        known = keras.saving.get_registered_object(str(registered or name))
        if known is None and not is_keras:
            raise _unregistered(layer, name)
        return
    if not isinstance(registered, str) or keras.saving.get_registered_object(registered) is None:
        if is_keras and isinstance(registered, str) and ">" not in registered:
            return  # Keras's own name for one of its classes
        raise _unregistered(layer, name)


def _unregistered(layer: Any, name: str) -> ExportError:
    return ExportError(
        f"Layer {layer!r} is of the custom class {name!r}, which nothing registers; register it "
        "with keras.saving.register_keras_serializable and give --import MODULE."
    )


def _is_known_function(config: dict[str, Any]) -> bool:
    """Return whether a function is one of Keras's own, or registered."""
    registered = config.get("registered_name")
    if isinstance(registered, str) and keras.saving.get_registered_object(registered):
        return True
    module = config.get("module")
    return isinstance(module, str) and module in ("keras.activations", "keras.ops")


def _load(path: Path, config: Config) -> keras.Model:
    if config.is_legacy:
        for item in _layers_in(config.json):
            for key in _UNKNOWN_TO_KERAS_3.get(item["class_name"], ()):
                item["config"].pop(key, None)
        with config.patched() as patched:
            model = keras.saving.load_model(patched, compile=False, safe_mode=True)
    else:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    if not isinstance(model, keras.Model):
        raise ExportError(f"{path.name} holds a {type(model).__name__}, not a model; save a model.")
    return model


def _layers_in(config: Any) -> list[dict[str, Any]]:
    """Return every object of a description that has a class and a configuration."""
    found: list[dict[str, Any]] = []
    pending = [config]
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending += each
        elif isinstance(each, dict):
            pending += each.values()
            if isinstance(each.get("class_name"), str) and isinstance(each.get("config"), dict):
                found.append(each)
    return found


def _in_float32(model: keras.Model) -> keras.Model:
    """Return the model with float32 computation; the same one where it has no other."""
    layers = _all_layers(model)
    if all(layer.compute_dtype == "float32" for layer in layers):
        return model
    config = keras.saving.serialize_keras_object(model)
    copy = keras.saving.deserialize_keras_object(_with_float32(config))
    if not copy.built:
        copy.build(model.input_shape)
    copy.set_weights(model.get_weights())
    return copy


def _all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    found: list[keras.layers.Layer] = []
    pending: list[Any] = list(model.layers)
    while pending:
        layer = pending.pop()
        found.append(layer)
        pending += getattr(layer, "layers", [])
    return found


def _with_float32(config: Any) -> Any:
    if isinstance(config, list):
        return [_with_float32(item) for item in config]
    if not isinstance(config, dict):
        return config
    return {
        key: "float32" if key == "dtype" and value is not None else _with_float32(value)
        for key, value in config.items()
    }


def _reason(error: BaseException) -> str:
    """Return the first line of an error, shortened."""
    text = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return text[:200].rstrip(".")

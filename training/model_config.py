"""Check a saved model's configuration, so that building the model runs no code of the file.

A configuration is a tree of objects such as {"module": "keras.layers", "class_name": "Dense",
"config": {…}}. Keras imports the modules and calls the classes that it names.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from typing import Any

import keras

from training.errors import ExportError

MAX_DEPTH = 100
MAX_LAYERS = 10_000
MAX_INTEGER = 10_000_000
MAX_INPUT_SIZE = 100_000

# Objects that hold data, not the name of a class.
_DATA = {
    *("__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__slice__"),
    *("__tuple__", "__ellipsis__", "TensorShape"),
}
_KERAS_TENSOR = "__keras_tensor__"
_CODE = {"Lambda", "__lambda__"}
# They run code or read files that the configuration names, or unroll a loop over their input.
_REFUSED = {
    *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
    *("StringLookup", "IntegerLookup", "TextVectorization", "MelSpectrogram", "STFTSpectrogram"),
    "RNN",
}
_KINDS = (
    keras.Operation,
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
    keras.dtype_policies.DTypePolicy,
)
# Keras 2 and .h5 files name some classes without their module.
_NAMESPACES = (
    *(keras.layers, keras.models, keras.initializers, keras.regularizers, keras.constraints),
    keras.dtype_policies,
)
_INPUT_SHAPES = ("batch_shape", "batch_input_shape", "build_input_shape")
_UNBOUNDED = {"seed", "shared_object_id", "build_config", "build_input_shape", "value"}
_REGISTER = "register it with keras.saving.register_keras_serializable and pass --import MODULE"

# What Keras 2 wrote and Keras 3 does not accept: the key and the value that has no effect.
_ANYTHING = object()
_SEPARABLE = {
    "groups": 1,
    "kernel_initializer": _ANYTHING,
    "kernel_regularizer": None,
    "kernel_constraint": None,
}
_KERAS_2_KEYS: dict[str, dict[str, object]] = {
    "DepthwiseConv1D": _SEPARABLE,
    "DepthwiseConv2D": _SEPARABLE,
    "SeparableConv1D": _SEPARABLE,
    "SeparableConv2D": _SEPARABLE,
    "Conv1DTranspose": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
}


def parse_config(text: str) -> dict[str, Any]:
    """Parse a configuration, check every object in it, and remove what export does not need.

    Compilation (optimizer, loss, metrics) is removed, and keys that only Keras 2 knew.

    Raises:
        ExportError: an object that could run code, a class that is not registered, or a size that
            no image model has.
    """
    config = json.loads(text)
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise ExportError(
            "The configuration describes no model. Save the model again with "
            "model.save('name.keras')."
        )
    _check(config, "The model", 0)
    return config


def set_input_size(config: dict[str, Any], size: tuple[int, int]) -> None:
    """Replace unknown heights and widths of the model's input by a size."""
    layers = config["config"].get("layers")
    objects = [config, *(layers if isinstance(layers, list) else [])]
    configs = [item.get("config") for item in objects if isinstance(item, dict)]
    shapes = [
        entry.get(key) for entry in configs if isinstance(entry, dict) for key in _INPUT_SHAPES
    ]
    build = config.get("build_config")
    if isinstance(build, dict):
        shapes.append(build.get("input_shape"))
        shapes.extend((build.get("shapes_dict") or {}).values())
    for shape in shapes:
        if isinstance(shape, list) and len(shape) in (3, 4):
            for axis, length in enumerate(size, 1):
                shape[axis] = length if shape[axis] is None else shape[axis]


def _check(node: Any, owner: str, depth: int) -> None:
    """Check an object or container and everything in it; `owner` is the layer it belongs to."""
    if depth > MAX_DEPTH:
        raise ExportError(
            f"{owner} has a configuration nested more than {MAX_DEPTH} levels deep, which is "
            "the maximum. Nest fewer models in each other."
        )
    if isinstance(node, list):
        for item in node:
            _check(item, owner, depth + 1)
        return
    if not isinstance(node, dict):
        return
    if "class_name" in node:
        owner = _describe(node, owner)
        _check_object(node, owner)
        _drop_keras_2(node)
        node.pop("compile_config", None)
    _check_numbers(node, owner)
    _check_nodes(node.get("inbound_nodes"), owner)
    layers = node.get("layers")
    if isinstance(layers, list) and len(layers) > MAX_LAYERS:
        raise ExportError(f"{owner} has {len(layers)} layers, at most {MAX_LAYERS} are allowed.")
    for value in node.values():
        _check(value, owner, depth + 1)


def _describe(node: dict[str, Any], owner: str) -> str:
    """Return how messages name an object: a layer by its name, others by their layer."""
    config = node.get("config")
    if not isinstance(config, dict) or not isinstance(config.get("name"), str):
        return owner
    if not {"layers", "trainable", "inbound_nodes"} & {*config, *node}:
        return owner
    name = config["name"]
    return f"Layer {name[:80]!r}"


def _check_object(node: dict[str, Any], owner: str) -> None:
    """Raise an ExportError where an object is neither data nor of an allowed class."""
    name, config = node["class_name"], node.get("config")
    if isinstance(name, str) and name in _DATA:
        return
    shown = str(name)[:80]
    if name in _CODE:
        raise ExportError(
            f"{owner}: {shown} holds Python code, which is never run from a file. Replace it by "
            f"one of Keras's layers or by a class of your own: {_REGISTER}."
        )
    found = _registered(node)
    if found is not None:
        return
    if name == "function":
        if not _is_activation(node):
            raise ExportError(
                f"{owner}: the function {str(config)[:80]!r} is not one of keras.activations; "
                f"only those are allowed. If it is your own, {_REGISTER}."
            )
        return
    found = _keras_class(name, node.get("module"))
    if found is None:
        raise ExportError(
            f"{owner}: the class {shown!r} (module {str(node.get('module'))[:80]!r}) is not "
            f"a layer of Keras or a part of one. If it is your own, {_REGISTER}; if it is an "
            "operation in an .h5 file, save the model as .keras instead."
        )
    refused = tuple(getattr(keras.layers, each) for each in _REFUSED if hasattr(keras.layers, each))
    if issubclass(found, refused):
        raise ExportError(
            f"{owner}: a {shown} cannot be exported, because it runs code or reads files that the "
            "model file names, or works on sequences. Replace or remove the layer."
        )


def _registered(node: dict[str, Any]) -> Any:
    """Return the class or function that a module of the user registered with Keras, or None."""
    names = [node.get("registered_name", node["class_name"])]
    if "module" not in node:
        names.append(node["class_name"])
    if node["class_name"] == "function":
        names = [node.get("config")]
    for name in names:
        if isinstance(name, str) and keras.saving.get_registered_object(name) is not None:
            return keras.saving.get_registered_object(name)
    return None


def _is_activation(node: dict[str, Any]) -> bool:
    name, module = node.get("config"), node.get("module")
    return (
        isinstance(name, str)
        and module in ("builtins", "keras.activations")
        and not name.startswith("_")
        and name not in ("get", "serialize", "deserialize")
        and inspect.isfunction(getattr(keras.activations, name, None))
    )


def _keras_class(name: Any, module: Any) -> type | None:
    """Return Keras's class of that name, of a kind that a model consists of, or None.

    Modules are looked up among those imported already, so that no import follows from a file.
    """
    if not isinstance(name, str) or not (module is None or isinstance(module, str)):
        return None
    if module is None:
        name = "Model" if name == "Functional" else name
        found = [getattr(namespace, name, None) for namespace in _NAMESPACES]
    elif module == "keras" or module.startswith("keras."):
        found = [getattr(sys.modules.get(module), name, None)]
    else:
        return None
    return next(
        (each for each in found if inspect.isclass(each) and issubclass(each, _KINDS)), None
    )


def _check_numbers(node: dict[str, Any], owner: str) -> None:
    """Raise an ExportError where a size is larger than any image model's."""
    for key, value in node.items():
        limit = MAX_INPUT_SIZE if key in _INPUT_SHAPES[:2] else MAX_INTEGER
        numbers = value if isinstance(value, list) else [value]
        if key in _UNBOUNDED:
            continue
        for number in numbers:
            if isinstance(number, int) and abs(number) > limit:
                raise ExportError(
                    f"{owner}: {key[:80]} must be at most {limit}, got {str(number)[:20]}. "
                    "Use a smaller layer."
                )


def _check_nodes(nodes: Any, owner: str) -> None:
    """Raise an ExportError where a call has no symbolic input, as it would run at once."""
    for node in nodes if isinstance(nodes, list) else []:
        if isinstance(node, dict) and not any(
            each.get("class_name") == _KERAS_TENSOR for each in _dicts(node)
        ):
            raise ExportError(
                f"{owner} is called on constants only; it must be called on the output of another "
                "layer. Compute the constants before you build the model."
            )


def _dicts(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a call's arguments."""
    pending = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _drop_keras_2(node: dict[str, Any]) -> None:
    """Remove what Keras 2 wrote into a layer's configuration and Keras 3 does not accept."""
    config = node.get("config")
    if not isinstance(config, dict):
        return
    for key, neutral in _KERAS_2_KEYS.get(str(node["class_name"]), {}).items():
        if key in config and (neutral is _ANYTHING or config[key] == neutral):
            del config[key]
    policy = config.get("dtype")
    if isinstance(policy, dict) and policy.get("class_name") == "Policy":
        inner = policy.get("config")
        config["dtype"] = inner.get("name") if isinstance(inner, dict) else None

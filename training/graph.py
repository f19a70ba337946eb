"""Compile a Keras model to a LiteRT graph, and check every value of the graph against Keras.

The only module that needs TensorFlow itself: its converter compiles the graph.
"""

import contextlib
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from service.model.bundle import Stage
from service.model.engine import as_floats
from service.model.kinds import ACTIVATIONS, SOFTMAX, UnknownKind, kind_of
from training.errors import ExportError as ExportError

log = logging.getLogger(__name__)

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Value:
    """A layer's values at one stage, as a symbolic tensor of the twin."""

    layer: str
    stage: Stage
    tensor: Any


def build_twin(model: keras.Sequential) -> tuple[keras.Model, list[Value]]:
    """Rebuild the model with every activation function as a layer of its own.

    The twin has the same weights; its outputs are all values, `pre` and `post`, in order.

    Raises:
        ExportError: a layer that a bundle cannot hold.
    """
    tensor = twin_input = keras.Input(model.input_shape[1:])
    values = []
    for layer in model.layers:
        _check(layer)
        activation = activation_of(layer)
        split = type(layer).from_config(_without_activation(layer))
        tensor = split(tensor)
        split.set_weights(layer.get_weights())
        values.append(Value(layer.name, "pre", tensor))
        if activation != "linear":
            tensor = keras.layers.Activation(activation)(tensor)
            values.append(Value(layer.name, "post", tensor))
    if activation != SOFTMAX or len(tensor.shape) != 2:
        raise ExportError(
            f"The last layer, {layer.name!r}, must be a Dense with a softmax, got a "
            f"{type(layer).__name__} with the activation {activation!r}."
        )
    return keras.Model(twin_input, [value.tensor for value in values]), values


def activation_of(layer: keras.layers.Layer) -> str:
    """Return the name of a layer's activation function; "linear" where it has none."""
    return str(layer.get_config().get("activation", "linear"))


def convert(twin: keras.Model) -> bytes:
    """Compile a model to a LiteRT graph."""
    # Imported here, because nothing else needs TensorFlow and its import takes seconds.
    import tensorflow as tf

    with contextlib.redirect_stdout(io.StringIO()):  # the converter prints its signature
        graph: bytes = tf.lite.TFLiteConverter.from_keras_model(twin).convert()
    return graph


def compare(
    graph: Path, twin: keras.Model, values: list[Value], digits: NDArray[np.uint8]
) -> list[tuple[str, Stage]]:
    """Check every value of the graph against Keras on all digits.

    Returns:
        The (layer, stage) of each of the graph's outputs, in the graph's order.

    Raises:
        ExportError: a value differs by more than TOLERANCE.
    """
    run, names = _graph_runner(graph)
    # Keras names its outputs output_0, output_1 … in the order of `values`.
    positions = [int(name.rpartition("_")[2]) for name in names]
    pixels = as_floats(digits)
    expected = twin.predict(pixels, verbose=0, batch_size=250)
    differences = dict.fromkeys(range(len(values)), 0.0)
    for index, image in enumerate(pixels):
        for position, output in zip(positions, run(image), strict=True):
            difference = float(np.abs(output - expected[position][index]).max())
            # np.maximum, unlike max, keeps NaN
            differences[position] = float(np.maximum(differences[position], difference))
    for value, difference in zip(values, differences.values(), strict=True):
        log.info("%-20s %-4s largest difference %.2g", value.layer, value.stage, difference)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"The compiled graph differs from Keras by {difference:.3g} in {value.layer} "
                f"({value.stage}), more than {TOLERANCE}: not exported."
            )
    return [(values[position].layer, values[position].stage) for position in positions]


def _check(layer: keras.layers.Layer) -> None:
    """Raise an ExportError where the registry of layer kinds does not accept the layer."""
    name, kind_name = layer.name, type(layer).__name__
    try:
        kind = kind_of(kind_name)
    except UnknownKind as error:
        raise ExportError(
            f"Layer {name!r} cannot be exported: {error}. Replace or remove the layer."
        ) from error
    rank = len(layer.input.shape) - 1
    if kind.input_rank not in (None, rank):
        raise ExportError(
            f"Layer {name!r} ({kind_name}) must have {kind.input_rank} input axis, got {rank}; "
            "put a Flatten before it."
        )
    config = layer.get_config()
    for key, accepted in kind.configuration.items():
        if config[key] != accepted:
            raise ExportError(
                f"Layer {name!r} ({kind_name}) must have {key}={accepted!r}, got {config[key]!r}."
            )
    if activation_of(layer) not in ACTIVATIONS:
        raise ExportError(
            f"Layer {name!r} has the activation {activation_of(layer)!r}; "
            f"a bundle can hold {', '.join(ACTIVATIONS)}."
        )


def _without_activation(layer: keras.layers.Layer) -> dict[str, Any]:
    config: dict[str, Any] = layer.get_config()
    return {**config, "activation": "linear"} if "activation" in config else config


def _graph_runner(
    graph: Path,
) -> tuple[Callable[[NDArray[np.float32]], list[NDArray[np.float32]]], list[str]]:
    """Return a function that runs the graph on one image, and the names of its outputs."""
    interpreter = Interpreter(model_path=str(graph), num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    signature = interpreter.get_signature_runner().get_output_details()
    name_of = {detail["index"]: name for name, detail in signature.items()}

    def run(image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        interpreter.set_tensor(source, image[np.newaxis])
        interpreter.invoke()
        return [interpreter.get_tensor(index)[0] for index in outputs]

    return run, [name_of[index] for index in outputs]

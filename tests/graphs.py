"""A network that is a graph and not a chain, and its bundle with a manifest of version 2."""

import base64
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from safetensors.numpy import save_file

from service.model.bundle import sha256
from service.model.manifest import GRAPH, MANIFEST, MODEL, WEIGHTS
from training.graph import convert

SHAPE = (20, 16, 3)
BRANCH = 36  # layers in a row, so that the list of layers is long
LABELS = [f"class {index}" for index in range(12)]


def graph_cnn() -> keras.Model:
    """Build a small network with a sum of two branches, tokens, and layers in blocks."""
    keras.utils.set_random_seed(8)
    image = keras.Input(SHAPE)
    stem = layers.Conv2D(70, 3, strides=2, padding="same", name="stem")(image)
    tensor = layers.Activation("relu", name="stem_relu")(stem)
    branch = layers.Conv2D(70, 1, padding="same", name="block1__conv")(tensor)
    for index in range(BRANCH):
        branch = layers.Activation("tanh", name=f"block1__tanh_{index}")(branch)
    added = layers.Add(name="block1__add")([tensor, branch])
    tokens = layers.Reshape((80, 70), name="tokens")(added)
    normal = layers.LayerNormalization(name="norm")(tokens)
    pooled = layers.GlobalAveragePooling1D(name="pool")(normal)
    return keras.Model(image, layers.Dense(12, activation="softmax", name="classes")(pooled))


def write_bundle(
    folder: Path, name: str = "graph", preparation: dict[str, Any] | None = None
) -> None:
    """Compile the network to a bundle in an empty folder.

    Args:
        folder: of the bundle.
        name: of the model.
        preparation: how the manifest says that images become inputs.
    """
    model = graph_cnn()
    kept = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    outputs = [layer.output for layer in kept]
    logits = keras.layers.Dense(12, name="logits")
    outputs.append(logits(kept[-2].output))
    logits.set_weights(kept[-1].get_weights())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GRAPH).write_bytes(convert(keras.Model(model.inputs, outputs)))
    (folder / MODEL).write_bytes(b"a file that the service only hashes")
    weights = {
        f"{_name(layer)}/{weight.name}": np.array(weight)
        for layer in kept
        for weight in layer.weights
    }
    save_file(weights, folder / WEIGHTS)
    index_of = output_indices(folder / GRAPH)
    entries = [_entry(layer, index_of[position]) for position, layer in enumerate(kept)]
    entries[-1] |= {"pre": index_of[len(kept)], "activation": "softmax"}
    pixels = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    probabilities = model.predict(pixels[np.newaxis] / np.float32(255), verbose=0)[0]
    files = (MODEL, GRAPH, WEIGHTS)
    manifest = {
        "manifest": 2,
        "name": name,
        "version": 1,
        "labels": LABELS,
        "input": {"shape": SHAPE, "colour": "rgb", "preparation": preparation},
        "output": {"layer": "classes", "activation": "softmax"},
        "graphs": {"made_from": sha256(folder / MODEL), "values": {"file": GRAPH}},
        "layers": entries,
        "golden": [
            {
                "image": base64.b64encode(pixels.tobytes()).decode(),
                "shape": SHAPE,
                "means": {"classes/post": float(probabilities.mean())},
                "probabilities": probabilities.tolist(),
            }
        ],
        "sha256": {file: sha256(folder / file) for file in files},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))


def output_indices(graph: Path) -> dict[int, int]:
    """Return the index among a graph's outputs of each output of the Keras model."""
    interpreter = Interpreter(model_path=str(graph), num_threads=1)
    interpreter.allocate_tensors()
    indices = [detail["index"] for detail in interpreter.get_output_details()]
    signature = interpreter.get_signature_runner().get_output_details()
    return {
        int(name.rpartition("_")[2]): indices.index(detail["index"])
        for name, detail in signature.items()
    }


def _name(layer: keras.layers.Layer) -> str:
    """Return a layer's name in the manifest: with slashes and a colon, which Keras forbids."""
    name = str(layer.name).replace("__", "/")
    return f"{name}:2" if name.endswith("/conv") else name


def _entry(layer: keras.layers.Layer, output: int) -> dict[str, Any]:
    """Return the manifest's object of a layer."""
    sources = layer.input if isinstance(layer.input, list) else [layer.input]
    histories = [source._keras_history.operation for source in sources]
    return {
        "name": _name(layer),
        "kind": type(layer).__name__,
        "input_shape": sources[0].shape[1:],
        "output_shape": layer.output.shape[1:],
        "activation": "linear",
        "parameters": layer.count_params(),
        "pre": output,
        "post": output,
        "inputs": [
            "input" if isinstance(each, keras.layers.InputLayer) else _name(each)
            for each in histories
        ],
        "block": layer.name.partition("__")[0] if "__" in layer.name else None,
        "config": {},
        "is_exact": layer.name in ("stem", "classes"),
        **(
            {"kernel_size": layer.kernel_size, "strides": layer.strides, "padding": layer.padding}
            if isinstance(layer, keras.layers.Conv2D)
            else {}
        ),
    }

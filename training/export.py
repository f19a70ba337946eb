"""Turns a trained Keras model into a bundle: compiles it, checks the graph, writes all or nothing.

The only module that needs TensorFlow itself: its converter compiles the graph. What the bundle's
files hold is told in `service/bundle.py`, which reads them.
"""

import base64
import contextlib
import io
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from safetensors.numpy import save

from service.model.bundle import (
    DISTRIBUTION,
    GRAPH,
    MANIFEST,
    MODEL,
    PATCHES,
    VERIFIED_FILES,
    WEIGHTS,
    ReceptiveField,
    sha256,
    versions,
)
from training.data import Mnist
from training.distribution import LET_THROUGH, fit
from training.patches import strongest_patches

log = logging.getLogger(__name__)

TOLERANCE = 1e-4
METRICS = ("digits", "accuracy", "loss", "expected_calibration_error")
COMPARED_DIGITS = 1_000
CONVOLUTION, DENSE, FLATTEN = "Conv2D", "Dense", "Flatten"
POOLING = ("MaxPooling2D", "AveragePooling2D")
WINDOWED = (CONVOLUTION, *POOLING)
ACTIVATIONS = ("linear", "relu", "softmax", "sigmoid", "tanh")


class ExportError(Exception):
    """The model cannot become a bundle; says which layer or value, and why."""


@dataclass(frozen=True)
class _Value:
    """One value of the network: which layer's, at which stage, and its symbolic tensor."""

    layer: str
    stage: str
    tensor: Any


def export(run: Path, models: Path, name: str, mnist: Mnist, version: int | None = None) -> Path:
    """Write a run's model as the bundle `models/<name>/<version>`.

    Args:
        run: a run folder with `model.keras`, `config.json` and what `evaluate` wrote.
        models: where bundles lie.
        name: the model's name.
        mnist: its test digits are what the graph is compared on.
        version: a new integer; None for the highest there is plus one.

    Returns:
        The bundle's folder.

    Raises:
        ExportError: a layer of an unknown kind, a graph that differs from Keras by more than 1e-4
            in any value, or a version that exists. Nothing is written then.
    """
    version = version or max(versions(models, name), default=0) + 1
    target = models / name / str(version)
    if target.exists():
        raise ExportError(f"{target} exists already; give another --version.")
    for needed in ("model.keras", "config.json", "report.json"):
        if not (run / needed).exists():
            raise ExportError(f"{run / needed} is missing: train and evaluate the run first.")
    # not compiled, so that the bundle's copy has no optimizer state: that is twice the weights
    model = keras.models.load_model(run / "model.keras", compile=False)
    digits = mnist.test_images[:COMPARED_DIGITS, ..., np.newaxis]
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".export-") as folder:
        bundle = Path(folder) / "bundle"
        bundle.mkdir()
        about = {**_about(run), "in_distribution": _write_distribution(model, mnist, bundle)}
        compile_bundle(model, bundle, name, version, digits, golden_digits(mnist), about)
        described = json.loads((bundle / MANIFEST).read_text())["layers"]
        layers = strongest_patches(model, described, mnist.test_images[..., np.newaxis])
        (bundle / PATCHES).write_text(json.dumps({"layers": layers}) + "\n")
        for path in (run / "report.json", *run.glob("*.png")):
            shutil.copy(path, bundle)
        target.parent.mkdir(exist_ok=True)
        bundle.rename(target)
    log.info("Wrote %s", target)
    return target


def compile_bundle(
    model: keras.Sequential,
    bundle: Path,
    name: str,
    version: int,
    digits: NDArray[np.uint8],
    golden: NDArray[np.uint8],
    about: dict[str, Any],
) -> None:
    """Write `model.keras`, the graph, the weights and the manifest into an empty folder.

    Args:
        model: a built Sequential of known layer kinds, float32 (N, H, W, C) in 0–1 to classes.
        bundle: the folder.
        name: the model's name.
        version: its version.
        digits: uint8 (N, H, W, C) to compare graph and model on.
        golden: uint8 (G, H, W, C) whose answers are recorded in the manifest.
        about: further entries of the manifest (training, metrics …).

    Raises:
        ExportError: see `export`.
    """
    model.save(bundle / MODEL)
    twin_input, values = _twin(model)
    twin = keras.Model(twin_input, [value.tensor for value in values])
    (bundle / GRAPH).write_bytes(_convert(twin))
    order = _compare(bundle / GRAPH, twin, values, digits)
    (bundle / WEIGHTS).write_bytes(save(dict(_weights(model))))
    layers = _describe(model, {key: index for index, key in enumerate(order)})
    height, width, channels = model.input_shape[1:]
    files = [name for name in (*VERIFIED_FILES, DISTRIBUTION) if (bundle / name).exists()]
    hashes = {name: sha256(bundle / name) for name in files}
    manifest = {
        "name": name,
        "version": version,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "labels": [str(label) for label in range(model.output_shape[-1])],
        "input": {
            "height": height,
            "width": width,
            "channels": channels,
            "dtype": "float32",
            "range": [0, 1],
        },
        "preprocessing": {
            "digit": "uint8, ink 255 on 0; the service divides by 255",
            "default": "auto",
        },
        "parameters": model.count_params(),
        "layers": layers,
        "graph": {"made_from": hashes[MODEL]},
        "sha256": hashes,
        "golden": _golden(twin, values, golden),
        "libraries": {
            library: library_version(library) for library in ("keras", "tensorflow", "numpy")
        },
        **about,
    }
    (bundle / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def _write_distribution(model: keras.Sequential, mnist: Mnist, bundle: Path) -> dict[str, Any]:
    """What the model's digits look like inside it, as a file; the manifest's entry about it."""
    found = fit(model, mnist)
    arrays = {"whitening": found.whitening, "centres": found.centres}
    (bundle / DISTRIBUTION).write_bytes(save(arrays))
    return {
        "method": "largest logit, less the Mahalanobis distance of the last hidden layer",
        "threshold": found.threshold,
        "let_through": LET_THROUGH,
    }


def golden_digits(mnist: Mnist) -> NDArray[np.uint8]:
    """The first test digit of each class, uint8 (10, 28, 28, 1)."""
    first = [int(np.argmax(mnist.test_labels == label)) for label in range(10)]
    return mnist.test_images[first][..., np.newaxis]


def _about(run: Path) -> dict[str, Any]:
    figures = json.loads((run / "report.json").read_text())
    return {
        "training": json.loads((run / "config.json").read_text()),
        "metrics": {name: figures[name] for name in METRICS},
    }


def _twin(model: keras.Sequential) -> tuple[Any, list[_Value]]:
    """The same layers and weights with every activation split off, so that `pre` has a tensor."""
    tensor = twin_input = keras.Input(model.input_shape[1:])
    values = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind not in (*WINDOWED, DENSE, FLATTEN):
            raise ExportError(
                f"Layer {layer.name!r} is a {kind}; a bundle can hold "
                f"{', '.join((*WINDOWED, FLATTEN, DENSE))} in sequence."
            )
        if kind == DENSE and len(layer.input.shape) != 2:
            raise ExportError(f"Layer {layer.name!r} is Dense on maps; put a Flatten before it.")
        activation = _activation(layer)
        split = type(layer).from_config(_linear(layer))
        tensor = split(tensor)
        split.set_weights(layer.get_weights())
        values.append(_Value(layer.name, "pre", tensor))
        if activation != "linear":
            tensor = keras.layers.Activation(activation)(tensor)
            values.append(_Value(layer.name, "post", tensor))
    if activation != "softmax" or len(tensor.shape) != 2:
        raise ExportError(f"Layer {layer.name!r} is the last; it must be a Dense with a softmax.")
    return twin_input, values


def _activation(layer: keras.layers.Layer) -> str:
    activation = layer.get_config().get("activation", "linear")
    if activation not in ACTIVATIONS:
        raise ExportError(
            f"Layer {layer.name!r} has the activation {activation!r}; "
            f"a bundle can hold {', '.join(ACTIVATIONS)}."
        )
    return str(activation)


def _linear(layer: keras.layers.Layer) -> dict[str, Any]:
    config: dict[str, Any] = layer.get_config()
    if config.get("dilation_rate", (1, 1)) != (1, 1) or config.get("groups", 1) != 1:
        raise ExportError(
            f"Layer {layer.name!r} is dilated or grouped, which a bundle cannot hold."
        )
    if config.get("data_format", "channels_last") != "channels_last":
        raise ExportError(f"Layer {layer.name!r} is not channels-last.")
    return {**config, "activation": "linear"} if "activation" in config else config


def _convert(twin: keras.Model) -> bytes:
    import tensorflow as tf  # nothing else here needs it, and it takes seconds

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its signature
        graph: bytes = tf.lite.TFLiteConverter.from_keras_model(twin).convert()
    return graph


def _compare(
    graph: Path, twin: keras.Model, values: list[_Value], digits: NDArray[np.uint8]
) -> list[tuple[str, str]]:
    """Check every value of the graph against Keras on all digits.

    Returns:
        The (layer, stage) of each of the graph's outputs, in the graph's order.
    """
    run, names = _graph_runner(graph)
    # Keras names its outputs output_0, output_1 … in the order of `values`
    order = [values[int(name.rpartition("_")[2])] for name in names]
    pixels = digits.astype(np.float32) / np.float32(255)
    expected = twin.predict(pixels, verbose=0, batch_size=250)
    worst = dict.fromkeys(range(len(values)), 0.0)
    for index, image in enumerate(pixels):
        for value, found in zip(order, run(image), strict=True):
            position = values.index(value)
            difference = float(np.abs(found - expected[position][index]).max())
            worst[position] = float(np.maximum(worst[position], difference))  # NaN stays NaN
    for position, difference in worst.items():
        value = values[position]
        log.info("%-20s %-4s largest difference %.2g", value.layer, value.stage, difference)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"The compiled graph differs from Keras by {difference:.3g} in {value.layer} "
                f"({value.stage}), more than {TOLERANCE}: not exported."
            )
    return [(value.layer, value.stage) for value in order]


def _graph_runner(
    graph: Path,
) -> tuple[Callable[[NDArray[np.float32]], list[NDArray[np.float32]]], list[str]]:
    """A function that runs the graph on one image, and the names of what it returns."""
    interpreter = Interpreter(model_path=str(graph), num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    named = interpreter.get_signature_runner().get_output_details()
    name_of = {detail["index"]: name for name, detail in named.items()}

    def run(image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        interpreter.set_tensor(source, image[np.newaxis])
        interpreter.invoke()
        return [interpreter.get_tensor(index)[0] for index in outputs]

    return run, [name_of[index] for index in outputs]


def _weights(model: keras.Sequential) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for layer in model.layers:
        for variable in layer.weights:
            yield f"{layer.name}/{variable.name}", keras.ops.convert_to_numpy(variable)


def _describe(model: keras.Sequential, outputs: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
    """The manifest's layers, in order (see `service.bundle.Layer`)."""
    described = []
    field: ReceptiveField | None = ReceptiveField((1, 1), (1, 1), (0, 0))
    for layer in model.layers:
        kind, pre = type(layer).__name__, outputs[layer.name, "pre"]
        entry: dict[str, Any] = {
            "name": layer.name,
            "kind": kind,
            "input_shape": layer.input.shape[1:],
            "output_shape": layer.output.shape[1:],
            "activation": _activation(layer),
            "parameters": layer.count_params(),
            "pre": pre,
            "post": outputs.get((layer.name, "post"), pre),
        }
        if kind in WINDOWED:
            window = layer.kernel_size if kind == CONVOLUTION else layer.pool_size
            entry |= {"kernel_size": window, "strides": layer.strides, "padding": layer.padding}
        field = _grow(field, entry) if kind in WINDOWED and field else None
        entry["receptive_field"] = asdict(field) if field else None
        described.append(entry)
    return described


def _grow(field: ReceptiveField, layer: dict[str, Any]) -> ReceptiveField:
    """The receptive field one windowed layer further on (Araujo et al., Distill 2019)."""
    grown = []
    for axis in (0, 1):
        window, stride = layer["kernel_size"][axis], layer["strides"][axis]
        before = 0
        if layer["padding"] == "same":
            covered = (layer["output_shape"][axis] - 1) * stride + window
            before = max(covered - layer["input_shape"][axis], 0) // 2
        step = field.step[axis]
        grown.append(
            (
                field.size[axis] + (window - 1) * step,
                step * stride,
                field.start[axis] - before * step,
            )
        )
    (height, row_step, top), (width, column_step, left) = grown
    return ReceptiveField((height, width), (row_step, column_step), (top, left))


def _golden(
    twin: keras.Model, values: list[_Value], digits: NDArray[np.uint8]
) -> list[dict[str, Any]]:
    answers = twin.predict(digits.astype(np.float32) / np.float32(255), verbose=0)
    return [
        {
            "digit": base64.b64encode(digit.tobytes()).decode(),
            "means": {
                f"{value.layer}/{value.stage}": float(answer[index].mean())
                for value, answer in zip(values, answers, strict=True)
            },
            "probabilities": [float(value) for value in answers[-1][index]],
        }
        for index, digit in enumerate(digits)
    ]

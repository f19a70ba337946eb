"""Write a trained Keras model as a bundle: compile it, check the graph, write all files or none.

`service/model/bundle.py` documents the bundle's files, and reads them.
"""

import base64
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from service.model.bundle import PATCHES, sha256, versions
from service.model.kinds import PIXEL, ReceptiveField, kind_of, sliding_windows
from service.model.layer import Layer, Stage
from service.model.manifest import DISTRIBUTION, GRAPH, MANIFEST, MODEL, WEIGHTS
from service.model.normalisation import as_floats
from training.data import Mnist
from training.distribution import LET_THROUGH, fit
from training.graph import ExportError as ExportError
from training.graph import Value, activation_of, build_twin, compare, convert
from training.patches import strongest_patches

log = logging.getLogger(__name__)

METRICS = ("digits", "accuracy", "loss", "expected_calibration_error")
COMPARED_DIGITS = 1_000


def export(run: Path, models: Path, name: str, mnist: Mnist, version: int | None = None) -> Path:
    """Write a run's model as the bundle `models/<name>/<version>`.

    Args:
        run: a run folder with `model.keras`, `config.json` and the files of `evaluate`.
        models: the folder of all bundles.
        name: the model's name.
        mnist: graph and model are compared on its test digits.
        version: a new integer; None for the highest existing one plus one.

    Returns:
        The bundle's folder.

    Raises:
        ExportError: a layer of an unknown kind, a graph that differs from Keras by more than 1e-4
            in any value, or a version that exists. Nothing is written then.
    """
    version = version or max(versions(models, name), default=0) + 1
    target = models / name / str(version)
    if target.exists():
        raise ExportError(f"{target} exists already; choose another --version.")
    for required in ("model.keras", "config.json", "report.json"):
        if not (run / required).exists():
            raise ExportError(f"{run / required} is missing: train and evaluate the run first.")
    # Not compiled, so that the bundle's copy has no optimizer state, which is twice the weights.
    model = keras.models.load_model(run / "model.keras", compile=False)
    digits = mnist.test_images[:COMPARED_DIGITS, ..., np.newaxis]
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".export-") as folder:
        bundle = Path(folder) / "bundle"
        bundle.mkdir()
        entries = {
            **_run_entries(run),
            "in_distribution": _write_distribution(model, mnist, bundle),
        }
        golden = golden_digits(mnist)
        manifest = compile_bundle(model, bundle, name, version, digits, golden, entries)
        patches = strongest_patches(model, manifest["layers"], mnist.test_images[..., np.newaxis])
        (bundle / PATCHES).write_text(json.dumps({"layers": patches}) + "\n")
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
    entries: dict[str, Any],
) -> dict[str, Any]:
    """Write `model.keras`, the graph, the weights and the manifest into an empty folder.

    Args:
        model: a built Sequential of known layer kinds, float32 (N, H, W, C) in 0–1 to classes.
        bundle: the folder.
        name: the model's name.
        version: its version.
        digits: uint8 (N, H, W, C) to compare graph and model on.
        golden: uint8 (G, H, W, C) whose values are recorded in the manifest.
        entries: further entries of the manifest (training, metrics …).

    Returns:
        The manifest.

    Raises:
        ExportError: a layer of an unknown kind, or a graph that differs from Keras.
    """
    model.save(bundle / MODEL)
    twin, values = build_twin(model)
    (bundle / GRAPH).write_bytes(convert(twin))
    outputs = compare(bundle / GRAPH, twin, values, digits)
    (bundle / WEIGHTS).write_bytes(save(dict(_weights(model))))
    files = [name for name in (MODEL, GRAPH, WEIGHTS, DISTRIBUTION) if (bundle / name).exists()]
    hashes = {name: sha256(bundle / name) for name in files}
    height, width, channels = model.input_shape[1:]
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
        "layers": [layer.to_json() for layer in _layers(model, outputs)],
        "graph": {"made_from": hashes[MODEL]},
        "sha256": hashes,
        "golden": _golden_entries(twin, values, golden),
        "libraries": {
            library: library_version(library) for library in ("keras", "tensorflow", "numpy")
        },
        **entries,
    }
    (bundle / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def golden_digits(mnist: Mnist) -> NDArray[np.uint8]:
    """Return the first test digit of each class, uint8 (10, 28, 28, 1)."""
    first = [int(np.argmax(mnist.test_labels == label)) for label in range(10)]
    return mnist.test_images[first][..., np.newaxis]


def _run_entries(run: Path) -> dict[str, Any]:
    """Return the manifest's entries about the run: its configuration and metrics."""
    report = json.loads((run / "report.json").read_text())
    return {
        "training": json.loads((run / "config.json").read_text()),
        "metrics": {name: report[name] for name in METRICS},
    }


def _write_distribution(model: keras.Sequential, mnist: Mnist, bundle: Path) -> dict[str, Any]:
    """Write the weights of the model's score; return the manifest's entry."""
    distribution = fit(model, mnist)
    arrays = {
        "kernel": distribution.kernel,
        "bias": distribution.bias,
        "weights": distribution.weights,
    }
    (bundle / DISTRIBUTION).write_bytes(save(arrays))
    return {
        "method": "a small network on the last hidden layer's input, trained on outliers",
        "threshold": distribution.threshold,
        "let_through": LET_THROUGH,
    }


def _weights(model: keras.Sequential) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for layer in model.layers:
        for variable in layer.weights:
            yield f"{layer.name}/{variable.name}", keras.ops.convert_to_numpy(variable)


def _layers(model: keras.Sequential, outputs: list[tuple[str, Stage]]) -> Iterator[Layer]:
    """Yield the manifest's layers in order.

    Args:
        model: of known layer kinds.
        outputs: the (layer, stage) of each of the graph's outputs.
    """
    index_of = {output: index for index, output in enumerate(outputs)}
    receptive_field: ReceptiveField | None = PIXEL
    for layer in model.layers:
        kind, pre = kind_of(type(layer).__name__), index_of[layer.name, "pre"]
        input_shape, output_shape = layer.input.shape[1:], layer.output.shape[1:]
        size = strides = padding = None
        if kind.window is None:
            receptive_field = None
        else:
            size, strides, padding = getattr(layer, kind.window), layer.strides, layer.padding
            windows = sliding_windows(size, strides, padding, input_shape, output_shape)
            receptive_field = receptive_field.through(windows) if receptive_field else None
        yield Layer(
            name=layer.name,
            kind=kind.name,
            input_shape=input_shape,
            output_shape=output_shape,
            activation=activation_of(layer),
            parameters=layer.count_params(),
            pre=pre,
            post=index_of.get((layer.name, "post"), pre),
            kernel_size=size,
            strides=strides,
            padding=padding,
            receptive_field=receptive_field,
        )


def _golden_entries(
    twin: keras.Model, values: list[Value], digits: NDArray[np.uint8]
) -> list[dict[str, Any]]:
    """Return the manifest's golden digits with the means of all values."""
    expected = twin.predict(as_floats(digits), verbose=0)
    return [
        {
            "digit": base64.b64encode(digit.tobytes()).decode(),
            "means": {
                f"{value.layer}/{value.stage}": float(array[index].mean())
                for value, array in zip(values, expected, strict=True)
            },
            "probabilities": [float(value) for value in expected[-1][index]],
        }
        for index, digit in enumerate(digits)
    ]

"""Export a training run, or a saved Keras or ONNX model, as a bundle `models/<name>/<version>`."""

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from service.model.bundle import PATCHES
from service.model.checksums import write_manifest
from service.model.manifest import (
    DISTRIBUTION,
    SNAPSHOTS,
    DigitPreparation,
    Input,
    ResizePreparation,
)
from training.bundling import Contents, Summary, patterns, write_bundle
from training.data import Mnist
from training.digit_map import write_map
from training.distribution import LET_THROUGH, fit
from training.errors import ExportError
from training.familiarity import fit_familiarity, save_score
from training.float32 import in_float32
from training.input_spec import default_input, parse
from training.layers import features_of
from training.loading import ONNX, load_model
from training.new_bundle import new_bundle
from training.patches import strongest_patches
from training.pictures import read_pictures
from training.progress import fits
from training.tracing import Trace, trace

log = logging.getLogger(__name__)

METRICS = ("digits", "accuracy", "loss", "expected_calibration_error")
COMPARED_DIGITS = 1_000
_COMPARED_PATTERNS = 8
_COMPARED = 64  # of the user's images
_GOLDEN = 2
_BATCH = 32  # images for which the score's features are computed at once
_RESCALING = ("Rescaling", "Normalization")  # layers that take bytes 0–255
DIGIT_SHAPE = (28, 28, 1)


@dataclass(frozen=True)
class Wanted:
    """What a user wants of an export.

    Attributes:
        name: of the model.
        labels: of the classes; None for the numbers from 0.
        input: text of `--input`; None to decide by the model.
        fit_images: folder of the user's images, to fit the score on; None for no score.
        imports: modules that register custom classes.
        size: height and width, of a model that takes any.
        version: None for the highest existing one plus one.
    """

    name: str
    labels: Sequence[str] | None = None
    input: str | None = None
    fit_images: Path | None = None
    imports: Sequence[str] = ()
    size: tuple[int, int] | None = None
    version: int | None = None


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
        ExportError: a layer that a bundle cannot hold, a graph that differs from Keras by more than
            1e-4 in any value, or a version that exists. Nothing is written then.
    """
    for required in ("model.keras", "config.json", "report.json"):
        if not (run / required).exists():
            raise ExportError(f"{run / required} is missing: train and evaluate the run first.")
    # Not compiled, so that the bundle's copy has no optimizer state, which is twice the weights.
    model = keras.models.load_model(run / "model.keras", compile=False)
    digits = mnist.test_images[:COMPARED_DIGITS, ..., np.newaxis]
    with new_bundle(models, name, version) as (bundle, number):
        entries = {
            **_run_entries(run),
            "in_distribution": _write_distribution(model, mnist, bundle),
        }
        if fits(run / SNAPSHOTS, model):
            shutil.copy(run / SNAPSHOTS, bundle)
        golden = golden_digits(mnist)
        manifest = compile_bundle(model, bundle, name, number, digits, golden, entries)
        patches = strongest_patches(model, manifest["layers"], mnist.test_images[..., np.newaxis])
        (bundle / PATCHES).write_text(json.dumps({"layers": patches}) + "\n")
        write_map(model, mnist, bundle)
        for path in (run / "report.json", *run.glob("*.png")):
            shutil.copy(path, bundle)
        write_manifest(bundle, manifest)  # again: it lists these files too
    return models / name / str(number)


def export_model(path: Path, models: Path, wanted: Wanted) -> tuple[Path, Summary]:
    """Write a saved Keras or ONNX model as the next bundle `models/<name>/<version>`.

    Args:
        path: a `.keras`, `.h5` or `.onnx` file.
        models: the folder of all bundles.
        wanted: the user's wishes.

    Returns:
        The bundle's folder, and what was measured.

    Raises:
        ExportError: the file is damaged or hostile, the model cannot be compiled, or differs from
            Keras. Nothing is written then.
    """
    log.info("Reading %s …", path)
    model = load_model(path, wanted.imports, wanted.size)
    return export_keras_model(model, models, wanted, may_take_bytes=path.suffix != ONNX)


def export_keras_model(
    model: keras.Model, models: Path, wanted: Wanted, *, may_take_bytes: bool = True
) -> tuple[Path, Summary]:
    """Write a Keras model as the next bundle `models/<name>/<version>`.

    Args:
        model: built.
        models: the folder of all bundles.
        wanted: the user's wishes; its imports are not read.
        may_take_bytes: whether a Rescaling or Normalization at its beginning means that it takes
            bytes. In a model from an ONNX file, these stand for any constant.

    Returns:
        The bundle's folder, and what was measured.

    Raises:
        ExportError: the model cannot be compiled, or differs from Keras. Nothing is written then.
    """
    model = in_float32(model)
    log.info("Tracing the model …")
    traced = trace(model, wanted.size)
    shape, (classes,) = traced.input_shape, traced.shapes[traced.output.probabilities]
    labels = list(wanted.labels or map(str, range(classes)))
    if len(labels) != classes:
        raise ExportError(
            f"The model has {classes} classes, and there are {len(labels)} labels; give one "
            "for each class, a line each."
        )
    rescales = may_take_bytes and any(each.kind in _RESCALING for each in traced.layers[:3])
    source = _input(wanted.input, shape, rescales)
    pictures = read_pictures(wanted.fit_images, source) if wanted.fit_images else None
    images = patterns(shape, _COMPARED_PATTERNS) if pictures is None else pictures[:_COMPARED]
    with new_bundle(models, wanted.name, wanted.version) as (bundle, version):
        entries = {}
        if pictures is not None:
            entries["in_distribution"] = _write_familiarity(traced, source, pictures, bundle)
        contents = Contents(
            wanted.name, version, labels, source, images, patterns(shape, _GOLDEN, 1), entries
        )
        _, summary = write_bundle(model, traced, bundle, contents)
    return models / wanted.name / str(version), summary


def compile_bundle(
    model: keras.Model,
    bundle: Path,
    name: str,
    version: int,
    digits: NDArray[np.uint8],
    golden: NDArray[np.uint8],
    entries: dict[str, Any],
) -> dict[str, Any]:
    """Write a model of digits, or of arrays of another shape, into an empty folder.

    Args:
        model: built, float32 (N, H, W, C) in 0–1 to classes.
        bundle: the folder.
        name: the model's name.
        version: its version.
        digits: uint8 (N, H, W, C) to compare graph and model on.
        golden: uint8 (G, H, W, C) whose values are recorded in the manifest.
        entries: further entries of the manifest (training, metrics …).

    Returns:
        The manifest.

    Raises:
        ExportError: a layer that a bundle cannot hold, or a graph that differs from Keras.
    """
    traced = trace(model)
    shape = traced.input_shape
    preparation = DigitPreparation() if shape == DIGIT_SHAPE else None
    source = Input(shape, "rgb" if shape[2] == 3 else "grey", preparation)
    labels = [str(label) for label in range(traced.shapes[traced.output.probabilities][0])]
    contents = Contents(name, version, labels, source, digits, golden, entries)
    return write_bundle(model, traced, bundle, contents)[0]


def golden_digits(mnist: Mnist) -> NDArray[np.uint8]:
    """Return the first test digit of each class, uint8 (10, 28, 28, 1)."""
    first = [int(np.argmax(mnist.test_labels == label)) for label in range(10)]
    return mnist.test_images[first][..., np.newaxis]


def _input(text: str | None, shape: tuple[int, int, int], rescales: bool) -> Input:
    try:
        if text is not None:
            resize, numbers = parse(text, shape, takes_bytes=rescales)
        else:
            resize, numbers = default_input(shape, rescales)
    except ValueError as error:
        raise ExportError(str(error)) from error
    if resize is None:
        return Input(shape, "grey", DigitPreparation())
    preparation = ResizePreparation(
        resize.fit, resize.resize, numbers.scale, numbers.mean, numbers.std
    )
    return Input(shape, resize.colour, preparation)


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
    save_score(distribution, bundle / DISTRIBUTION)
    return {
        "method": "a small network on the last hidden layer's input, trained on outliers",
        "features": f"{model.layers[-3].name}/post",
        "threshold": distribution.threshold,
        "let_through": LET_THROUGH,
    }


def _write_familiarity(
    traced: Trace, source: Input, pictures: NDArray[np.uint8], bundle: Path
) -> dict[str, Any]:
    """Fit the score on the user's images and write it; return the manifest's entry."""
    pair = features_of(traced)
    if pair is None:
        raise ExportError(
            "No layer leads to the logits, so no score can be fitted: omit --fit-images."
        )
    log.info("Fitting the score on %d images …", len(pictures))
    values = [
        np.asarray(traced.predict(source.normalisation.apply(pictures[first : first + _BATCH]))[2])
        for first in range(0, len(pictures), _BATCH)
    ]
    try:
        score = fit_familiarity(np.concatenate(values))
    except ValueError as error:
        raise ExportError(f"--fit-images: {error}") from error
    save_score(score, bundle / DISTRIBUTION)
    return {
        "method": "a Gaussian distribution of the features of the user's images",
        "features": "/".join(pair),
        "threshold": score.threshold,
        "images": len(pictures),
    }

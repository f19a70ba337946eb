"""A bundle is written whole, with every file that the service reads, or not at all."""

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from service.model.bundle import Bundle, read_bundle
from service.model.checksums import sha256
from service.model.manifest import SNAPSHOTS
from tests.networks import values_of
from training import bundling
from training.conversion import convert
from training.data import VALIDATION_SIZE, Mnist
from training.errors import ExportError
from training.export import export, golden_digits
from training.model import lecture_cnn
from training.new_bundle import new_bundle
from training.snapshots import weights_of, write_snapshots
from training.tracing import trace


@pytest.fixture(scope="module")
def few(mnist: Mnist) -> Mnist:
    """A hundred test digits, among them every class, and some for training and validation."""
    return Mnist(
        mnist.train_images[-VALIDATION_SIZE - 400 :],
        mnist.train_labels[-VALIDATION_SIZE - 400 :],
        mnist.test_images[:100],
        mnist.test_labels[:100],
    )


@pytest.fixture(scope="module")
def lecture() -> keras.Sequential:
    """The lecture's network, untrained."""
    keras.utils.set_random_seed(1)
    return lecture_cnn()


@pytest.fixture
def run(tmp_path: Path, lecture: keras.Sequential) -> Path:
    """A run folder with the files that `train` and `evaluate` write."""
    return write_run(tmp_path / "run", lecture)


@pytest.fixture(scope="module")
def bundle(
    tmp_path_factory: pytest.TempPathFactory, lecture: keras.Sequential, few: Mnist
) -> Bundle:
    """The bundle of such a run, in a models folder of its own, beside the run."""
    run = write_run(tmp_path_factory.mktemp("exported") / "run", lecture)
    return read_bundle(export(run, run.parent / "models", "mnist", few))


def write_run(folder: Path, lecture: keras.Sequential) -> Path:
    """Write the files of a run of the lecture's network; return the folder."""
    folder.mkdir()
    lecture.save(folder / "model.keras")
    (folder / "config.json").write_text(json.dumps({"recipe": "lecture", "seed": 1}))
    figures = {"digits": 100, "accuracy": 0.1, "loss": 2.3, "expected_calibration_error": 0.02}
    (folder / "report.json").write_text(json.dumps({**figures, "confusion": []}))
    (folder / "curves.png").write_bytes(b"a picture")
    tensors = {name: weight[np.newaxis] for name, weight in weights_of(lecture).items()}
    write_snapshots(folder / SNAPSHOTS, [{"step": 0}], tensors)
    return folder


def test_the_bundle_has_the_lectures_layers(bundle: Bundle, lecture: keras.Sequential) -> None:
    """`export` writes a bundle that the service verifies, with every layer as in Keras."""
    folder, models = bundle.path, bundle.path.parents[1]

    assert folder == models / "mnist" / "1"
    assert (bundle.name, bundle.version, bundle.input_shape) == ("mnist", 1, (28, 28, 1))
    assert bundle.labels == tuple("0123456789")
    assert [(layer.name, layer.kind, layer.parameters) for layer in bundle.layers] == [
        (layer.name, type(layer).__name__, layer.count_params()) for layer in lecture.layers
    ]
    for entry, layer in zip(bundle.layers, lecture.layers, strict=True):
        assert entry.input_shape == layer.input.shape[1:]
        assert entry.output_shape == layer.output.shape[1:]
    assert [layer.activation for layer in bundle.layers] == [
        "relu", "linear", "relu", "linear", "relu", "linear", "relu", "softmax",
    ]  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == [
        "curves.png",
        "digit_map",
        "digit_map.safetensors",
        "distribution.safetensors",
        "graph.tflite",
        "manifest.json",
        "model.keras",
        "patches.json",
        "report.json",
        "snapshots.safetensors",
        "weights.safetensors",
    ]
    assert bundle.manifest["sha256"][SNAPSHOTS] == sha256(models.parent / "run" / SNAPSHOTS)
    assert [path.name for path in models.iterdir()] == ["mnist"]  # and no temporary folder


def test_the_manifest_has_configuration_metrics_and_golden_digits(
    bundle: Bundle, few: Mnist
) -> None:
    """The manifest has the run's configuration and metrics, and a digit of each class."""
    assert bundle.manifest["training"] == {"recipe": "lecture", "seed": 1}
    assert bundle.manifest["metrics"]["accuracy"] == 0.1
    assert "confusion" not in bundle.manifest["metrics"]
    digits = golden_digits(few)
    np.testing.assert_array_equal([golden.pixels for golden in bundle.golden], digits)
    model = keras.models.load_model(bundle.path / "model.keras", compile=False)
    values = values_of(model, digits)
    for index, golden in enumerate(bundle.golden):
        np.testing.assert_allclose(golden.probabilities, values[-1][index], atol=1e-6)
        for layer, value in zip(bundle.layers, values, strict=True):
            stage = "pre" if layer.pre == layer.post else "post"
            assert golden.means[layer.name, stage] == pytest.approx(
                float(value[index].mean()), abs=1e-5
            )


def test_a_golden_digit_of_each_class(mnist: Mnist) -> None:
    """The golden digits are the first of each class, in the classes' order."""
    digits = golden_digits(mnist)

    assert digits.shape == (10, 28, 28, 1)
    for label, digit in enumerate(digits):
        place = np.flatnonzero((mnist.test_images == digit[..., 0]).all(axis=(1, 2)))[0]
        assert mnist.test_labels[place] == label
        assert label not in mnist.test_labels[:place]


def test_the_saved_model_is_the_runs_without_optimizer_state(run: Path, few: Mnist) -> None:
    """The bundle's `model.keras` is the run's model without the state of the optimizer."""
    trained = keras.models.load_model(run / "model.keras")
    trained.compile("adam", "sparse_categorical_crossentropy")
    digits = few.test_images[:20, ..., np.newaxis]
    trained.fit(digits / np.float32(255), few.test_labels[:20], verbose=0)
    trained.save(run / "model.keras")
    saved = export(run, run.parent / "models", "mnist", few) / "model.keras"

    model = keras.models.load_model(saved)
    np.testing.assert_array_equal(values_of(model, digits)[-1], values_of(trained, digits)[-1])
    assert saved.stat().st_size < (run / "model.keras").stat().st_size / 2


def test_a_rejected_export_writes_nothing(
    run: Path, few: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models folder stays empty: no folder, no temporary file."""
    models = run.parent / "models"

    model = keras.models.load_model(run / "model.keras", compile=False)

    def altered(_: Any) -> bytes:
        other = keras.models.clone_model(model)
        weights = [array.copy() for array in model.get_weights()]
        weights[2][1, 1, 5, 7] += 0.5  # one number of 18,432 in the second convolution's kernel
        other.set_weights(weights)
        return convert(trace(other))

    monkeypatch.setattr(bundling, "convert", altered)

    with pytest.raises(ExportError, match=r"differs from Keras by .* in .*more than"):
        export(run, models, "mnist", few)

    assert list(models.iterdir()) == []


def test_what_a_killed_export_left_is_removed(tmp_path: Path) -> None:
    """The folder of an export that was killed is removed by the next; that of one that runs stays.

    A killed process has no chance to clean up, but the system takes its lock.
    """
    models = tmp_path / "models"
    (models / ".export-killed" / "bundle").mkdir(parents=True)
    (models / ".export-running").mkdir()
    running = os.open(models / ".export-running", os.O_RDONLY)
    fcntl.flock(running, fcntl.LOCK_EX)
    with new_bundle(models, "mnist", None) as (bundle, version):
        (bundle / "a").write_text("whole")
    os.close(running)

    assert version == 1
    assert sorted(path.name for path in models.iterdir()) == [".export-running", "mnist"]
    assert (models / "mnist" / "1" / "a").read_text() == "whole"


def test_a_full_disk_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    """An error of the system becomes one that says what to do."""
    with (
        pytest.raises(ExportError, match=r"No space left on device.* free space"),
        new_bundle(tmp_path, "mnist", None),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert list(tmp_path.iterdir()) == []


def test_an_existing_version_is_not_overwritten(run: Path, few: Mnist) -> None:
    """A version that exists already is rejected, and its files stay unchanged."""
    existing = run.parent / "models" / "mnist" / "3"
    existing.mkdir(parents=True)
    (existing / "manifest.json").write_text("mine")

    with pytest.raises(ExportError, match="3 exists already; choose another --version"):
        export(run, run.parent / "models", "mnist", few, version=3)

    assert [path.name for path in existing.parent.iterdir()] == ["3"]
    assert (existing / "manifest.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "version", "number"), [("mnist", None, 11), ("new", 7, 7), ("new", None, 1)]
)
def test_the_next_version_is_the_highest_plus_one(
    name: str, version: int | None, number: int, tmp_path: Path
) -> None:
    """Versions are compared as numbers, gaps are not filled, other folders are ignored."""
    for existing in ("mnist/2", "mnist/9", "mnist/10", "mnist/latest", "other/40"):
        (tmp_path / existing).mkdir(parents=True)

    with new_bundle(tmp_path, name, version) as (folder, lent):
        (folder / "file").touch()

    assert lent == number
    assert (tmp_path / name / str(number) / "file").exists()


@pytest.mark.parametrize("missing", ["model.keras", "config.json", "report.json"])
def test_an_unfinished_run_is_rejected(missing: str, run: Path, few: Mnist) -> None:
    """The message for a run without training or evaluation names the file and the remedy."""
    (run / missing).unlink()

    with pytest.raises(ExportError, match=f"{missing} is missing: train and evaluate the run"):
        export(run, run.parent / "models", "mnist", few)

    assert not (run.parent / "models").exists()

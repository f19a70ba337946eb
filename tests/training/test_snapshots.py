"""The lecture's training is recorded, its snapshots are measured, and the bundle contains them."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from service.model.manifest import SNAPSHOTS
from tests.conftest import ROOT
from training.data import Mnist
from training.evaluate import evaluate
from training.model import lecture_cnn
from training.progress import add_snapshots, fits
from training.snapshots import RECORDED, read_snapshots

STEPS_OF_AN_EPOCH = 14  # 420 digits in batches of 32, the last one smaller
MAX_BYTES = 2_000_000


@pytest.fixture(scope="module")
def measured(few: Mnist, lecture_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs with its report and its snapshots."""
    run = shutil.copytree(lecture_run, tmp_path_factory.mktemp("measured") / "run")
    model = keras.models.load_model(run / "model.keras", compile=False)
    add_snapshots(run, model, few.test_images, few.test_labels)
    return run


def test_training_records_the_weights_from_first_to_last(few: Mnist, lecture_run: Path) -> None:
    """The first snapshot has the initial weights, the last those of the saved model, as float16."""
    entries, tensors = read_snapshots(lecture_run / RECORDED)

    assert [entry["step"] for entry in entries] == [0, 5, 15, 2 * STEPS_OF_AN_EPOCH]
    digits = len(few.train_images)
    assert [entry["images"] for entry in entries] == [0, 160, digits + 32, 2 * digits]
    assert entries[-1]["epoch"] == 2
    keras.utils.set_random_seed(1)
    initial = lecture_cnn()
    saved = keras.models.load_model(lecture_run / "model.keras", compile=False)
    for index, model in ((0, initial), (-1, saved)):
        for layer in model.layers:
            for weight in layer.weights:
                recorded = tensors[f"{layer.name}/{weight.name}"][index]
                np.testing.assert_array_equal(recorded, np.asarray(weight).astype(np.float16))


def test_snapshots_have_their_accuracy_and_a_map(few: Mnist, measured: Path) -> None:
    """Accuracy and loss are those of the float16 weights; each test digit has its places."""
    entries, tensors = read_snapshots(measured / SNAPSHOTS)

    model = lecture_cnn()
    names = [f"{layer.name}/{weight.name}" for layer in model.layers for weight in layer.weights]
    for index, entry in enumerate(entries):
        model.set_weights([tensors[name][index].astype(np.float32) for name in names])
        report = evaluate(model, few.test_images, few.test_labels)
        assert entry["accuracy"] == report.accuracy
        assert entry["loss"] == pytest.approx(report.loss, abs=1e-6)
    assert tensors["map"].shape == (len(entries), len(few.test_images), 2)
    assert (tensors["map"].min(), tensors["map"].max()) == (0, 65_535)
    np.testing.assert_array_equal(tensors["labels"], few.test_labels)


def test_another_run_has_the_lectures_snapshots(few: Mnist, measured: Path, tmp_path: Path) -> None:
    """`evaluate --lecture` copies its snapshots; without it, earlier ones are removed."""
    model = lecture_cnn()
    add_snapshots(tmp_path, model, few.test_images, few.test_labels, measured)
    assert (tmp_path / SNAPSHOTS).read_bytes() == (measured / SNAPSHOTS).read_bytes()

    add_snapshots(tmp_path, model, few.test_images, few.test_labels)
    assert not (tmp_path / SNAPSHOTS).exists()


def test_snapshots_fit_the_network_that_was_recorded(measured: Path, tmp_path: Path) -> None:
    """They fit a network of the same layers, and no other; no file fits none."""
    other = keras.Sequential([keras.Input((28, 28, 1)), *lecture_cnn().layers[:-1]])
    assert fits(measured / SNAPSHOTS, lecture_cnn())
    assert not fits(measured / SNAPSHOTS, other)
    assert not fits(tmp_path / SNAPSHOTS, lecture_cnn())


def test_the_committed_snapshots_are_the_lectures(mnist: Mnist) -> None:
    """The committed bundle has up to 12 snapshots in 2 MB, from chance to 98 %."""
    path = ROOT / "models" / "mnist" / "1" / SNAPSHOTS
    entries, tensors = read_snapshots(path)

    assert path.stat().st_size <= MAX_BYTES
    assert len(entries) <= 12
    assert entries[0]["step"] == 0
    assert entries[0]["accuracy"] < 0.2
    assert entries[-1]["accuracy"] > 0.98
    assert tensors["map"].shape == (len(entries), 2_000, 2)
    np.testing.assert_array_equal(tensors["labels"], mnist.test_labels[::5])

"""Small training data and finished runs for the tests of training."""

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray
from tqdm.keras import TqdmCallback

from tests.training.runs import VALIDATION_DIGITS, best
from tests.training.saved_models import SUFFIXES, small_sequential
from training import run_folder, schedule, train
from training.data import Mnist
from training.train import train_lecture


@pytest.fixture(scope="session")
def few(mnist: Mnist) -> Iterator[Mnist]:
    """Return 320 training digits, 100 validation digits and 50 test digits."""
    count = 320 + VALIDATION_DIGITS
    with pytest.MonkeyPatch.context() as patch:
        for module in (train, schedule):
            patch.setattr(module, "VALIDATION_SIZE", VALIDATION_DIGITS)
        yield Mnist(
            mnist.train_images[:count],
            mnist.train_labels[:count],
            mnist.test_images[:50],
            mnist.test_labels[:50],
        )


@pytest.fixture(scope="session")
def best_run(few: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of the recipe `best`."""
    run = tmp_path_factory.mktemp("best") / "run"
    best(few, run)
    return run


@pytest.fixture(scope="session")
def lecture_run(few: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of the recipe `lecture` with two epochs; tests copy it."""
    run = tmp_path_factory.mktemp("lecture") / "run"
    train_lecture(few, run, seed=1, epochs=2)
    return run


@pytest.fixture
def run(lecture_run: Path, tmp_path: Path) -> Path:
    """Return a copy of `lecture_run` that a test may change."""
    return shutil.copytree(lecture_run, tmp_path / "run")


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that sends one SIGINT in the middle of an epoch, counted from 0."""

    def at(epoch: int) -> None:
        class Interrupting(TqdmCallback):  # type: ignore[misc]
            epoch = 0
            is_interrupted = False

            def on_epoch_begin(self, epoch: int, *rest: Any) -> None:
                super().on_epoch_begin(epoch, *rest)
                self.epoch = epoch

            def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
                if self.epoch == epoch and batch == 2 and not self.is_interrupted:
                    Interrupting.is_interrupted = True
                    signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(run_folder, "TqdmCallback", Interrupting)

    return at


@pytest.fixture
def model() -> keras.Model:
    """Return a small classifier, unlike the lecture's in size and number of classes."""
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(2, 5, strides=4, activation="relu"),
            layers.Flatten(),
            layers.Dense(4, activation="softmax", bias_initializer="random_normal"),
        ]
    )


@pytest.fixture
def images() -> NDArray[np.uint8]:
    """Return noise, for tests that do not depend on what the images show."""
    return np.random.default_rng(7).integers(0, 256, (60, 28, 28), np.uint8)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Use a temporary folder of the test's own, and check that it is empty afterwards."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def saved(tmp_path: Path) -> dict[str, Path]:
    """Save a small model in both formats."""
    model = small_sequential()
    paths = {suffix: tmp_path / f"saved{suffix}" for suffix in SUFFIXES}
    for path in paths.values():
        model.save(path)
    return paths

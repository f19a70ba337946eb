"""Ctrl-C leaves a usable run folder, and `--resume` continues from it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.runs import best, epochs, history, same, weights_of
from training import batches
from training.data import Mnist
from training.errors import TrainingError
from training.model import lecture_cnn
from training.run_folder import Interrupted
from training.snapshots import RECORDED
from training.train import train_lecture
from training.whole_files import replace_file


@pytest.mark.slow
def test_an_interrupted_run_is_resumed(
    few: Mnist, best_run: Path, tmp_path: Path, ctrl_c: Callable[[int], None]
) -> None:
    """Ctrl-C saves a model; `--resume` gives the weights of a run that was not interrupted."""
    run = tmp_path / "run"
    ctrl_c(1)
    with pytest.raises(Interrupted, match="after 1 of 3 epochs"):
        best(few, run)
    assert epochs(run) == [0]
    assert (run / "model.keras").exists()

    best(few, run, resume=True)

    assert epochs(run) == [0, 1, 2]
    assert same(weights_of(run), weights_of(best_run))


@pytest.mark.slow
def test_a_resumed_run_does_not_train_its_teachers_again(
    few: Mnist, best_run: Path, tmp_path: Path
) -> None:
    """Finished teachers are restored from their backups, and the student is the same."""
    run = shutil.copytree(best_run, tmp_path / "run")
    histories = [run / f"teacher-{number}" / "history.csv" for number in (1, 2)]
    before = [path.read_text() for path in histories]

    best(few, run, resume=True)

    assert [path.read_text() for path in histories] == before
    assert same(weights_of(run), weights_of(best_run))


def test_a_run_without_resume_starts_from_scratch(few: Mnist, run: Path, lecture_run: Path) -> None:
    """Without `--resume` an earlier run in the folder has no effect."""
    other = train_lecture(few, run, seed=2, epochs=1)
    assert int(other.optimizer.iterations) == -(-len(few.train_images) // 32)
    assert epochs(run) == [0]

    train_lecture(few, run, seed=1, epochs=2)

    assert history(run) == history(lecture_run)
    assert same(weights_of(run), weights_of(lecture_run))


def test_a_resumed_run_gives_the_same_weights_and_snapshots(
    few: Mnist, lecture_run: Path, tmp_path: Path, ctrl_c: Callable[[int], None]
) -> None:
    """Digits come in the order of their epoch, and the optimizer goes on from its state."""
    ctrl_c(1)
    with pytest.raises(Interrupted):
        train_lecture(few, tmp_path, seed=1, epochs=2)
    train_lecture(few, tmp_path, seed=1, resume=True, epochs=2)

    assert same(weights_of(tmp_path), weights_of(lecture_run))
    assert history(tmp_path) == history(lecture_run)
    assert (tmp_path / RECORDED).read_bytes() == (lecture_run / RECORDED).read_bytes()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_run_that_diverges_is_stopped_and_saves_nothing(
    few: Mnist, run: Path, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a number is not finite, the error names the epoch, and the backup is unchanged."""
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    monkeypatch.setattr(
        batches, "as_floats", lambda images: np.full(images.shape, value, np.float32)
    )

    with pytest.raises(TrainingError, match=r"diverged in epoch 3: .* --seed"):
        train_lecture(few, run, seed=1, resume=True, epochs=4)

    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where writing fails, the earlier file stays, and nothing else is left."""
    (tmp_path / "a.txt").write_text("before")

    def write(partial: Path) -> None:
        partial.write_text("half")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace_file(tmp_path / "a.txt", write)

    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_ctrl_c_restores_the_best_weights_and_names_resume(
    few: Mnist, run: Path, ctrl_c: Callable[[int], None]
) -> None:
    """After Ctrl-C the model has its best epoch's weights, and the error names `--resume`."""
    ctrl_c(3)

    with pytest.raises(Interrupted) as interruption:
        train_lecture(few, run, seed=1, resume=True, epochs=5)

    assert str(interruption.value) == (
        f"Training stopped after 3 of 5 epochs. The best weights so far are in "
        f"{run / 'best.weights.h5'}; run the same command with --resume to continue."
    )
    assert epochs(run) == [0, 1, 2]
    saved = keras.models.load_model(run / "model.keras")
    expected = lecture_cnn()
    expected.load_weights(run / "best.weights.h5")
    assert same(saved.get_weights(), expected.get_weights())
    # The history has the mean accuracy during an epoch; its end is better.
    pixels = few.train_images[..., None] / np.float32(255)
    _, accuracy = saved.evaluate(pixels, few.train_labels, verbose=0)
    assert accuracy >= max(float(row["accuracy"]) for row in history(run))


def test_worse_epochs_after_resuming_keep_the_best_weights(few: Mnist, run: Path) -> None:
    """A resumed run whose accuracy drops keeps the earlier weights as its best."""
    before = (run / "best.weights.h5").read_bytes()
    wrong_labels = (few.train_labels + 5) % 10
    worse = Mnist(few.train_images, wrong_labels, few.test_images, few.test_labels)

    train_lecture(worse, run, seed=1, resume=True, epochs=3)

    assert float(history(run)[2]["accuracy"]) < float(history(run)[1]["accuracy"])
    assert (run / "best.weights.h5").read_bytes() == before


def test_ctrl_c_in_the_first_epoch_keeps_an_older_model(
    few: Mnist, run: Path, lecture_run: Path, ctrl_c: Callable[[int], None]
) -> None:
    """Without a finished epoch nothing is saved, and the error says so."""
    ctrl_c(0)

    with pytest.raises(Interrupted, match="before the first epoch ended; no weights were saved"):
        train_lecture(few, run, seed=2, epochs=1)

    assert same(weights_of(run), weights_of(lecture_run))
    assert not (run / "best.weights.h5").exists()


@pytest.mark.slow
def test_resuming_a_finished_run_trains_no_further(
    few: Mnist, run: Path, lecture_run: Path, best_run: Path, tmp_path: Path
) -> None:
    """`--resume` of a finished run saves the same model again and repeats no epoch."""
    best_copy = shutil.copytree(best_run, tmp_path / "best")
    for folder in (run, best_copy):
        (folder / "model.keras").unlink()

    # With another seed, training again would give other weights.
    train_lecture(few, run, seed=9, resume=True, epochs=2)
    best(few, best_copy, seed=9, resume=True)

    for resumed, before in ((run, lecture_run), (best_copy, best_run)):
        assert history(resumed) == history(before)
        assert same(weights_of(resumed), weights_of(before))


def test_an_epoch_repeated_after_a_crash_is_listed_once(few: Mnist, run: Path) -> None:
    """If a process dies between history and backup, the repeated epoch is in the history once."""
    with (run / "history.csv").open("a") as file:
        file.write("2,0.5,0.5\r\n")

    train_lecture(few, run, seed=1, resume=True, epochs=3)

    assert epochs(run) == [0, 1, 2]
    assert float(history(run)[2]["accuracy"]) != 0.5

"""Training in small: a few hundred digits, an epoch or two; seeds, files, Ctrl-C and `--resume`."""

import ast
import csv
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tqdm.keras import TqdmCallback

from training import train
from training.batches import AugmentedBatches, mean_of
from training.data import Mnist
from training.evaluate import logits_of
from training.model import lecture_cnn
from training.report import read_history
from training.train import Interrupted, Schedule, train_best, train_lecture

ROOT = Path(__file__).parents[2]
HELD_OUT = 100
SHORT = Schedule(epochs=3, teachers=2, teacher_epochs=1, batch_size=64, wide=20, wide_epochs=1)


@pytest.fixture(scope="module")
def few(mnist: Mnist) -> Mnist:
    """320 digits to learn from, 100 held out, 50 to test on."""
    return Mnist(
        mnist.train_images[: 320 + HELD_OUT],
        mnist.train_labels[: 320 + HELD_OUT],
        mnist.test_images[:50],
        mnist.test_labels[:50],
    )


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """Hold out 100 digits, not 5,000."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "VALIDATION_SIZE", HELD_OUT)
        yield


def best(few: Mnist, run: Path, seed: int = 1, resume: bool = False) -> keras.Model:
    """The recipe `best`, in small."""
    return train_best(few, run, seed, resume, SHORT)


@pytest.fixture(scope="module")
def best_run(few: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the recipe `best`."""
    run = tmp_path_factory.mktemp("best") / "run"
    best(few, run)
    return run


@pytest.fixture(scope="module")
def lecture_run(few: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the recipe `lecture`, two epochs; tests copy it."""
    run = tmp_path_factory.mktemp("lecture") / "run"
    train_lecture(few, run, seed=1, epochs=2)
    return run


@pytest.fixture
def run(lecture_run: Path, tmp_path: Path) -> Path:
    """A copy of `lecture_run`, to go on from."""
    return shutil.copytree(lecture_run, tmp_path / "run")


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sends this process a real SIGINT in the middle of an epoch, counted from 0; once."""

    def at(epoch: int) -> None:
        class Impatient(TqdmCallback):  # type: ignore[misc]
            epoch = 0
            sent = False

            def on_epoch_begin(self, epoch: int, *rest: Any) -> None:
                super().on_epoch_begin(epoch, *rest)
                self.epoch = epoch

            def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
                if self.epoch == epoch and batch == 2 and not Impatient.sent:
                    Impatient.sent = True
                    signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(train, "TqdmCallback", Impatient)

    return at


def weights_of(run: Path) -> list[NDArray[np.float32]]:
    """The saved model's."""
    weights: list[NDArray[np.float32]] = keras.models.load_model(
        run / "model.keras", compile=False
    ).get_weights()
    return weights


def same(first: list[NDArray[Any]], second: list[NDArray[Any]]) -> bool:
    """Whether all weights are equal, to the last bit."""
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def history(run: Path) -> list[dict[str, str]]:
    """The rows of `history.csv`."""
    with (run / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def epochs(run: Path) -> list[int]:
    """The epochs that `history.csv` has, counted from 0."""
    return [int(row["epoch"]) for row in history(run)]


def test_a_batch_depends_on_seed_and_index_alone(few: Mnist) -> None:
    """Batch i is the same whenever it is made; each epoch shows every digit once, another way."""
    data = few.train_images[:320], few.train_labels[:320]
    batches, again = (AugmentedBatches(*data, batch_size=64, seed=1) for _ in range(2))

    assert batches.steps_per_epoch == 5
    later = [batches[index] for index in (7, 3, 7)]
    for (images, labels), index in zip(later, (7, 3, 7), strict=True):
        np.testing.assert_array_equal(images, again[index][0])
        np.testing.assert_array_equal(labels, again[index][1])
    assert later[0][0].shape == (64, 28, 28, 1)
    assert later[0][0].dtype == np.float32
    for epoch in (0, 1):
        labels = np.concatenate([batches[epoch * 5 + step][1] for step in range(5)])
        np.testing.assert_array_equal(labels.sum(axis=0), np.bincount(data[1], minlength=10))
    assert not np.array_equal(batches[0][1], batches[5][1])
    other = AugmentedBatches(*data, batch_size=64, seed=2)
    assert not np.array_equal(batches[0][1], other[0][1])


def test_batches_go_on_at_a_later_epoch(few: Mnist) -> None:
    """With `first_epoch` the first batch is that epoch's, so a resumed run sees what it would."""
    data = few.train_images[:320], few.train_labels[:320]
    whole, rest = (AugmentedBatches(*data, 64, 1, first_epoch) for first_epoch in (0, 2))

    np.testing.assert_array_equal(rest[1][0], whole[11][0])


def test_teachers_answer_for_the_very_digits_that_are_learned(few: Mnist) -> None:
    """With teachers, what is to be learned is the mean of their probabilities of each batch."""
    data = few.train_images[:64], few.train_labels[:64]
    teachers = [lecture_cnn(output_activation="linear") for _ in range(2)]

    images, wanted = AugmentedBatches(*data, 64, seed=1, teach=mean_of(teachers))[0]

    expected = np.mean([keras.ops.softmax(each(images)) for each in teachers], axis=0)
    np.testing.assert_allclose(wanted, expected, atol=1e-6)
    np.testing.assert_array_equal(images, AugmentedBatches(*data, batch_size=64, seed=1)[0][0])


def test_what_is_known_of_the_last_digits_is_learned_of_them(few: Mnist) -> None:
    """Whatever the teachers say; of the others it is what they say."""
    images, labels = few.train_images[:80], few.train_labels[:80]
    known = np.eye(10, dtype=np.float32)[labels[-16:]]
    doubt = np.full(10, 0.1, np.float32)

    def teach(images: Any) -> Any:
        return np.tile(doubt, (len(images), 1))

    batches = AugmentedBatches(images, labels, 40, seed=1, teach=teach, known=known)
    wanted = np.concatenate([batches[step][1] for step in range(2)])

    taught = (wanted == doubt).all(axis=1)
    assert np.count_nonzero(taught) == 64
    np.testing.assert_array_equal(
        wanted[~taught].sum(axis=0), np.bincount(labels[-16:], minlength=10)
    )


def test_the_best_recipe_leaves_a_whole_run_folder(best_run: Path, few: Mnist) -> None:
    """A finished run has the lecture's network, what made it, and how it went."""
    model = keras.models.load_model(best_run / "model.keras", compile=False)
    config = json.loads((best_run / "config.json").read_text())

    assert [layer.get_config() for layer in model.layers] == [
        layer.get_config() for layer in lecture_cnn().layers
    ]
    assert (config["recipe"], config["seed"]) == ("best", 1)
    assert config["backend"] == keras.backend.backend()
    assert (config["epochs"], config["batch_size"], config["teachers"]) == (3, 64, 2)
    assert 0.1 <= config["temperature"] <= 10
    assert epochs(best_run) == [0, 1, 2]
    assert read_history(best_run / "history.csv").keys() == {
        "epoch", "accuracy", "loss", "val_accuracy", "val_loss",
    }  # fmt: skip
    probabilities = model.predict(few.test_images[..., None] / np.float32(255), verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_same_seed_gives_the_same_weights(best_run: Path, few: Mnist, tmp_path: Path) -> None:
    """Two runs with one seed end in the very same weights, by the very same epochs."""
    best(few, tmp_path / "run")

    assert same(weights_of(tmp_path / "run"), weights_of(best_run))
    assert history(tmp_path / "run") == history(best_run)


def test_an_interrupted_run_goes_on(
    few: Mnist, tmp_path: Path, ctrl_c: Callable[[int], None]
) -> None:
    """Ctrl-C leaves a model; `--resume` loses the one epoch only and trains all that are left."""
    run = tmp_path / "run"
    ctrl_c(1)
    with pytest.raises(Interrupted, match="after 1 of 3 epochs"):
        best(few, run)
    assert epochs(run) == [0]
    assert (run / "model.keras").exists()

    best(few, run, resume=True)

    assert epochs(run) == [0, 1, 2]


def test_a_resumed_run_does_not_train_its_teachers_again(
    few: Mnist, best_run: Path, tmp_path: Path
) -> None:
    """Teachers that are done come from their backups, and the network ends as it did."""
    run = shutil.copytree(best_run, tmp_path / "run")
    histories = [run / f"teacher-{number}" / "history.csv" for number in (1, 2)]
    before = [path.read_text() for path in histories]

    best(few, run, resume=True)

    assert [path.read_text() for path in histories] == before
    assert same(weights_of(run), weights_of(best_run))


def test_another_seed_gives_other_weights(best_run: Path, few: Mnist, tmp_path: Path) -> None:
    """Another seed, another network."""
    best(few, tmp_path / "run", seed=2)

    for first, second in zip(weights_of(best_run), weights_of(tmp_path / "run"), strict=True):
        assert not np.allclose(first, second)


def test_the_temperature_changes_no_label(
    few: Mnist, best_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The saved model's logits are the trained one's, divided by the recorded temperature."""
    trained: list[keras.Model] = []
    fold = train.fold_temperature

    def spy(model: keras.Model, temperature: float) -> keras.Model:
        trained.append(model)
        return fold(model, temperature)

    monkeypatch.setattr(train, "fold_temperature", spy)
    run = shutil.copytree(best_run, tmp_path / "run")
    best(few, run, resume=True)

    model = keras.models.load_model(run / "model.keras", compile=False)
    temperature = json.loads((run / "config.json").read_text())["temperature"]
    before, after = logits_of(trained[0], few.test_images), logits_of(model, few.test_images)
    assert temperature != pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(after, before / temperature, atol=1e-4)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))


def test_the_lectures_recipe_trains_and_records_itself(lecture_run: Path) -> None:
    """`lecture` is saved with its seed, epochs and batch size, and a history of training alone."""
    model = keras.models.load_model(lecture_run / "model.keras")
    config = json.loads((lecture_run / "config.json").read_text())

    assert (config["recipe"], config["seed"]) == ("lecture", 1)
    assert (config["epochs"], config["batch_size"]) == (2, 32)
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert model.loss == "sparse_categorical_crossentropy"
    figures = read_history(lecture_run / "history.csv")
    assert figures.keys() == {"epoch", "accuracy", "loss"}
    assert figures["loss"][1] < figures["loss"][0]


def test_a_new_run_in_an_old_folder_starts_anew(few: Mnist, run: Path, lecture_run: Path) -> None:
    """Without `--resume` nothing of an earlier run in the folder is gone on from."""
    other = train_lecture(few, run, seed=2, epochs=1)
    assert int(other.optimizer.iterations) == -(-len(few.train_images) // 32)
    assert epochs(run) == [0]

    train_lecture(few, run, seed=1, epochs=2)

    assert history(run) == history(lecture_run)
    assert same(weights_of(run), weights_of(lecture_run))


def test_ctrl_c_leaves_the_best_weights_and_says_how_to_go_on(
    few: Mnist, run: Path, ctrl_c: Callable[[int], None]
) -> None:
    """After Ctrl-C the saved model is as it was after its best epoch, and `--resume` is named."""
    ctrl_c(3)

    with pytest.raises(Interrupted) as stop:
        train_lecture(few, run, seed=1, resume=True, epochs=5)

    assert str(stop.value) == (
        f"Stopped after 3 of 5 epochs. The best weights so far are in "
        f"{run / 'best.weights.h5'}; the same command with --resume goes on from here."
    )
    assert epochs(run) == [0, 1, 2]
    left = keras.models.load_model(run / "model.keras")
    expected = lecture_cnn()
    expected.load_weights(run / "best.weights.h5")
    assert same(left.get_weights(), expected.get_weights())
    # a history's accuracy is that of the whole epoch, so its end is better
    pixels = few.train_images[..., None] / np.float32(255)
    _, accuracy = left.evaluate(pixels, few.train_labels, verbose=0)
    assert accuracy >= max(float(row["accuracy"]) for row in history(run))


def test_the_best_weights_outlive_worse_epochs_after_resuming(few: Mnist, run: Path) -> None:
    """A resumed run that does worse than before keeps the weights from before as its best."""
    before = (run / "best.weights.h5").read_bytes()
    false_labels = (few.train_labels + 5) % 10
    worse = Mnist(few.train_images, false_labels, few.test_images, few.test_labels)

    train_lecture(worse, run, seed=1, resume=True, epochs=3)

    assert float(history(run)[2]["accuracy"]) < float(history(run)[1]["accuracy"])
    assert (run / "best.weights.h5").read_bytes() == before


def test_ctrl_c_before_the_first_epoch_is_done_leaves_an_older_model_alone(
    few: Mnist, run: Path, lecture_run: Path, ctrl_c: Callable[[int], None]
) -> None:
    """Where nothing was learned yet nothing is saved, and the message does not promise weights."""
    ctrl_c(0)

    with pytest.raises(Interrupted, match="before the first epoch was done"):
        train_lecture(few, run, seed=2, epochs=1)

    assert same(weights_of(run), weights_of(lecture_run))
    assert not (run / "best.weights.h5").exists()


def test_resuming_a_finished_run_trains_no_further(
    few: Mnist, run: Path, lecture_run: Path, best_run: Path, tmp_path: Path
) -> None:
    """`--resume` where all epochs are done saves the same model again, and lists no epoch twice."""
    taught = shutil.copytree(best_run, tmp_path / "best")
    for folder in (run, taught):
        (folder / "model.keras").unlink()

    # another seed: trained again, the weights would be others
    train_lecture(few, run, seed=9, resume=True, epochs=2)
    best(few, taught, seed=9, resume=True)

    for resumed, before in ((run, lecture_run), (taught, best_run)):
        assert history(resumed) == history(before)
        assert same(weights_of(resumed), weights_of(before))


def test_an_epoch_done_again_after_a_crash_is_listed_once(few: Mnist, run: Path) -> None:
    """A process killed between history and backup repeats that epoch; the history has it once."""
    with (run / "history.csv").open("a") as file:
        file.write("2,0.5,0.5\r\n")

    train_lecture(few, run, seed=1, resume=True, epochs=3)

    assert epochs(run) == [0, 1, 2]
    assert float(history(run)[2]["accuracy"]) != 0.5


def test_a_failure_saves_nothing(few: Mnist, tmp_path: Path) -> None:
    """Only a finished or interrupted training is saved, not one that failed."""
    run = tmp_path / "run"
    short_of_labels = Mnist(few.train_images, few.train_labels[:7], *[few.test_images] * 2)

    with pytest.raises(ValueError, match="cardinality"):
        train_lecture(short_of_labels, run, seed=1, epochs=1)

    assert not (run / "model.keras").exists()


def test_the_command_stops_at_ctrl_c_with_130_and_a_sentence(tmp_path: Path) -> None:
    """`python -m training train`, interrupted: exit status 130, one sentence, no traceback."""
    command = [sys.executable, "-m", "training", "train", "--recipe", "lecture"]
    process = subprocess.Popen(
        [*command, "--run", str(tmp_path / "run")], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = ""
    limit = threading.Timer(60, process.kill)
    limit.start()
    try:
        while "0/5" not in said and (character := process.stderr.read(1)):
            said += character
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
        status = process.wait()
    finally:
        limit.cancel()
        process.stderr.close()

    assert status == 130, said
    assert "Training recipe 'lecture' on " in said
    assert "Total params: 93,322" in said
    assert "Stopped before the first epoch was done" in said.splitlines()[-1]
    assert "Traceback" not in said


def test_only_export_knows_a_backend() -> None:
    """Training is plain Keras: no module but `export` imports TensorFlow, JAX or PyTorch."""
    for path in sorted((ROOT / "training").glob("*.py")):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
        found = imported & {"tensorflow", "tf_keras", "jax", "jaxlib", "torch"}
        assert found == ({"tensorflow"} if path.name == "export.py" else set()), path.name

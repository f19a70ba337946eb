"""The recipes on a few hundred digits and epochs: seeds, saved files, and the command."""

import ast
import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.runs import best, epochs, history, same, weights_of
from training import train
from training.calibration import logits_of
from training.data import Mnist
from training.model import lecture_cnn
from training.report import read_history
from training.train import train_lecture

ROOT = Path(__file__).parents[2]
# runs the command with a short schedule, as if the three libraries were not installed
TRAIN_WITHOUT = """
import sys
from dataclasses import replace

for library in ("scipy", "sklearn", "ai_edge_litert"):
    sys.modules[library] = None

from tests.training.runs import SHORT, VALIDATION_DIGITS
from training import __main__, schedule as numbers, train
from training.data import Mnist

train_best, schedule = train.train_best, replace(SHORT, epochs=1, teachers=1)
for module in (train, numbers):
    module.VALIDATION_SIZE = VALIDATION_DIGITS
train.train_best = lambda mnist, *options: train_best(
    Mnist(*(array[:200] for array in vars(mnist).values())), *options, schedule
)
sys.exit(__main__.main(sys.argv[1:]))
"""


def test_the_best_recipe_saves_model_configuration_and_history(best_run: Path, few: Mnist) -> None:
    """A finished run has the lecture's network, its configuration and its history."""
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


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(best_run: Path, few: Mnist, tmp_path: Path) -> None:
    """Two runs with one seed have identical weights and histories."""
    best(few, tmp_path / "run")

    assert same(weights_of(tmp_path / "run"), weights_of(best_run))
    assert history(tmp_path / "run") == history(best_run)


@pytest.mark.slow
def test_another_seed_gives_other_weights(best_run: Path, few: Mnist, tmp_path: Path) -> None:
    """Runs with different seeds differ in all weights."""
    best(few, tmp_path / "run", seed=2)

    for first, second in zip(weights_of(best_run), weights_of(tmp_path / "run"), strict=True):
        assert not np.allclose(first, second)


def test_the_temperature_changes_no_label(
    few: Mnist, best_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The saved model's logits are the trained logits divided by the recorded temperature."""
    uncalibrated: list[keras.Model] = []
    fold = train.fold_temperature

    def spy(model: keras.Model, temperature: float) -> keras.Model:
        uncalibrated.append(model)
        return fold(model, temperature)

    monkeypatch.setattr(train, "fold_temperature", spy)
    run = shutil.copytree(best_run, tmp_path / "run")
    best(few, run, resume=True)

    model = keras.models.load_model(run / "model.keras", compile=False)
    temperature = json.loads((run / "config.json").read_text())["temperature"]
    before = logits_of(uncalibrated[0], few.test_images)
    after = logits_of(model, few.test_images)
    assert temperature != pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(after, before / temperature, atol=1e-4)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))


def test_the_lectures_recipe_records_its_configuration(lecture_run: Path) -> None:
    """`lecture` records seed, epochs and batch size; its history has no validation figures."""
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


def test_a_failure_saves_nothing(few: Mnist, tmp_path: Path) -> None:
    """A run that fails saves no model."""
    run = tmp_path / "run"
    short_of_labels = Mnist(few.train_images, few.train_labels[:7], *[few.test_images] * 2)

    with pytest.raises(ValueError, match="420 images and 7 labels"):
        train_lecture(short_of_labels, run, seed=1, epochs=1)

    assert not (run / "model.keras").exists()


def test_the_command_exits_with_130_after_ctrl_c(tmp_path: Path) -> None:
    """`python -m training train` prints one sentence instead of a traceback after Ctrl-C."""
    command = [sys.executable, "-m", "training", "train", "--recipe", "lecture"]
    process = subprocess.Popen(
        [*command, "--run", str(tmp_path / "run")], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    output = ""
    timeout = threading.Timer(60, process.kill)
    timeout.start()
    try:
        while "0/5" not in output and (character := process.stderr.read(1)):
            output += character
        process.send_signal(signal.SIGINT)
        output += process.stderr.read()
        status = process.wait()
    finally:
        timeout.cancel()
        process.stderr.close()

    assert status == 130, output
    assert "Training recipe 'lecture' on " in output
    assert "Total params: 93,322" in output
    assert "Training stopped before the first epoch ended" in output.splitlines()[-1]
    assert "Traceback" not in output


@pytest.mark.slow
def test_train_runs_without_scipy_scikit_learn_and_litert(mnist: Mnist, tmp_path: Path) -> None:  # noqa: ARG001  # `mnist` has filled the cache
    """`python -m training train` needs a Keras backend, NumPy, Pillow, tqdm, matplotlib's fonts."""
    command = [sys.executable, "-c", TRAIN_WITHOUT, "train", "--run", str(tmp_path / "run")]

    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert process.returncode == 0, process.stderr
    assert (tmp_path / "run" / "model.keras").exists()


@pytest.mark.parametrize(
    ("libraries", "importers"),
    [
        (
            {"tensorflow", "tf_keras", "jax", "jaxlib", "torch"},
            {"activations", "bundling", "conversion", "loading", "recording", "tracing"},
        ),
        ({"scipy", "sklearn"}, {"evaluate", "plots", "robustness", "outliers"}),
    ],
)
def test_only_evaluate_and_export_import_their_libraries(
    libraries: set[str], importers: set[str]
) -> None:
    """Only `export` imports a backend, and only `evaluate` SciPy or scikit-learn."""
    for path in sorted((ROOT / "training").glob("*.py")):
        imports = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imports |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imports.add(node.module.partition(".")[0])
        assert path.stem in importers or not imports & libraries, path.name

"""The command of each example trains it to its accuracy and exports a bundle that predicts."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from examples.fashion.__main__ import main as fashion_command
from examples.fashion.data import LABELS as CLOTHES
from examples.shapes.__main__ import main as shapes_command
from examples.shapes.data import LABELS as SHAPES
from examples.shapes.data import SIZE, draw
from tests.conftest import ROOT
from tests.e2e.running import encode, running


def trained(name: str, models: Path) -> float:
    """Train an example; return the accuracy that its summary states."""
    command = [sys.executable, "-m", f"examples.{name}", "--models", str(models)]
    environ = {**os.environ, "MALLOC_TOP_PAD_": "67108864"}  # as in the Makefile
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environ)
    if name == "fashion" and "could not be downloaded" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    (accuracy,) = re.findall(r"Test accuracy (0\.\d+) on [\d,]+ images", done.stdout)
    assert f"The bundle is {models / name / '1'}" in done.stdout
    assert (models / name / "1" / "confusion.png").stat().st_size < 60_000
    return float(accuracy)


@pytest.mark.slow
def test_fashion_reaches_its_accuracy_and_is_served(tmp_path: Path) -> None:
    """Fashion-MNIST is predicted with an accuracy of 0.92, and the sample as an ankle boot."""
    assert trained("fashion", tmp_path) >= 0.92
    sample = (tmp_path / "fashion" / "1" / "sample.png").read_bytes()
    with running(CONVSCOPE_MODELS_DIR=str(tmp_path), CONVSCOPE_DEFAULT_MODEL="fashion") as (_, url):
        prediction = requests.post(f"{url}/predict?model=fashion", data=sample).json()
    (first,) = prediction["predictions"]
    assert set(first["probabilities"]) == set(CLOTHES)
    assert first["label"] == "Ankle boot"
    assert first["in_distribution"] is True


@pytest.mark.slow
def test_shapes_reach_their_accuracy_and_are_served(tmp_path: Path) -> None:
    """Shapes are predicted with an accuracy of 0.98, also larger drawings over HTTP."""
    assert trained("shapes", tmp_path) >= 0.98
    right = 0
    with running(CONVSCOPE_MODELS_DIR=str(tmp_path), CONVSCOPE_DEFAULT_MODEL="shapes") as (_, url):
        for index, label in enumerate(SHAPES):
            drawing = Image.fromarray(draw(label, np.random.default_rng((77, index))))
            image = encode(drawing.resize((320, 320), Image.Resampling.BICUBIC))
            (prediction,) = requests.post(f"{url}/predict?model=shapes", data=image).json()[
                "predictions"
            ]
            assert set(prediction["probabilities"]) == set(SHAPES)
            right += prediction["label"] == label
    assert right >= 9


def test_the_samples_are_drawn_without_training(tmp_path: Path) -> None:
    """`--samples` writes the sheet of the model card: small, and equal to the committed one."""
    path = tmp_path / "samples.png"
    shapes_command(["--samples", str(path)])
    assert path.stat().st_size < 60_000
    with Image.open(path) as new, Image.open(ROOT / "examples" / "shapes" / "samples.png") as old:
        assert new.width >= len(SHAPES) * SIZE
        assert new.height >= 2 * SIZE
        pixels, committed = (np.asarray(each.convert("RGB"), int) for each in (new, old))
    # another version of Pillow may draw some edges otherwise
    assert np.abs(pixels - committed).mean() < 1


def test_a_wrong_folder_of_data_ends_with_one_message(tmp_path: Path) -> None:
    """The command exits with a message, so with 1, that says what `--data` takes."""
    with pytest.raises(SystemExit, match=r"nowhere is not a folder; pass one with train-images"):
        fashion_command(["--data", str(tmp_path / "nowhere"), "--models", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []

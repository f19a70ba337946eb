"""The clients in docs/bring-your-own-model.md work with a model that was exported from ONNX."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, start_server
from tests.training.onnx_families import save_family
from training.__main__ import main

SECTION = (ROOT / "docs" / "bring-your-own-model.md").read_text().split("## From PyTorch")[1]
BLOCKS = re.findall(r"```(python|sh)\n([^`]*localhost:8000[^`]*)```", SECTION.split("\n## ")[0])

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Export an ONNX file as the model `flowers`; serve it."""
    folder = tmp_path_factory.mktemp("onnx")
    path = save_family("resnet18", folder / "flowers.onnx", 32, width=8, classes=5)
    models = folder / "models"
    options = ["--models", str(models), "--input", "rgb,resize=256,crop,imagenet"]
    assert main(["export", str(path), *options]) == 0
    (models / "mnist").symlink_to(ROOT / "models" / "mnist")
    process, url = start_server(CONVSCOPE_MODELS_DIR=str(models))
    yield url
    process.terminate()
    process.communicate(timeout=40)


@pytest.mark.parametrize(("language", "code"), BLOCKS)
def test_a_client_gets_the_values_of_the_imported_model(
    language: str, code: str, flowers: str, tmp_path: Path
) -> None:
    """The code as written runs, and prints what the model of five classes returns."""
    Image.new("RGB", (300, 200), "purple").save(tmp_path / "rose.jpg")
    code = code.replace("http://localhost:8000", flowers).replace("localhost:8000", flowers)
    command = [sys.executable, "-c"] if language == "python" else ["/bin/bash", "-euc"]
    done = subprocess.run([*command, code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    is_probabilities = len(re.findall(r"\d\.\d+", done.stdout)) == 5
    assert is_probabilities or "[[1, 5], [1, 1, 1, 64]]" in done.stdout, done.stdout


def test_the_page_has_a_client_for_each_protocol() -> None:
    """V1 and V2 in Python, and V2 by curl."""
    assert [language for language, _ in BLOCKS] == ["python", "python", "sh"]

"""Every command in docs/bulk.md works, and returns what independent arithmetic returns.

After an intended change, `UPDATE_DOCS=1` with the slow test writes the output and the picture into
the docs.
"""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageChops, ImageStat
from scipy.spatial.distance import cosine

from service.model.engine import Engine
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "bulk.md"
PICTURE = ROOT / "docs" / "bulk-errors.png"
BLOCK = re.compile(
    r"```(?P<language>sh|python)\n(?P<code>.*?)```\n(?:```text\n(?P<output>.*?)```)?", re.DOTALL
)
TIMES = re.compile(r"[\d.]+ s \([\d,]+ images/s\)")
REPORT = json.loads((ROOT / "models" / "mnist" / "1" / "report.json").read_text())
WRONG = [each["index"] for each in REPORT["misclassified"]]


def block(text):
    """Return the only block of the page that contains a text."""
    (found,) = (match for match in BLOCK.finditer(PAGE.read_text()) if text in match["code"])
    return found


def run(match, folder):
    """Run a block in a folder; return what it prints."""
    code = match["code"]
    if match["language"] == "python":
        command = [sys.executable, "-c", code]
    else:  # the packages are installed
        code = re.sub("^make .*", "", code, flags=re.MULTILINE)
        command = ["/bin/bash", "-euc", code.replace(".venv/bin/python", sys.executable)]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CONVSCOPE_")}
    environ = {**inherited, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(source, mnist, indices):
    """Write test digits into a folder for each class, and three images that have errors."""
    for index in indices:
        folder = source / str(mnist.test_labels[index])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mnist.test_images[index]).save(folder / f"{index:05}.png")
    file = min(source.rglob("*.png"))
    for label in "35":
        (source / label / "damaged.png").write_bytes(file.read_bytes()[:100])
    Image.new("L", (28, 28)).save(source / "0" / "blank.png")


@pytest.fixture(scope="module")
def chosen(mnist):
    """Choose 300 test digits: those that the model gets wrong, and random ones."""
    others = np.setdiff1d(np.arange(len(mnist.test_images)), WRONG)
    return [*WRONG, *np.random.default_rng(3).choice(others, 300 - len(WRONG), replace=False)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mnist, chosen):
    """Label the digits, and write their features, as the page says; return where."""
    folder = tmp_path_factory.mktemp("bulk")
    (folder / "models").symlink_to(ROOT / "models")
    write(folder / "digits", mnist, chosen)
    run(block("digits/ features/"), folder)
    return folder


@pytest.fixture(scope="module")
def expected(mnist, mnist_bundle, chosen):
    """Return true class, label, confidence and dense layer by key, computed by the engine alone."""
    pairs = ("dense_1", "post"), ("dense", "post")
    pixels = mnist.test_images[chosen].reshape(-1, 28, 28, 1)
    probabilities, dense = map(Engine(mnist_bundle).run(pixels, pairs).get, pairs)
    return {
        f"{mnist.test_labels[index]}/{index:05}.png": (
            *(str(mnist.test_labels[index]), str(row.argmax()), float(row.max()), values),
        )
        for index, row, values in zip(chosen, probabilities, dense, strict=True)
    }


@pytest.fixture
def variables(folder, monkeypatch):
    """Return a function that runs a Python block in the folder and returns its variables."""
    monkeypatch.chdir(folder)

    def run_python(text):
        (folder / "example.py").write_text(block(text)["code"])
        return runpy.run_path(str(folder / "example.py"))

    return run_python


def test_the_first_command_prints_a_summary_of_the_documented_form(tmp_path, mnist):
    """The first command labels a folder, and its summary has the page's lines and messages."""
    (tmp_path / "models").symlink_to(ROOT / "models")
    write(tmp_path / "scans", mnist, range(100))
    (tmp_path / "scans" / "notes.txt").touch()
    match = block("scans/ labelled/\n")
    printed = run(match, tmp_path)
    forms = [re.sub(r"[\d,.]*\d", "N", text) for text in (printed, match["output"])]
    assert forms[0] == forms[1]
    assert "\n3 have an error\n" in printed


def test_the_documented_columns_are_those_of_the_output(folder):
    """The table of columns lists exactly what a part contains, in its order."""
    columns = re.findall(r"^\| `?\*?(\w+)\*?`? \| .*\| .*\|$", PAGE.read_text(), re.MULTILINE)
    columns = columns[columns.index("key") : columns.index("layer")]
    part = next((folder / "features").rglob("*.parquet"))
    assert [*columns, "dense"] == ["key", "segment", *pq.read_schema(part).names[1:]]


def test_the_documented_options_are_those_of_the_command():
    """The table of options lists exactly the options that `--help` lists."""
    command = [sys.executable, "-m", "service.bulk", "--help"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    rows = [line.split(" | ")[0] for line in PAGE.read_text().splitlines() if line[:4] == "| `-"]
    documented = set(re.findall(r"--\w+", " ".join(rows)))
    assert documented == set(re.findall(r"--\w+", text)) - {"--help"}


def test_the_queries_find_accuracy_and_errors(variables, expected):
    """Accuracy by class, confused pairs and uncertain digits are those that NumPy finds."""
    found = variables("confused = ")
    truths, labels, confidences = map(np.array, list(zip(*expected.values(), strict=True))[:3])
    for truth, images, percent in found["accuracy"].fetchall():
        assert images == (truths == truth).sum()
        assert percent == pytest.approx(100 * (labels == truth)[truths == truth].mean(), abs=0.01)
    assert len(found["accuracy"].fetchall()) == 10
    pairs = Counter(pair for pair in zip(truths, labels, strict=True) if pair[0] != pair[1])
    ranked = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    assert found["confused"].fetchall() == [(*pair, count) for pair, count in ranked[:5]]
    least = [list(expected)[index] for index in confidences.argsort()[:5]]
    assert [row[0] for row in found["uncertain"].fetchall()] == least


def test_the_picture_shows_the_worst_errors(variables, folder, expected):
    """Each tile is a digit with a wrong label, in the order of its confidence, with a caption."""
    found = variables("bulk-errors.png")
    wrong = [(key, *row[:3]) for key, row in expected.items() if row[0] != row[1]]
    wrong.sort(key=lambda row: -row[3])
    assert [row[:3] for row in found["errors"]] == [row[:3] for row in wrong[:24]]
    with Image.open(folder / "bulk-errors.png") as sheet, Image.open(PICTURE) as printed:
        assert sheet.size == printed.size == (1112, 552)
        for index, (key, *_) in enumerate(wrong[:24]):
            x, y = 24 + index % 8 * 136, 24 + index // 8 * 176
            tile = np.asarray(sheet.crop((x, y, x + 112, y + 112)).convert("L"), int)
            digit = np.asarray(Image.open(folder / "digits" / key), int)
            assert np.abs(tile.reshape(28, 4, 28, 4).mean(axis=(1, 3)) - digit).mean() < 8
            text = np.asarray(sheet.crop((x, y + 112, x + 112, y + 176)).convert("L"))
            assert text.min() < 64
            assert (text[[0, -1]] == 255).all()


def test_the_neighbours_are_the_nearest(variables, expected):
    """The five keys have the smallest cosine distances, one by one, in the dense layer's space."""
    found = variables("nearest = ")
    values = {key: row[3].astype(np.float16).astype(float) for key, row in expected.items()}
    distances = {key: cosine(value, values["5/02597.png"]) for key, value in values.items()}
    assert found["nearest"] == sorted(distances, key=distances.get)[1:6]


@pytest.mark.slow
def test_every_block_prints_the_documented_output(tmp_path, mnist):
    """The page from its beginning to its end, with all test digits, except for the Ray cluster."""
    for name in ("models", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    write(tmp_path / "scans", mnist, range(len(mnist.test_images)))
    (tmp_path / "scans" / "notes.txt").touch()
    text = PAGE.read_text()
    for match in BLOCK.finditer(text):
        if "--ray" in match["code"]:
            continue
        printed = run(match, tmp_path)
        if match["output"] is None or TIMES.sub("", printed) == TIMES.sub("", match["output"]):
            continue
        if os.environ.get("UPDATE_DOCS"):
            changed = match[0].removesuffix(f"{match['output']}```") + f"{printed}```"
            PAGE.write_text(PAGE.read_text().replace(match[0], changed, 1))
        else:
            assert printed == match["output"]
    if os.environ.get("UPDATE_DOCS"):
        shutil.copy(tmp_path / "bulk-errors.png", PICTURE)
    with Image.open(tmp_path / "bulk-errors.png") as sheet, Image.open(PICTURE) as printed:
        assert max(ImageStat.Stat(ImageChops.difference(sheet, printed)).mean) < 1

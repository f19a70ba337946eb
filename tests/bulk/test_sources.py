"""Images are found and read in every form in which people keep them."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from service.bulk.command import main
from service.bulk.files import matches
from service.bulk.sources import Source
from service.model.bundle import Bundle
from service.model.engine import Engine
from tests.bulk.conftest import COUNT, Run

KEYS = {
    "folder": "0/000.png",
    "tars": "a.tar/000.png",
    "npy": "digits.npy#0",
    "floats": "floats.npy#0",
    "idx": "digits-idx3-ubyte#0",
    "idx.gz": "digits-idx3-ubyte.gz#0",
    "parquet": "a.parquet#0",
}
FIRST = {"tars": 40, "parquet": 50}  # digits in the first of two files


@pytest.fixture(scope="session")
def expected(mnist_bundle: Bundle, few: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The probabilities of the digits, float32 (60, 10)."""
    return Engine(mnist_bundle).probabilities(few[..., np.newaxis])


@pytest.mark.parametrize("form", KEYS)
def test_every_form_gives_the_same_rows(
    form: str, sources: dict[str, Path], run: Run, expected: NDArray[np.float32]
) -> None:
    """Each digit has a row, with the probabilities that the engine computes."""
    table = run(sources[form])
    assert table["key"][0].as_py() == KEYS[form]
    keys = table["key"].to_pylist()
    assert len(set(keys)) == COUNT
    assert table["error"].null_count == COUNT
    order = [int(re.sub(r"\D", "", key.rpartition("/")[2].rpartition("#")[2])) for key in keys]
    if form in FIRST:
        order = [
            index + FIRST[form] * ("b." in key) for index, key in zip(order, keys, strict=True)
        ]
    probabilities = np.array(table["probabilities"].to_pylist())
    np.testing.assert_allclose(probabilities, expected[order], atol=1e-6)
    assert table["label"].to_pylist() == [str(label) for label in expected[order].argmax(axis=1)]
    assert table["confidence"].to_pylist() == pytest.approx(expected[order].max(axis=1).tolist())


def test_other_files_are_counted_and_hidden_ones_left_out(
    sources: dict[str, Path], run: Run, tmp_path: Path
) -> None:
    """A folder may contain files of other kinds; the summary says how many."""
    run(sources["folder"])
    found = json.loads((tmp_path / "out" / "_summary.json").read_text())
    assert found["ignored_files"] == {".txt": 1}
    assert (found["rows"], found["parts"], found["errors"]) == (COUNT, 3, 0)


@pytest.mark.parametrize(
    ("pattern", "count"), [("*/00?.png", 10), ("0/*.png", 25), ("**/*5.png", 6), ("**/*.txt", 1)]
)
def test_a_pattern_chooses_files(
    pattern: str, count: int, sources: dict[str, Path], run: Run
) -> None:
    """What a pattern names is an image, whatever its suffix."""
    table = run(f"{sources['folder']}/{pattern}")
    assert table.num_rows == count
    assert (table["error"].null_count == 0) == pattern.endswith("txt")


@pytest.mark.parametrize(
    ("path", "pattern", "is_match"),
    [
        ("a/b.png", "*.png", False),
        ("a/b.png", "*/*.png", True),
        ("a/b/c.png", "a/**/*.png", True),
        ("a/c.png", "a/**/*.png", True),
        ("b/c.png", "a/**/*.png", False),
        ("a/b/c", "**", True),
    ],
)
def test_patterns_are_those_of_a_shell(path: str, pattern: str, is_match: bool) -> None:
    """`*` stays within a folder; `**` stands for any number of them."""
    assert matches(path, pattern) == is_match


def test_a_single_file_is_a_source(sources: dict[str, Path], run: Run) -> None:
    """One image gives one row."""
    assert run(sources["folder"] / "0" / "003.png")["key"].to_pylist() == ["003.png"]


def test_shards_are_the_same_whenever_they_are_listed(sources: dict[str, Path]) -> None:
    """Their names, from which parts are named, do not depend on the file system's order."""
    names = [[shard.name for shard in Source(str(sources["folder"])).shards()] for _ in range(2)]
    assert names[0] == names[1] == ["0/images-00000", "1/images-00000", "2/images-00000"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 28, 28), np.int64), "has the type int64; images are uint8 or floats"),
        (np.zeros((28, 28), np.uint8), r"has the shape \(28, 28\); images have"),
        (np.asfortranarray(np.zeros((3, 28, 28), np.uint8)), "is in Fortran order"),
    ],
)
def test_an_array_of_no_images_is_refused(
    array: NDArray[np.generic], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line states the file, what is wrong and what is allowed."""
    np.save(tmp_path / "wrong.npy", array)
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "wrong.npy"), str(tmp_path / "out")])
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "There is no nowhere."),
        ("nowhere/*.png", "There is no nowhere."),
        ("empty", "The source has no images; it may have files of .png, "),
        ("damaged.npy", "damaged.npy cannot be read"),
        ("damaged.parquet", "damaged.parquet cannot be read"),
        ("damaged-idx3-ubyte", "damaged-idx3-ubyte cannot be read"),
        ("columns.parquet", "columns.parquet has no column 'image'; name another with --column: x"),
        ("strings.parquet", "Column 'image' of strings.parquet has the type string; images are"),
        ("none.npy", "The source has no images; it may have files of .png, "),
    ],
)
def test_a_source_without_images_is_refused(
    source: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line states what is wrong; nothing is written."""
    models = Path("models").absolute()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVSCOPE_MODELS_DIR", str(models))
    Path("empty").mkdir()
    for suffix in (".npy", ".parquet", "-idx3-ubyte"):
        Path(f"damaged{suffix}").write_bytes(b"no header")
    pq.write_table(pa.table({"x": [b""]}), "columns.parquet")
    pq.write_table(pa.table({"image": ["a.png"]}), "strings.parquet")
    np.save("none.npy", np.zeros((0, 28, 28), np.uint8))
    with pytest.raises(SystemExit, match="2"):
        main([source, "out"])
    assert capsys.readouterr().err.startswith(message)
    assert not Path("out").exists()


def test_names_may_be_of_any_bytes(files: list[bytes], run: Run, tmp_path: Path) -> None:
    """What is no UTF-8 is escaped in keys and in names of parts."""
    folder = tmp_path / "scans" / os.fsdecode(b"b\xff")
    folder.mkdir(parents=True)
    for name in (b"a.png", b"\xfe.png"):
        (folder / os.fsdecode(name)).write_bytes(files[0])
    table = run(tmp_path / "scans")
    assert table["key"].to_pylist() == ["b\\xff/\\xfe.png", "b\\xff/a.png"]
    assert table["error"].null_count == 2


def test_a_folder_that_contains_itself_is_read_once(
    files: list[bytes], run: Run, tmp_path: Path
) -> None:
    """A link to a folder is followed unless it leads back."""
    scans, other = tmp_path / "scans", tmp_path / "other"
    for folder in (scans, other):
        folder.mkdir()
        (folder / "a.png").write_bytes(files[0])
    (scans / "loop").symlink_to(scans)
    (scans / "link").symlink_to(other)
    assert run(scans)["key"].to_pylist() == ["a.png", "link/a.png"]

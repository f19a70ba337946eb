"""A row has what the service answers for its image, or the reason why there is no answer."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from service import inference, preparation
from service.bulk import labeller
from service.bulk.job import Job
from service.bulk.labeller import Labeller
from service.bulk.shards import Batch
from service.model.bundle import Bundle
from service.model.engine import Engine
from tests.bulk.conftest import COUNT, Run
from training import pages
from training.data import Mnist
from training.renderings import encode

DAMAGED = "The PNG image is damaged or truncated; send the whole file."


def test_layers_are_columns_of_tensors(
    sources: dict[str, Path], run: Run, few: NDArray[np.uint8], mnist_bundle: Bundle
) -> None:
    """Each layer's values have its shape, and are what the engine computes."""
    table = run(sources["folder"], "--layers", "conv2d_2,dense")
    selection = [("conv2d_2", "post"), ("dense", "post")]
    values = Engine(mnist_bundle).run(few[..., np.newaxis], selection)  # type: ignore[arg-type]
    for pair in selection:
        tensors = table[pair[0]].combine_chunks().to_numpy_ndarray()
        np.testing.assert_allclose(tensors, values[pair], atol=1e-6)  # type: ignore[index]


def test_large_layers_are_computed_in_pieces(
    few: NDArray[np.uint8], mnist_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values that are in memory at once are bounded; the rows are the same."""
    job = Job("mnist", 1, mnist_bundle.sha256, ("conv2d",))
    whole = Labeller(Engine(mnist_bundle), job)
    monkeypatch.setattr(labeller, "_BYTES", 7 * 4 * 26 * 26 * 32)
    pieces = Labeller(Engine(mnist_bundle), job)
    batch = Batch([str(index) for index in range(COUNT)], few)
    tables = list(pieces.tables(batch))
    assert [table.num_rows for table in tables] == [7] * 8 + [4]
    assert pa.concat_tables(tables).equals(pa.concat_tables(whole.tables(batch)))


def test_half_precision_has_the_nearest_halves(
    sources: dict[str, Path], run: Run, tmp_path: Path
) -> None:
    """With float16 a tensor is half as large, and each value the nearest there is."""
    options = ("--layers", "dense")
    exact = run(sources["folder"], *options)
    half = run(sources["folder"], *options, "--dtype", "float16", dest=tmp_path / "half")
    tensors = half["dense"].combine_chunks().to_numpy_ndarray()
    assert tensors.dtype == np.float16
    expected = exact["dense"].combine_chunks().to_numpy_ndarray().astype(np.float16)
    np.testing.assert_array_equal(tensors, expected)


def test_an_image_without_an_answer_has_the_reason(
    files: list[bytes], run: Run, tmp_path: Path
) -> None:
    """Damaged, empty, blank and unreadable files are rows with an error, in their places."""
    folder = tmp_path / "scans"
    folder.mkdir()
    broken = {10: files[10][:60], 20: b"", 30: b"GIF89a", 40: b"no image"}
    for index, file in enumerate(files):
        (folder / f"{index:03}.png").write_bytes(broken.get(index, file))
    (folder / "050.png").unlink()
    (folder / "050.png").symlink_to(tmp_path / "nowhere")
    table = run(folder, "--layers", "dense")
    errors = {index: text for index, text in enumerate(table["error"].to_pylist()) if text}
    assert sorted(errors) == [10, 20, 30, 40, 50]
    assert errors[10] == DAMAGED
    assert errors[20] == "The image is empty (0 bytes); send the whole file."
    assert errors[50] == "The file cannot be read: No such file or directory."
    for index in errors:
        row = table.slice(index, 1).to_pylist()[0]
        assert {row[name] for name in ("label", "confidence", "in_distribution")} == {None}
        assert (row["probabilities"], row["dense"]) == (None, None)
    assert table["label"].null_count == table["dense"].null_count == 5
    written = pq.read_table(tmp_path / "out" / "images-00000.parquet")
    assert written["key"].to_pylist() == [f"{index:03}.png" for index in range(COUNT)]


@pytest.mark.parametrize("options", [[], ["--segment", "true"], ["--segment", "grid"]])
def test_a_shard_of_only_errors_is_written(options: list[str], run: Run, tmp_path: Path) -> None:
    """Where no image has an answer, each still has its row."""
    (tmp_path / "a.png").write_bytes(b"")
    table = run(tmp_path / "a.png", "--layers", "dense", *options)
    assert table["error"].null_count == 0


def test_an_array_of_another_shape_has_only_errors(run: Run, tmp_path: Path) -> None:
    """Each row states the shape that the model takes."""
    np.save(tmp_path / "a.npy", np.zeros((3, 20, 20), np.uint8))
    errors = run(tmp_path / "a.npy")["error"].to_pylist()
    assert errors == ["The array's shape is (1, 20, 20, 1); the model takes (N, 28, 28, 1)."] * 3


def test_rows_of_an_array_outside_its_range_are_errors(
    few: NDArray[np.uint8], run: Run, tmp_path: Path
) -> None:
    """NaN and values beyond 1 concern their rows only."""
    floats = (few / 255).astype(np.float32)
    floats[3, 5, 5], floats[7, 0, 0] = np.nan, 2
    np.save(tmp_path / "digits.npy", floats)
    table = run(tmp_path / "digits.npy")
    failed = {key for key, error in zip(*columns(table, "key", "error"), strict=True) if error}
    assert failed == {"digits.npy#3", "digits.npy#7"}


@pytest.mark.parametrize("name", ["digits.npy", "digits-idx3-ubyte.gz", "a.tar", "a.parquet"])
def test_what_a_truncated_file_lacks_is_an_error(
    name: str, sources: dict[str, Path], run: Run, tmp_path: Path
) -> None:
    """Its first images have answers; then a row says that the file ends."""
    folder = {"a.tar": sources["tars"], "a.parquet": sources["parquet"]}
    source = folder.get(name, sources["npy"].parent) / name
    data = source.read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 2 // 3] if name != "a.parquet" else data)
    if name == "a.parquet":  # its directory is at the end, so that only pages can be damaged
        (tmp_path / name).write_bytes(data[:2000] + bytes(2000) + data[4000:])
    table = run(tmp_path / name)
    errors = table["error"].to_pylist()
    assert any(errors)
    if name in ("digits.npy", "a.tar"):  # the others are compressed, or damaged at the beginning
        assert not all(errors)


def test_a_parquet_row_without_an_image_is_an_error(
    files: list[bytes], run: Run, tmp_path: Path
) -> None:
    """Null is not skipped."""
    pq.write_table(pa.table({"scan": [files[0], None, files[1]]}), tmp_path / "a.parquet")
    table = run(tmp_path / "a.parquet", "--column", "scan")
    assert table["error"].to_pylist() == [None, "The row has no image.", None]


def test_each_digit_of_a_page_is_a_row(
    mnist: Mnist, mnist_bundle: Bundle, run: Run, tmp_path: Path
) -> None:
    """Rows are in reading order, and have the answers and places that /predict gives."""
    source = pages.Source(
        mnist.train_images[-500:], mnist.train_labels[-500:], np.random.default_rng(3)
    )
    page = encode(pages.KINDS["three rows"](source).picture, "png")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.png").write_bytes(page)
    (tmp_path / "pages" / "b.png").write_bytes(b"")
    table = run(tmp_path / "pages", "--segment", "true", "--layers", "dense")
    engine = Engine(mnist_bundle)
    inputs = preparation.from_images([page], "auto", mnist_bundle, 10**7, segmentation="rows")
    values = engine.run(inputs.pixels, inference.outcome(mnist_bundle))
    expected = inference.predictions(mnist_bundle, values, inputs, details=True)
    assert table["key"].to_pylist() == ["a.png"] * len(expected) + ["b.png"]
    for row, one in zip(table.to_pylist(), expected, strict=False):
        assert (row["label"], row["confidence"]) == (one.label, pytest.approx(one.confidence))
        place = row["segment"]
        assert (place["index"], place["row"]) == (one.segment.index, one.segment.row)
        box = tuple(place[name] for name in ("left", "top", "width", "height"))
        assert box == one.preprocessing.bounding_box
        digit = np.frombuffer(one.digit, np.uint8).reshape(1, 28, 28, 1)
        features = engine.run(digit, [("dense", "post")])["dense", "post"]
        np.testing.assert_allclose(row["dense"], features[0], atol=1e-6)


def columns(table: pa.Table, *names: str) -> list[list[object]]:
    """Return columns as lists."""
    return [table[name].to_pylist() for name in names]

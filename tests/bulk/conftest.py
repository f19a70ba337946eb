"""Sources of the same digits in every form, and a function that runs a job."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.bulk.command import main
from training.data import Mnist

COUNT = 60
MANY = 6_000  # files: so many that a job can be interrupted
Run = Callable[..., pa.Table]


@pytest.fixture(scope="session")
def few(mnist: Mnist) -> NDArray[np.uint8]:
    """Choose 60 test digits, uint8 (60, 28, 28)."""
    return mnist.test_images[:COUNT]


@pytest.fixture(scope="session")
def files(few: NDArray[np.uint8]) -> list[bytes]:
    """The digits as PNG files."""
    encoded = []
    for digit in few:
        buffer = io.BytesIO()
        Image.fromarray(digit).save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    return encoded


@pytest.fixture(scope="session")
def sources(
    files: list[bytes], few: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The digits in every form of source, by the form's name."""
    folder = tmp_path_factory.mktemp("sources")
    found = {name: folder / name for name in ("folder", "tars", "parquet")}
    for index, file in enumerate(files):
        place = found["folder"] / f"{index // 25}" / f"{index:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file)
    (found["folder"] / "notes.txt").write_text("no image")
    (found["folder"] / ".hidden.png").write_bytes(files[0])
    found["tars"].mkdir()
    write_tar(found["tars"] / "a.tar", files[:40])
    write_tar(found["tars"] / "b.tar.gz", files[40:], "w:gz")
    found["npy"] = folder / "digits.npy"
    np.save(found["npy"], few)
    found["floats"] = folder / "floats.npy"
    np.save(found["floats"], (few / 255)[..., np.newaxis])
    idx = b"\0\0\x08\3" + np.array(few.shape, ">u4").tobytes() + few.tobytes()
    found["idx"] = folder / "digits-idx3-ubyte"
    found["idx"].write_bytes(idx)
    found["idx.gz"] = folder / "digits-idx3-ubyte.gz"
    found["idx.gz"].write_bytes(gzip.compress(idx))
    found["parquet"].mkdir()
    table = pa.table({"image": [{"bytes": file, "path": None} for file in files[:50]]})
    pq.write_table(table, found["parquet"] / "a.parquet", row_group_size=20)
    pq.write_table(pa.table({"image": files[50:]}), found["parquet"] / "b.parquet")
    return found


@pytest.fixture(scope="session")
def many(files: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 6,000 digits."""
    folder = tmp_path_factory.mktemp("many")
    for index in range(MANY):
        (folder / f"{index:05}.png").write_bytes(files[index % COUNT])
    return folder


def write_tar(path: Path, files: list[bytes], mode: Any = "w") -> None:
    """Write a tar shard as WebDataset does: each image followed by a file of its class."""
    with tarfile.open(path, mode) as archive:
        for index, file in enumerate(files):
            for suffix, data in (("png", file), ("cls", b"7")):
                member = tarfile.TarInfo(f"{index:03}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a job in two processes, and returns its rows by their keys."""

    def run(source: object, *options: str, dest: Path = tmp_path / "out") -> pa.Table:
        main([str(source), str(dest), "--processes", "2", *options])
        return rows(dest)

    return run


def rows(dest: Path) -> pa.Table:
    """Return the rows of an output, sorted by key."""
    tables = [pq.read_table(path) for path in sorted(dest.rglob("*.parquet"))]
    table = pa.concat_tables(tables)
    order = np.argsort(table["key"].to_pylist(), kind="stable")
    return table.take(pa.array(order))


def is_complete(dest: Path) -> bool:
    """Return whether every image of `many` has exactly one row, and nothing else is left."""
    keys = rows(dest)["key"].to_pylist()
    others = {path.name for path in dest.rglob("*") if path.suffix != ".parquet"}
    return (
        keys == [f"{index:05}.png" for index in range(MANY)]
        and others == {"_job.json", "_summary.json"}
    )  # fmt: skip

"""Weights that are not plain numbers in the file itself are refused before they are read."""

import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.training.saved_models import SUFFIXES, refusal, rewrite, small_sequential
from training.weights_file import check_weights

pytestmark = pytest.mark.usefixtures("temporary")


def change_weights(path: Path, change: Any) -> Path:
    """Change the HDF5 file of a copy of a `.keras` archive, or an `.h5` file itself."""
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            change(file)
        return path
    weights = path.with_name("weights")
    with zipfile.ZipFile(path) as source:
        weights.write_bytes(source.read("model.weights.h5"))
    with h5py.File(weights, "r+") as file:
        change(file)
    return rewrite(path, path.with_name("mine.keras"), {"model.weights.h5": weights.read_bytes()})


def external_link(file: h5py.File) -> None:
    """Refer to a group of another file."""
    file["foreign"] = h5py.ExternalLink("other.h5", "/")


def soft_link(file: h5py.File) -> None:
    """Refer to a path of the same file."""
    file["foreign"] = h5py.SoftLink("/elsewhere")


def external_storage(file: h5py.File) -> None:
    """Keep an array's bytes in another file."""
    file.create_dataset("foreign", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(file: h5py.File) -> None:
    """Assemble an array from another file."""
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("foreign", layout)


def objects(file: h5py.File) -> None:
    """Store texts instead of numbers."""
    file["foreign"] = ["a", "b"]


def shape_bomb(file: h5py.File) -> None:
    """Declare a gigabyte, and store nothing."""
    file.create_dataset("foreign", (1 << 14, 1 << 14), "f4", chunks=(64, 64))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (external_link, "ExternalLink 'foreign'"),
        (soft_link, "SoftLink 'foreign'"),
        (external_storage, "is stored in another file"),
        (virtual, "is stored in another file"),
        (objects, "does not hold numbers"),
        (shape_bomb, "100 times larger"),
    ],
)
def test_weights_must_be_numbers_in_the_file_itself(
    change: Any, reason: str, suffix: str, saved: dict[str, Path]
) -> None:
    """HDF5 can refer to other files and declare arrays that it does not store."""
    assert reason in refusal(change_weights(saved[suffix], change))


def test_a_group_that_contains_itself_is_visited_once(saved: dict[str, Path]) -> None:
    """A hard link may form a cycle; Keras then finds no weights, or finds them once."""

    def cycle(file: h5py.File) -> None:
        file["model_weights/again"] = file["/"]

    path = change_weights(saved[".h5"], cycle)
    assert check_weights(path, "mine.h5") == small_sequential().count_params()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_weights_of_another_shape_are_refused(suffix: str, saved: dict[str, Path]) -> None:
    """Keras's message is shortened to one line."""

    def change(file: h5py.File) -> None:
        root = file["model_weights/stem"] if suffix == ".h5" else file["layers/conv2d/vars"]
        names: list[str] = []
        root.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
        array = np.zeros((3, 3, 2, 4), np.float32)
        name = max(names, key=lambda name: root[name].ndim)
        del root[name]
        root[name] = array

    assert "(3, 3, 2, 4)" in refusal(change_weights(saved[suffix], change))


def test_a_file_of_weights_only_is_refused(tmp_path: Path) -> None:
    """It has no configuration."""
    small_sequential().save_weights(tmp_path / "mine.weights.h5")
    assert "holds weights only" in refusal(tmp_path / "mine.weights.h5")

"""Read a model's description from a `.keras` or `.h5` file, before Keras sees the file."""

import json
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import h5py

from training.errors import ExportError

_MAX_CONFIG = 64 * 2**20  # bytes of a description
_MAX_BYTES = 4 * 2**30  # of a file's content
_MAX_RATIO = 200  # of content to file, above the first megabytes; weights hardly compress
_NO_BOMB = 16 * 2**20
_ENTRIES = ("config.json", "metadata.json", "model.weights.h5", "_layer_checkpoint_dependencies")
_SAVE_AGAIN = "save the model again with model.save('mine.keras')"


@dataclass
class Config:
    """A model's description.

    Attributes:
        path: the file.
        json: the object.
        is_legacy: whether the file is HDF5, which may be changed before it is loaded.
    """

    path: Path
    json: Any
    is_legacy: bool

    @contextmanager
    def patched(self) -> Iterator[Path]:
        """Lend a temporary copy of the HDF5 file that holds the description as it is now."""
        with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
            copy = Path(folder) / "model.h5"
            shutil.copyfile(self.path, copy)
            with h5py.File(copy, "r+") as file:
                file.attrs["model_config"] = json.dumps(self.json)
            yield copy


def read_keras(path: Path) -> Config:
    """Read the description in a `.keras` file, a zip archive.

    Raises:
        ExportError: the file is no such archive, damaged, or has entries that it should not have.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(path, archive.infolist())
            config = _json(path, _read(archive, "config.json"))
            metadata = _json(path, _read(archive, "metadata.json"))
            _check_weights(path, archive)
    except ExportError:
        raise
    # zipfile raises many types on damaged archives
    except Exception as error:
        raise ExportError(f"{path.name} is no .keras file, or damaged; {_SAVE_AGAIN}.") from error
    if not isinstance(config, dict) or not isinstance(metadata, dict):
        raise ExportError(f"{path.name} describes no model; {_SAVE_AGAIN}.")
    if str(metadata.get("keras_version", "3")).startswith("2."):
        raise ExportError(
            f"{path.name} was saved by Keras 2; load it with the package tf-keras, save it with "
            "model.save('mine.h5'), and export that file."
        )
    return Config(path, config, is_legacy=False)


def read_h5(path: Path) -> Config:
    """Read the description in an HDF5 file of a whole model.

    Raises:
        ExportError: the file is not HDF5, damaged, holds weights only, or refers to other files.
    """
    try:
        with h5py.File(path, "r") as file:
            _check_links(path, file)
            raw = file.attrs.get("model_config")
    except ExportError:
        raise
    except Exception as error:  # h5py raises many types on damaged files
        raise ExportError(f"{path.name} is not an HDF5 file, or damaged; {_SAVE_AGAIN}.") from error
    if raw is None:
        raise ExportError(f"{path.name} holds weights only, without the model; {_SAVE_AGAIN}.")
    return Config(path, _json(path, raw), is_legacy=True)


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Raise where an archive has entries that a model has not, or unpacks to too much."""
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names):
        raise ExportError(f"{path.name} has the same entry twice; {_SAVE_AGAIN}.")
    for entry in entries:
        name = PurePosixPath(entry.filename)
        is_known = entry.filename in _ENTRIES or name.parts[:1] == ("assets",)
        is_link = stat.S_ISLNK(entry.external_attr >> 16)
        if not is_known or is_link or name.is_absolute() or ".." in name.parts:
            raise ExportError(
                f"{path.name} has the entry {entry.filename[:60]!r}, which a model has not; "
                f"{_SAVE_AGAIN}."
            )
        if entry.flag_bits & 1:
            raise ExportError(f"{path.name} is encrypted; {_SAVE_AGAIN}.")
    total = sum(entry.file_size for entry in entries)
    if total > _MAX_BYTES or total > _NO_BOMB + _MAX_RATIO * path.stat().st_size:
        raise ExportError(f"{path.name} would unpack to {total:,} bytes; that is no model.")


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read an entry, without trusting the size that the archive states."""
    with archive.open(name) as entry:
        raw = entry.read(_MAX_CONFIG + 1)
    if len(raw) > _MAX_CONFIG:
        raise ValueError(f"{name} is too large")
    return raw


def _check_weights(path: Path, archive: zipfile.ZipFile) -> None:
    with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
        archive.extract("model.weights.h5", folder)
        with h5py.File(Path(folder) / "model.weights.h5", "r") as file:
            _check_links(path, file)


def _check_links(path: Path, file: h5py.File) -> None:
    """Raise where an HDF5 file refers to others, or declares more data than it holds."""
    declared = 0

    def visit(group: h5py.Group) -> None:
        nonlocal declared
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
                raise ExportError(f"{path.name} refers to another file; {_SAVE_AGAIN}.")
            item = group[name]
            if isinstance(item, h5py.Group):
                visit(item)
            else:
                declared += item.nbytes
                if item.external or item.is_virtual:
                    raise ExportError(f"{path.name} refers to another file; {_SAVE_AGAIN}.")

    visit(file)
    if declared > _MAX_BYTES:
        raise ExportError(f"{path.name} declares {declared:,} bytes of weights; that is too much.")


def _json(path: Path, raw: bytes | str) -> Any:
    if len(raw) > _MAX_CONFIG:
        raise ExportError(f"{path.name} has a description of more than {_MAX_CONFIG:,} bytes.")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{path.name} has a damaged description; {_SAVE_AGAIN}.") from error

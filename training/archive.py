"""Check a `.keras` archive before Keras opens it, and extract what a model needs from it.

A `.keras` file is a zip archive of a configuration (JSON), metadata (JSON) and weights (HDF5).
"""

import json
import stat
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo, is_zipfile

from training.errors import ExportError

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
ASSETS = "assets/"

MAX_BYTES = 4 << 30
MAX_CONFIG_BYTES = 64 << 20
MAX_ENTRIES = 10_000
# Deflate reaches 1032, weights and configurations stay far below 100.
MAX_RATIO = 100
_SMALL_BYTES = 1 << 20  # smaller entries may have any ratio
_CHUNK = 1 << 20
_ENCRYPTED = 0x1


def extract_archive(path: Path, folder: Path) -> str:
    """Check an archive and extract its weights into a folder.

    Returns:
        The text of the configuration.

    Raises:
        ExportError: an entry that a saved model does not have, or a decompression bomb.
    """
    if not is_zipfile(path):
        raise ExportError(
            f"{path.name} is not a zip archive, or it is cut off; a .keras file is one. "
            "Save the model again with model.save('name.keras')."
        )
    with ZipFile(path) as archive:
        _check_entries(path.name, archive.infolist())
        _check_keras_version(path.name, _read(archive, METADATA))
        config = _read(archive, CONFIG).decode()
        with archive.open(WEIGHTS) as source, (folder / WEIGHTS).open("wb") as target:
            _copy(source, target, archive.getinfo(WEIGHTS).file_size)
    return config


def _check_entries(name: str, entries: list[ZipInfo]) -> None:
    """Raise an ExportError where the central directory is not a saved model's."""
    if len(entries) > MAX_ENTRIES:
        raise ExportError(f"{name} has {len(entries)} entries, at most {MAX_ENTRIES} are allowed.")
    for entry in entries:
        reason = _reason_against(entry)
        if reason:
            raise ExportError(
                f"{name} contains the entry {entry.orig_filename[:80]!r}, which {reason}; only "
                f"{CONFIG}, {METADATA}, {WEIGHTS} and files in {ASSETS} are allowed. Save the "
                "model again with model.save('name.keras')."
            )
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise ExportError(
            f"{name} contains an entry twice; every name is allowed once. Save the model again "
            "with model.save('name.keras')."
        )
    for required in (CONFIG, METADATA, WEIGHTS):
        if required not in names:
            raise ExportError(
                f"{name} has no {required}; a saved model has {CONFIG}, {METADATA} and {WEIGHTS}. "
                "Save the whole model with model.save('name.keras')."
            )
    size = sum(entry.file_size for entry in entries)
    if size > MAX_BYTES:
        raise ExportError(f"{name} unpacks to {size} bytes, at most {MAX_BYTES} are allowed.")


def _reason_against(entry: ZipInfo) -> str | None:
    """Return why an entry is not allowed, or None."""
    name, mode = entry.orig_filename, entry.external_attr >> 16
    parts = name.removesuffix("/").split("/")
    limit = MAX_CONFIG_BYTES if name in (CONFIG, METADATA) else MAX_BYTES
    reasons = {
        "is an absolute path": name.startswith("/") or name[1:2] == ":",
        "leaves the archive's folder": ".." in parts or "\\" in name or "\0" in name,
        "no saved model has": name not in (CONFIG, METADATA, WEIGHTS)
        and not name.startswith(ASSETS),
        "is a link or a device": mode != 0
        and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR),
        "is encrypted": bool(entry.flag_bits & _ENCRYPTED),
        "has an unusual compression": entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED),
        f"unpacks to more than {limit} bytes": entry.file_size > limit,
        f"expands more than {MAX_RATIO} times": entry.file_size > _SMALL_BYTES
        and entry.file_size > MAX_RATIO * entry.compress_size,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _check_keras_version(name: str, metadata: bytes) -> None:
    content: Any = json.loads(metadata)
    version = content.get("keras_version") if isinstance(content, dict) else None
    if isinstance(version, str) and version.startswith("2."):
        raise ExportError(
            f"{name} was saved by Keras 2, whose .keras files Keras 3 cannot load. Load it with "
            'the package tf-keras, call model.save("mine.h5"), and export mine.h5.'
        )


def _read(archive: ZipFile, name: str) -> bytes:
    """Return an entry's bytes; never more than MAX_CONFIG_BYTES, whatever its header states."""
    with archive.open(name) as entry:
        content = entry.read(MAX_CONFIG_BYTES + 1)
    if len(content) > MAX_CONFIG_BYTES:
        raise ExportError(f"{name} is longer than {MAX_CONFIG_BYTES} bytes, which is the maximum.")
    return content


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy `size` bytes; an entry of any other length is an error."""
    copied = 0
    while chunk := source.read(_CHUNK):
        copied += len(chunk)
        if copied > size:
            break
        target.write(chunk)
    if copied != size:
        raise ExportError(
            f"{WEIGHTS} does not have the {size} bytes that the archive states. Save the model "
            "again with model.save('name.keras')."
        )

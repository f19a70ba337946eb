"""Write and verify the SHA-256 of a bundle's files: the manifest lists all, and its own.

The manifest's own is that of the file with zeros in its place.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.errors import BundleError
from service.model.manifest import MANIFEST

_ZEROS = "0" * 64
_REMEDY = "Restore the file or export the model again."


def sha256(path: Path) -> str:
    """Return the file's SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write a bundle's manifest with the SHA-256 of every file in the folder.

    Args:
        folder: with all other files of the bundle.
        manifest: its other entries.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): sha256(path) for path in paths}
    entries = {**manifest, "sha256": {**hashes, MANIFEST: _ZEROS}}
    text = json.dumps(entries, indent=1) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    own = '"{}": "{}"'
    (folder / MANIFEST).write_text(
        text.replace(own.format(MANIFEST, _ZEROS), own.format(MANIFEST, digest))
    )


def verify(folder: Path, hashes: Mapping[str, str]) -> None:
    """Compare files of a bundle with their SHA-256.

    Raises:
        BundleError: one is missing, cannot be read or was altered; the message names it.
    """
    for name in sorted(hashes, key=lambda name: name != MANIFEST):  # it has the other hashes
        path, expected = folder / name, hashes[name]
        try:
            if path.exists() and not path.is_file():  # opening a pipe would wait forever
                raise BundleError(f"{path} is not a file. {_REMEDY}")
            actual = _own_sha256(path, expected) if name == MANIFEST else sha256(path)
        except FileNotFoundError:
            raise BundleError(f"{path} is missing. {_REMEDY}") from None
        except OSError as error:
            raise BundleError(f"{path} cannot be read ({error.strerror}). {_REMEDY}") from None
        if actual != expected:
            raise BundleError(
                f"{path} was altered: its SHA-256 is {actual}, the manifest has {expected}. "
                f"{_REMEDY}"
            )


def _own_sha256(path: Path, stated: str) -> str:
    data = path.read_bytes().replace(stated.encode(), _ZEROS.encode())
    return hashlib.sha256(data).hexdigest()

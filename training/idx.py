"""Load data sets of IDX files from a cache, a folder or a download, verified by SHA-256.

The cache holds the raw IDX files. A damaged file in it is reported, removed and downloaded again.
"""

import gzip
import hashlib
import io
import logging
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

Files: TypeAlias = dict[str, bytes]  # the raw IDX bytes by the file's name in the cache


class DataError(Exception):
    """A data set could not be loaded from any source, or a file is not part of it."""


@dataclass(frozen=True)
class IdxDataset:
    """A data set of IDX files with known contents.

    Attributes:
        title: its name in messages.
        sha256: of the raw bytes of each file, by the file's name.
        downloads: return the files, by the name of the source; tried in this order.
        advice: what a user can do if no download works.
    """

    title: str
    sha256: Mapping[str, str]
    downloads: Mapping[str, Callable[[], Files]]
    advice: str

    def load(self, cache: Path, files: Files | None = None) -> list[NDArray[np.uint8]]:
        """Return the arrays in the order of `sha256`; complete the cache.

        Args:
            cache: folder for the raw IDX files, created if missing.
            files: from a source that the user chose; None to read the cache, and to download
                what is incomplete or damaged.

        Raises:
            DataError: a file of the user's source is damaged, or no download works; the message
                has the reason for each.
        """
        if files is None:
            cached = self._read_cache(cache)
            files = self._download() if cached is None else cached
        for name in self.sha256:
            self._check(name, files[name])
            path = cache / name
            if not path.exists():
                cache.mkdir(parents=True, exist_ok=True)
                # a name of its own: several processes may fill the cache at once
                partial = path.with_suffix(f".partial-{os.getpid()}")
                partial.write_bytes(files[name])
                partial.rename(path)
        return [_parse(files[name]) for name in self.sha256]

    def read_folder(self, folder: Path) -> Files:
        """Read the IDX files of a folder, gzipped or not.

        Raises:
            DataError: a file is missing, or its gzip is damaged.
        """
        files = {}
        for name in self.sha256:
            packed = folder / f"{name}.gz"
            if (folder / name).exists():
                files[name] = (folder / name).read_bytes()
            elif packed.exists():
                try:
                    files[name] = gzip.decompress(packed.read_bytes())
                except (OSError, EOFError, zlib.error) as error:
                    raise DataError(f"{packed} is damaged or not gzip: {error}") from error
            else:
                raise DataError(f"{folder} has neither {name} nor {name}.gz; one is required.")
        return files

    def from_arrays(self, *arrays: NDArray[np.uint8]) -> Files:
        """Serialise arrays in the order of `sha256`, so that every source has the same hashes."""
        return {name: to_idx(array) for name, array in zip(self.sha256, arrays, strict=True)}

    def _check(self, name: str, raw: bytes) -> None:
        digest = hashlib.sha256(raw).hexdigest()
        if digest != self.sha256[name]:
            raise DataError(
                f"{name} is damaged or not {self.title}: it has {len(raw):,} bytes with SHA-256 "
                f"{digest}; expected SHA-256 {self.sha256[name]}."
            )

    def _read_cache(self, cache: Path) -> Files | None:
        """Return the files, or None if one is missing; remove damaged ones with a warning."""
        files = {}
        for name in self.sha256:
            path = cache / name
            if not path.exists():
                continue
            raw = path.read_bytes()
            try:
                self._check(name, raw)
            except DataError as damage:
                log.warning("%s Removed it from %s; downloading it again.", damage, cache)
                path.unlink()
            else:
                files[name] = raw
        return files if len(files) == len(self.sha256) else None

    def _download(self) -> Files:
        failures = []
        for title, download in self.downloads.items():
            try:
                files = download()
                for name, raw in files.items():
                    self._check(name, raw)
            # A download can fail in many ways; each is recorded, and the next source is tried.
            except Exception as error:
                log.info("%s failed (%s); trying the next source.", title, error)
                failures.append(f"{title}: {error}")
            else:
                log.info("Read %s from %s.", self.title, title)
                return files
        raise DataError(
            f"{self.title} could not be downloaded; {self.advice}. " + " | ".join(failures)
        )


def _parse(raw: bytes) -> NDArray[np.uint8]:
    """Parse IDX bytes, already verified: big-endian magic number, sizes, then uint8 values."""
    dimensions = raw[3]
    shape = struct.unpack_from(f">{dimensions}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def to_idx(array: NDArray[np.uint8]) -> bytes:
    """Serialise a uint8 array as IDX.

    Raises:
        ValueError: the array is not uint8.
    """
    if array.dtype != np.uint8:
        raise ValueError(f"Arrays of an IDX data set must be uint8, got {array.dtype}.")
    out = io.BytesIO()
    out.write(struct.pack(">HBB", 0, 0x08, array.ndim))
    out.write(struct.pack(f">{array.ndim}I", *array.shape))
    out.write(array.tobytes())
    return out.getvalue()

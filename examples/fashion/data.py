"""Load Fashion-MNIST from a cache, a folder, Debian's package or Keras's data set server."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examples.data import Data, Images
from training.idx import DataError, Files, IdxDataset

LABELS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
VALIDATION_SIZE = 5_000  # the last training images
DEBIAN_PACKAGE = "dataset-fashion-mnist"
INSTALLED = Path("/usr/share/datasets/fashion-mnist")  # by Debian's package

# file name: SHA-256 of the raw IDX bytes
IDX_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def load_fashion(cache: Path, source: Path | None = None) -> Data:
    """Read Fashion-MNIST from the cache; if it is incomplete or damaged, fill it first.

    Args:
        cache: folder for the four raw IDX files, created if missing.
        source: a folder with the IDX files, gzipped or not; None for Debian's package if it is
            installed, else a download from Keras's data set server or of Debian's package.

    Raises:
        DataError: no source has the four files with the expected SHA-256; the message has the
            reason for each.
    """
    if source is not None and not source.is_dir():
        raise DataError(
            f"--data {source} is not a folder; pass one with {', '.join(IDX_SHA256)}, "
            "gzipped or not."
        )
    files = None if source is None else _FASHION.read_folder(source)
    images, labels, test_images, test_labels = _FASHION.load(cache, files)
    return Data(
        training=_images(images[:-VALIDATION_SIZE], labels[:-VALIDATION_SIZE]),
        validation=_images(images[-VALIDATION_SIZE:], labels[-VALIDATION_SIZE:]),
        test=_images(test_images, test_labels),
    )


def _images(pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Images:
    return Images(pixels[..., np.newaxis], labels)


def _from_installed_package() -> Files:
    return _FASHION.read_folder(INSTALLED)


def _from_keras() -> Files:
    import keras  # here, because only this source needs it

    train, test = keras.datasets.fashion_mnist.load_data()
    return _FASHION.from_arrays(*train, *test)


def _from_debian() -> Files:
    """Download Debian's package and unpack it into a temporary folder, which needs no root."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise DataError(f"{program} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        _run("apt-get", "download", DEBIAN_PACKAGE, folder=folder)
        (package,) = Path(folder).glob("*.deb")
        _run("dpkg-deb", "-x", package.name, ".", folder=folder)
        return _FASHION.read_folder(Path(folder) / INSTALLED.relative_to("/"))


def _run(*command: str, folder: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise DataError(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-300:]}")


_FASHION = IdxDataset(
    "Fashion-MNIST",
    IDX_SHA256,
    {
        f"installed package {DEBIAN_PACKAGE}": _from_installed_package,
        "keras.datasets.fashion_mnist": _from_keras,
        f"apt-get download {DEBIAN_PACKAGE}": _from_debian,
    },
    "pass --data FOLDER with its four IDX files",
)

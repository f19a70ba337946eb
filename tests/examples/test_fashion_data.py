"""Fashion-MNIST is the same from every source, and damaged files are detected."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from examples.data import Data
from examples.fashion import data as fashion_data
from examples.fashion.data import IDX_SHA256, LABELS, load_fashion
from tests.conftest import ROOT
from training.idx import DataError

CACHE = ROOT / "data" / "fashion"
DPKG_DEB = shutil.which("dpkg-deb")
TEST_LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture(scope="module")
def fashion() -> Data:
    """Load Fashion-MNIST from the cache that training uses too, or fill the cache."""
    try:
        return load_fashion(CACHE)
    except DataError as error:
        pytest.skip(f"Fashion-MNIST is not available here: {error}")


@pytest.fixture
def cache(tmp_path: Path, fashion: Data) -> Path:  # noqa: ARG001  # `fashion` has filled CACHE
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
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Hide every source but the cache; return the only folder in which programs are found."""

    def unreachable() -> Any:
        raise OSError("name resolution failed")

    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setattr(fashion_data, "INSTALLED", Path("/nowhere/fashion-mnist"))
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", unreachable)
    monkeypatch.setenv("PATH", str(programs))
    return programs


def assert_same(actual: Data, expected: Data) -> None:
    """Assert that all images and labels are equal."""
    for name in ("training", "validation", "test"):
        one, other = getattr(actual, name), getattr(expected, name)
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.labels, other.labels)


def test_the_sets_have_their_sizes_and_every_class(fashion: Data) -> None:
    """55,000 images are learned, 5,000 validate and 10,000 test, of all ten classes."""
    sets = fashion.training, fashion.validation, fashion.test
    assert [each.pixels.shape for each in sets] == [
        (55_000, 28, 28, 1), (5_000, 28, 28, 1), (10_000, 28, 28, 1),
    ]  # fmt: skip
    assert np.bincount(fashion.test.labels).tolist() == [1_000] * 10
    learned = np.concatenate([fashion.training.labels, fashion.validation.labels])
    assert np.bincount(learned).tolist() == [6_000] * 10


def test_the_labels_are_in_the_order_of_the_classes(fashion: Data) -> None:
    """The first image is an ankle boot; trousers are the narrowest and bags among the widest."""
    assert LABELS[fashion.training.labels[0]] == "Ankle boot"
    lit = (fashion.test.pixels > 0).any(axis=(1, 3)).sum(axis=1)  # columns with a garment
    widths = {label: lit[fashion.test.labels == index].mean() for index, label in enumerate(LABELS)}
    assert min(widths, key=lambda label: widths[label]) in ("Trouser", "Dress")
    assert widths["Bag"] > widths["Trouser"] + 5


def test_a_complete_cache_needs_no_source(cache: Path, fashion: Data, offline: Path) -> None:
    """With all four files in the cache nothing else is read."""
    assert not list(offline.iterdir())
    assert_same(load_fashion(cache), fashion)


def test_a_damaged_file_is_removed_and_every_source_is_named(
    cache: Path, offline: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One changed bit is reported; without a source, the error has the reason for each."""
    assert not list(offline.iterdir())
    raw = (cache / TEST_LABELS).read_bytes()
    (cache / TEST_LABELS).write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))

    with pytest.raises(DataError) as error:
        load_fashion(cache)

    assert f"{TEST_LABELS} is damaged or not Fashion-MNIST" in caplog.text
    assert not (cache / TEST_LABELS).exists()
    assert len(list(cache.iterdir())) == len(IDX_SHA256) - 1
    message = str(error.value)
    assert "pass --data FOLDER with its four IDX files" in message
    assert "installed package dataset-fashion-mnist: /nowhere/fashion-mnist has neither" in message
    assert "keras.datasets.fashion_mnist: name resolution failed" in message
    assert "apt-get download dataset-fashion-mnist: apt-get is not installed" in message


@pytest.mark.skipif(DPKG_DEB is None, reason="dpkg-deb is not installed")
def test_the_package_is_downloaded_and_unpacked(
    cache: Path, fashion: Data, tmp_path: Path, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last source is Debian's package, which apt-get leaves in the current folder."""
    tree = tmp_path / "tree"
    shutil.copytree(cache, tree / fashion_data.INSTALLED.relative_to("/"))
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(
        "Package: dataset-fashion-mnist\nVersion: 1\nArchitecture: all\n"
        "Maintainer: A test <test@example.org>\nDescription: the four files\n"
    )
    package = tmp_path / "dataset-fashion-mnist_1_all.deb"
    monkeypatch.setenv("PATH", f"{offline}{os.pathsep}/usr/bin{os.pathsep}/bin")
    subprocess.run([DPKG_DEB, "-Znone", "-b", tree, package], check=True, capture_output=True)
    apt_get = offline / "apt-get"
    apt_get.write_text(f'#!/bin/sh\ntest "$*" = "download dataset-fashion-mnist" && cp {package} .')
    apt_get.chmod(0o755)

    assert_same(load_fashion(tmp_path / "new"), fashion)
    assert {path.name for path in (tmp_path / "new").iterdir()} == IDX_SHA256.keys()


def test_a_path_that_is_no_folder_of_idx_files_is_rejected(tmp_path: Path) -> None:
    """The error names the path, and the files that it should have."""
    with pytest.raises(DataError, match="nowhere is not a folder; pass one with train-images-idx3"):
        load_fashion(tmp_path / "cache", tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"has neither train-images-idx3-ubyte nor .*\.gz"):
        load_fashion(tmp_path / "cache", tmp_path)

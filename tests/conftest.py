"""Fixtures of several test folders: MNIST, two model bundles, a running server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import keras
import numpy as np
import pytest
import requests
from numpy.typing import NDArray

from service.model.bundle import Bundle, read_bundle
from tests.graphs import write_graph_bundle
from training.data import Mnist, load_mnist
from training.export import compile_bundle

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """Load MNIST from the cache that training uses too; download it if the cache is empty."""
    return load_mnist(ROOT / "data")


@pytest.fixture(scope="session")
def digits(mnist: Mnist) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Choose 150 test digits at random, uint8 (150, 28, 28), and their labels, uint8 (150,)."""
    chosen = np.random.default_rng(11).choice(len(mnist.test_images), 150, replace=False)
    return mnist.test_images[chosen], mnist.test_labels[chosen]


@pytest.fixture(scope="session")
def mnist_bundle() -> Bundle:
    """Load the committed bundle, which a fresh clone serves."""
    return read_bundle(ROOT / "models" / "mnist" / "1")


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a models folder with the committed model and `tiny`, a small one of other shapes."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "mnist").symlink_to(ROOT / "models" / "mnist")
    keras.utils.set_random_seed(5)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.Conv2D(
                5, (3, 2), strides=(2, 1), padding="same", activation="relu", name="stem"
            ),
            layers.AveragePooling2D((2, 3), strides=(1, 2), name="smooth"),
            layers.Conv2D(4, (2, 2), activation="tanh", name="deep"),
            layers.MaxPooling2D((2, 2), padding="same", name="strongest"),
            layers.Flatten(name="row"),
            layers.Dense(6, activation="relu", name="mix"),
            layers.Dense(3, activation="softmax", name="classes"),
        ]
    )
    for layer in model.layers:  # a bias of 0 would hide that it is not added
        layer.set_weights([array + np.float32(0.01) for array in layer.get_weights()])
    digits = np.random.default_rng(1).integers(0, 256, (20, 12, 10, 3), np.uint8)
    (folder / "tiny" / "3").mkdir(parents=True)
    compile_bundle(model, folder / "tiny" / "3", "tiny", 3, digits, digits[:2], {})
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(models_dir: Path) -> Bundle:
    """Load a network with other names, sizes, strides and padding, and three input channels."""
    return read_bundle(models_dir / "tiny" / "3")


@pytest.fixture(scope="session")
def graph_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a models folder with the committed model and `graph`, whose layers are no chain."""
    folder = tmp_path_factory.mktemp("graphs")
    (folder / "mnist").symlink_to(ROOT / "models" / "mnist")
    write_graph_bundle(folder / "graph" / "1")
    return folder


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(
    stdout: int | IO[str] = subprocess.DEVNULL, **environ: str
) -> tuple[subprocess.Popen[str], str]:
    """Start `python -m service` with these variables; return process and URL once it is ready.

    Raises:
        RuntimeError: the process ended or is not ready after a minute.
    """
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CONVSCOPE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={
            **inherited,
            "PORT": str(port),
            "WEB_CONCURRENCY": "1",
            "CONVSCOPE_DRAIN_GRACE": "0",
            **environ,
        },
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            if requests.get(f"{url}/readyz", timeout=5).ok:
                return process, url
        except requests.RequestException:
            time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"the server did not start: {process.communicate()[1]}")


@pytest.fixture(scope="session")
def server(models_dir: Path) -> Iterator[str]:
    """Start a service with both models; return its URL."""
    process, url = start_server(CONVSCOPE_MODELS_DIR=str(models_dir))
    yield url
    process.terminate()
    process.communicate(timeout=40)

"""What several test folders share: the real digits, two bundles, a running server."""

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

from service.model.bundle import Bundle, read_bundle
from training.data import Mnist, load_mnist
from training.export import compile_bundle

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """The real digits, from the cache that training uses too; fetched where it is empty."""
    return load_mnist(ROOT / "data")


@pytest.fixture(scope="session")
def mnist_bundle() -> Bundle:
    """The committed bundle, the one that a fresh clone serves."""
    return read_bundle(ROOT / "models" / "mnist" / "1")


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the committed model and a small, differently shaped one, `tiny`."""
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
    for layer in model.layers:  # biases that start at 0 would hide one that is left out
        layer.set_weights([array + np.float32(0.01) for array in layer.get_weights()])
    digits = np.random.default_rng(1).integers(0, 256, (20, 12, 10, 3), np.uint8)
    (folder / "tiny" / "3").mkdir(parents=True)
    compile_bundle(model, folder / "tiny" / "3", "tiny", 3, digits, digits[:2], {})
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(models_dir: Path) -> Bundle:
    """A network with other names, sizes, strides, padding and three input channels."""
    return read_bundle(models_dir / "tiny" / "3")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(
    stdout: int | IO[str] = subprocess.DEVNULL, **environ: str
) -> tuple[subprocess.Popen[str], str]:
    """`python -m service` as its users start it; its address, once it is ready."""
    port = free_port()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CONVSCOPE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={
            **clean,
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
    """The address of a running service with both models."""
    process, url = start_server(CONVSCOPE_MODELS_DIR=str(models_dir))
    yield url
    process.terminate()
    process.communicate(timeout=40)

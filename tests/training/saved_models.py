"""Small saved models, and damaged or hostile copies of them."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from training.errors import ExportError
from training.loading import load_model

SHAPE = (8, 6, 2)
SUFFIXES = (".keras", ".h5")
Config = dict[str, Any]


def small_sequential() -> keras.Model:
    """Build a network with weights of several kinds, each different from its initial value."""
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(3, 3, activation="relu", name="stem"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(name="row"),
            layers.Dense(4, activation="softmax", name="classes"),
        ]
    )
    return randomised(model)


def randomised(model: keras.Model) -> keras.Model:
    """Replace all weights by random positive ones."""
    random = np.random.default_rng(3)
    model.set_weights([random.uniform(0.1, 1, array.shape) for array in model.get_weights()])
    return model


def answers(model: keras.Model, shape: tuple[int, ...] = SHAPE) -> NDArray[np.float32]:
    """Return a model's outputs for two fixed images."""
    images = np.random.default_rng(4).random((2, *shape), np.float32)
    outputs: NDArray[np.float32] = model.predict(images, verbose=0)
    return outputs


def rewrite(source: Path, target: Path, replaced: dict[str, bytes | None]) -> Path:
    """Copy an archive with entries replaced, added or (None) left out."""
    with ZipFile(source) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(target, "w") as archive:
        for name, content in {**entries, **replaced}.items():
            if content is not None:
                archive.writestr(name, content)
    return target


def with_config(source: Path, target: Path, change: Callable[[Config], None]) -> Path:
    """Copy a `.keras` or `.h5` file with a changed configuration."""
    if source.suffix == ".keras":
        with ZipFile(source) as archive:
            config = json.loads(archive.read("config.json"))
        change(config)
        return rewrite(source, target, {"config.json": json.dumps(config).encode()})
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)
    return target


def layer_config(config: Config, name: str) -> Config:
    """Return a layer's object in the configuration of a model."""
    found: Config = next(
        layer for layer in config["config"]["layers"] if layer["config"]["name"] == name
    )
    return found


def refusal(path: Path, imports: tuple[str, ...] = ()) -> str:
    """Return the message that refuses a file: one line without a path of this machine."""
    with pytest.raises(ExportError) as caught:
        load_model(path, imports)
    message = str(caught.value)
    assert message.isprintable()
    assert str(path.parent) not in message
    assert tempfile.gettempdir() not in message
    assert len(message) < 700
    return message

"""A two-class model whose answer depends on the red of one square of its input alone."""

from pathlib import Path
from typing import Literal

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from service.model.manifest import Input, ResizePreparation
from training.bundling import Contents, patterns, write_bundle
from training.tracing import trace

SHAPE = (56, 84)
TOP, LEFT, SIDE = 20, 48, 12
RED = (230, 40, 30)
_CHANNEL = {"grey": 0, "rgb": 0, "bgr": 2}  # with the red of a pixel, or its grey


def write_planted_bundle(
    folder: Path, colour: Literal["grey", "rgb", "bgr"] = "rgb", shape: tuple[int, int] = SHAPE
) -> None:
    """Export the model, which ends in one sigmoid unit, to a bundle in an empty folder."""
    folder.mkdir(parents=True)
    full = (*shape, 1 if colour == "grey" else 3)
    image = keras.Input(full)
    answer = layers.Dense(1, activation="sigmoid", name="answer")
    model = keras.Model(image, answer(layers.Flatten(name="flat")(image)))
    kernel = np.zeros(full, np.float32)
    kernel[TOP : TOP + SIDE, LEFT : LEFT + SIDE, _CHANNEL[colour]] = 0.05
    answer.set_weights([kernel.reshape(-1, 1), np.float32([-3])])
    images = patterns(full, 3)
    source = Input(full, colour, ResizePreparation())
    contents = Contents("planted", 1, ["other", "red"], source, images, images[:1])
    write_bundle(model, trace(model), folder, contents)


def planted_picture() -> NDArray[np.uint8]:
    """Return a picture, uint8 (H, W, 3), of blue noise with a red square where the model looks."""
    noise = np.random.default_rng(2).integers(0, 40, (*SHAPE, 3))
    picture = (noise + np.array([0, 0, 120])).astype(np.uint8)
    picture[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = RED
    return picture

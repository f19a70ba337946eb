"""Networks of torchvision, as ONNX files, are exported with the values of onnxruntime."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from service.model.bundle import read_bundle
from service.model.engine import Engine
from tests.training.onnx_families import FAMILIES, save_family
from tests.training.onnx_models import difference, reference
from training.bundling import patterns
from training.export import Wanted, export_model
from training.loading import load_model

TOLERANCE = 1e-4  # of the largest value
SMALL = 64
IMAGENET = "rgb,resize=256,crop,imagenet"


def normalised(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images as torchvision normalises them."""
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    return (pixels / np.float32(255) - mean) / std


def assert_agree(actual: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Compare logits of several images, which differ from each other by more than is tolerated."""
    assert difference(actual, expected) < TOLERANCE
    assert np.ptp(expected, axis=0).max() > 10 * TOLERANCE * np.abs(expected).max()
    assert np.abs(expected).max() < 100


@pytest.mark.parametrize("family", FAMILIES)
def test_a_small_network_of_each_family_computes_what_onnxruntime_does(
    family: str, tmp_path: Path
) -> None:
    """Every kind of block, with few channels and repetitions."""
    path = save_family(family, tmp_path / "mine.onnx", SMALL, width=4, depth=4, classes=10)
    images = normalised(patterns((SMALL, SMALL, 3), 3))

    model = load_model(path)

    assert_agree(model(images, training=False).numpy(), reference(path, images))


def test_an_onnx_file_becomes_a_bundle(tmp_path: Path) -> None:
    """The bundle serves what onnxruntime computes, and its `model.keras` has plain layers."""
    path = save_family("resnet18", tmp_path / "mine.onnx", 32, width=8, depth=2, classes=10)
    pixels = patterns((32, 32, 3), 3)

    folder, _ = export_model(path, tmp_path / "models", Wanted("mine", input=IMAGENET))

    bundle = read_bundle(folder)
    logits = Engine(bundle).run(pixels, [bundle.logits])[bundle.logits]
    assert_agree(logits, reference(path, normalised(pixels)))
    saved = keras.saving.load_model(folder / "model.keras", safe_mode=True)
    assert_agree(saved(normalised(pixels)).numpy(), reference(path, normalised(pixels)))
    assert {type(layer).__module__.split(".")[0] for layer in saved.layers} == {"keras"}
    kinds = {layer.name: layer.kind for layer in bundle.layers}
    assert kinds["layer1.0.conv1"] == kinds["layer2.0.downsample.0"] == "Conv2D"
    assert kinds["maxpool_pad"] == "ZeroPadding2D"
    assert kinds["layer4.0.relu_1"] == "ReLU"
    assert kinds["layer4.0.add"] == "Add"
    assert bundle.layers[-2].name == "fc"


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_of_full_size_is_served_as_onnxruntime_computes_it(
    family: str, tmp_path: Path
) -> None:
    """The graph of the bundle and the model of Keras agree with the ONNX file."""
    path = save_family(family, tmp_path / "mine.onnx")
    pixels = patterns((224, 224, 3), 3)
    expected = reference(path, normalised(pixels))

    folder, _ = export_model(path, tmp_path / "models", Wanted("mine", input=IMAGENET))

    bundle = read_bundle(folder)
    assert_agree(Engine(bundle).run(pixels, [bundle.logits])[bundle.logits], expected)
    saved = keras.saving.load_model(folder / "model.keras", safe_mode=True)
    assert_agree(saved(normalised(pixels)).numpy(), expected)

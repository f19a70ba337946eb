"""The occlusion map that the page computes is the service's."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from service.model.bundle import Bundle
from service.model.engine import Engine
from service.model.occlusion import occlude
from tests.networks import compiled, noise, odd_cnn
from training.data import Mnist

SCRIPT = Path(__file__).with_name("occlusion.js")


@pytest.mark.parametrize("name", ["mnist", "odd"])
def test_occlusion_maps_are_the_services(
    name: str, mnist: Mnist, mnist_bundle: Bundle, tmp_path: Path
) -> None:
    """For a digit, and for an input of another shape, every pixel's drop is the service's."""
    is_digit = name == "mnist"
    bundle = mnist_bundle if is_digit else compiled(odd_cnn(), tmp_path)
    images = mnist.test_images[:1, ..., np.newaxis] if is_digit else noise(3)
    (tmp_path / "images.u8").write_bytes(images.tobytes())
    command = ["node", SCRIPT, bundle.path, tmp_path / "images.u8"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    for image, found in zip(images, json.loads(done.stdout), strict=True):
        expected = occlude(Engine(bundle), image)
        assert (found["label"], found["patch"]) == (expected.label, expected.patch)
        assert found["confidence"] == pytest.approx(expected.confidence, abs=1e-4)
        np.testing.assert_allclose(found["pixels"], expected.pixels, rtol=0, atol=1e-4)

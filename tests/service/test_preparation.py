"""Images become the input that a manifest declares."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from service import preparation
from service.errors import WrongShape
from service.model.manifest import Input, ResizePreparation

SHAPE = (32, 24, 3)


def encoded(pixels):
    """Encode pixels as PNG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(name="bundle")
def bundle_(mnist_bundle):
    """A bundle that resizes colour images to more than its input, and cuts out the centre."""
    return replace(mnist_bundle, input=Input(SHAPE, "rgb", ResizePreparation("crop", 40)))


def test_an_image_that_is_not_to_be_preprocessed_keeps_its_pixels(bundle):
    """With preprocess=none, an image of the input's size is the input, whatever the fit."""
    pixels = np.random.default_rng(2).integers(0, 256, SHAPE, np.uint8)
    inputs = preparation.from_images([encoded(pixels)], "none", bundle, 10_000)
    np.testing.assert_array_equal(inputs.pixels[0], pixels)
    assert inputs.applied[0].mode == "none"
    assert inputs.applied[0].bounding_box == (0, 0, 24, 32)
    with pytest.raises(WrongShape, match="24 × 32 pixels, not 24 × 33"):
        preparation.from_images([encoded(np.pad(pixels, ((0, 1), (0, 0), (0, 0))))], "none",
                                bundle, 10_000)  # fmt: skip

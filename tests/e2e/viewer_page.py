"""Helpers for the tests of the view of any model."""

import io

import numpy as np
from PIL import Image

from tests.e2e.running import encode
from tests.graphs import SHAPE

TILE = ".tile"
ATLAS = "#atlas[aria-busy=false] img:visible"
FIRST = ".predicted[aria-busy=false] li:first-child .label"
BLOCK = '[data-block="block1"]'
# the canvases of the picture that show a preview
DRAWN = "() => document.querySelectorAll('.tile canvas.drawn:not(.old)').length"


def write_noise(folder):
    """Write a photo-like file of noise, wider than the model's input; return it and its middle."""
    pixels = np.random.default_rng(6).integers(0, 256, (*SHAPE[:2], 3), np.uint8)
    wide = np.pad(pixels, ((0, 0), (12, 12), (0, 0)))
    path = folder / "noise.png"
    path.write_bytes(encode(Image.fromarray(wide)))
    return path, pixels


def rgb(png):
    """Decode a PNG, uint8 (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def array_of(pixels):
    """The body and the headers of a request with an array."""
    body = io.BytesIO()
    np.save(body, pixels)
    return {"data": body.getvalue(), "headers": {"Content-Type": "application/x-npy"}}


def choose(page, path):
    """Choose a picture; wait for its prediction and for an atlas."""
    page.wait_for_function("() => document.querySelector('.frame img').src")
    sample = page.locator(".frame img").get_attribute("src")
    page.locator("#picture input").set_input_files(path)
    page.wait_for_function("(old) => document.querySelector('.frame img').src !== old", arg=sample)
    page.locator(FIRST).wait_for()
    page.locator(ATLAS).wait_for()


def layer(page, name):
    """A layer's tile."""
    return page.locator(f'{TILE}[data-layer="{name}"]')

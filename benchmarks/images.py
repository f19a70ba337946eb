"""Build the images and arrays of the requests, the same bytes for every server."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SEVEN = (Path(__file__).parents[1] / "tests" / "seven.png").read_bytes()


def drawing() -> bytes:
    """Return a three as people draw it on a canvas: 280 × 280, black pen of 20 pixels on white."""
    image = Image.new("L", (280, 280), 255)
    pen = ImageDraw.Draw(image)
    pen.arc((80, 35, 190, 145), 200, 90, 0, 20)
    pen.arc((75, 125, 200, 250), 270, 160, 0, 20)
    return _encode(image, "PNG")


def photo() -> bytes:
    """Return a photo of 12 megapixels: a dark digit on unevenly lit, grainy paper, as JPEG."""
    rows, columns = np.mgrid[0:3000, 0:4000]
    digit = np.asarray(Image.open(io.BytesIO(SEVEN)).convert("L").resize((1200, 1200)))
    grey = 200 - 60 * rows / 3000 - 20 * columns / 4000
    grey[900:2100, 1400:2600] -= digit * 0.6
    grey += np.random.default_rng(0).normal(0, 4, grey.shape)
    return _encode(Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB"), "JPEG")


def digits(count: int) -> bytes:
    """Return random digits as a NumPy file, uint8 (count, 28, 28)."""
    body = io.BytesIO()
    np.save(body, np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8))
    return body.getvalue()


def _encode(image: Image.Image, kind: str) -> bytes:
    body = io.BytesIO()
    image.save(body, kind, quality=90)
    return body.getvalue()

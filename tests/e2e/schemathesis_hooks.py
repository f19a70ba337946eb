"""What schemathesis cannot make up from a schema: pictures, arrays, and bodies that agree.

`schemathesis.toml` names this module. Requests that are meant to be refused stay as they are.
"""

import base64
import io
from typing import Any

import numpy as np
import orjson
import schemathesis
from hypothesis import strategies as st
from PIL import Image

HEADER_LENGTH = "Inference-Header-Content-Length"


def digit(seed: int) -> Any:
    """A cross with strokes of some thickness, uint8 (28, 28): enough of a digit to be drawn."""
    random = np.random.default_rng(seed)
    array = np.zeros((28, 28), np.uint8)
    row, column, width = random.integers(8, 18, 3)
    array[4:24, column : column + 2 + width % 3] = 255
    array[row : row + 2, 6:22] = random.integers(150, 256)
    return array


DIGITS = st.integers(0, 2**32 - 1).map(digit)


def encoded(kind: str) -> st.SearchStrategy[bytes]:
    """Picture files of that format."""

    def encode(array: Any, scale: int) -> bytes:
        out = io.BytesIO()
        Image.fromarray(array.repeat(scale, 0).repeat(scale, 1)).save(out, kind)
        return out.getvalue()

    return st.builds(encode, DIGITS, st.integers(1, 4))


def as_npy(array: Any) -> bytes:
    """The bytes of a .npy file."""
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def numbers(array: Any, shape: tuple[int, ...]) -> list[Any]:
    """A batch of one, as lists."""
    listed: list[Any] = array.reshape(1, *shape).tolist()
    return listed


PICTURES = st.one_of(*(encoded(kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")))
SHAPES = st.sampled_from([(28, 28), (28, 28, 1)])
ARRAYS = st.one_of(
    st.builds(lambda array, shape: array.reshape(shape), DIGITS, SHAPES),
    st.builds(lambda array: np.float32([array, array]) / 255, DIGITS),
)
TEXTS = PICTURES.map(base64.b64encode).map(bytes.decode)
for media in ("png", "jpeg", "webp", "bmp", "gif", "tiff"):
    schemathesis.openapi.media_type(f"image/{media}", encoded(media))
schemathesis.openapi.media_type("application/octet-stream", PICTURES)
schemathesis.openapi.media_type("application/x-npy", ARRAYS.map(as_npy))
schemathesis.openapi.format("binary", PICTURES)
schemathesis.openapi.format(
    "base64-picture", st.one_of(TEXTS, TEXTS.map("data:image/png;base64,{}".format))
)

"""Find the patches of test digits that activate each filter most.

Such examples help people predict a unit's activations better than synthetic images do (Borowski et
al., ICLR 2021).
"""

import base64
import io
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.model.kinds import has_kernels
from service.model.normalisation import as_floats

PATCHES_A_FILTER = 6
_BATCH_SIZE = 250


def strongest_patches(
    model: keras.Sequential, layers: Sequence[dict[str, Any]], images: NDArray[np.uint8]
) -> list[dict[str, Any]]:
    """Return for each filter of each convolution the patches with its largest values.

    No two patches of a filter are from the same digit.

    Args:
        model: the network.
        layers: the layers of the manifest, with their receptive fields.
        images: uint8 (N, H, W, C), ink 255 on 0.

    Returns:
        For each convolution its name, the size of its patches, the digit, cell and value of each
        patch by filter, largest value first, and a sprite: a PNG as a data URL, with a row of
        tiles per filter.
    """
    return [_of_layer(model, layer, images) for layer in layers if has_kernels(layer["kind"])]


def _of_layer(
    model: keras.Sequential, layer: dict[str, Any], images: NDArray[np.uint8]
) -> dict[str, Any]:
    values, cells = _strongest_cells(model, layer["name"], images)  # (N, filters)
    columns = layer["output_shape"][1]
    filters, sprite = [], []
    for channel in range(values.shape[1]):
        digits = np.argsort(-values[:, channel], kind="stable")[:PATCHES_A_FILTER]
        places = [divmod(int(cells[digit, channel]), columns) for digit in digits]
        filters.append(
            [
                {
                    "digit": int(digit),
                    "row": row,
                    "column": column,
                    "value": round(float(values[digit, channel]), 4),
                }
                for digit, (row, column) in zip(digits, places, strict=True)
            ]
        )
        pieces = [
            _patch(images[digit], layer["receptive_field"], place)
            for digit, place in zip(digits, places, strict=True)
        ]
        sprite.append(np.hstack(pieces))
    png = io.BytesIO()
    Image.fromarray(np.vstack(sprite)).save(png, "PNG", optimize=True)
    return {
        "name": layer["name"],
        "size": list(layer["receptive_field"]["size"]),
        "filters": filters,
        "sprite": "data:image/png;base64," + base64.b64encode(png.getvalue()).decode(),
    }


def _strongest_cells(
    model: keras.Sequential, name: str, images: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the largest value of each filter in each digit, and its cell; both (N, filters)."""
    probe = keras.Model(model.inputs, model.get_layer(name).output)
    values, cells = [], []
    for start in range(0, len(images), _BATCH_SIZE):
        pixels = as_floats(images[start : start + _BATCH_SIZE])
        maps = probe.predict_on_batch(pixels)  # (batch, rows, columns, filters)
        flat = maps.reshape(len(maps), -1, maps.shape[-1])
        values.append(flat.max(axis=1))
        cells.append(flat.argmax(axis=1))
    return np.concatenate(values), np.concatenate(cells)


def _patch(
    image: NDArray[np.uint8], field: dict[str, Any], place: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the receptive field of a cell in an image's first channel, uint8; 0 outside."""
    (height, width), (row_step, column_step) = field["size"], field["step"]
    top = field["start"][0] + place[0] * row_step
    left = field["start"][1] + place[1] * column_step
    margin = max(height, width)
    padded = np.pad(image[..., 0], margin)
    return padded[top + margin :, left + margin :][:height, :width]

"""Resample a digit, and normalise its stroke width towards MNIST's.

Does not know thresholds, nor where a digit is placed on its 28 × 28 pixels.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import bounding_box

LONGER = 20  # pixels: the longer side of MNIST's digits
_THINNEST, _THICKEST = 1.7, 3.2  # MNIST pixels: stroke widths between these are not changed
_FINE = 80  # pixels: longer side at which strokes are dilated and eroded


def resample(image: NDArray[np.float32], longer: int) -> NDArray[np.float32]:
    """Resample to a longer side of `longer` pixels with area weights; keep the aspect ratio.

    Args:
        image: float32 (h, w).
        longer: pixels.

    Returns:
        float32 (longer, narrower) or (narrower, longer).
    """
    scale = longer / max(image.shape)
    rows = _area_weights(image.shape[0], scale)
    columns = _area_weights(image.shape[1], scale)
    return (rows @ image @ columns.T).astype(np.float32, copy=False)


@lru_cache(maxsize=128)  # up to 200 KB each
def _area_weights(length: int, scale: float) -> NDArray[np.float32]:
    """Return the weight of each of `length` pixels in each scaled pixel, float32 (scaled, length).

    A scaled pixel averages the area that it covers. When upscaling, it is treated as one pixel
    wide, which is linear interpolation.
    """
    scaled = max(round(length * scale), 1)
    middle = (np.arange(scaled, dtype=np.float32)[:, np.newaxis] + 0.5) / scale
    middle += (length - scaled / scale) / 2  # centre the rounding error
    half = max(1 / scale, 1) / 2
    pixel = np.arange(length, dtype=np.float32)
    covered = np.minimum(middle + half, pixel + 1) - np.maximum(middle - half, pixel)
    weights: NDArray[np.float32] = (np.maximum(covered, 0) / (2 * half)).astype(np.float32)
    return weights


def normalise_strokes(crop: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Dilate or erode strokes that are far thinner or thicker than MNIST's.

    Args:
        crop: float32 (h, w) in 0–255, the digit cropped to its bounding box.

    Returns:
        The digit, of another size where its strokes changed, and the factor of the stroke width.
    """
    width = _stroke_width(resample(crop, 2 * LONGER)) / 2
    target = min(max(width, _THINNEST), _THICKEST)
    if target == width:
        return crop, 1.0
    steps = abs(target - width) / 2 * _FINE / LONGER  # one pixel of the outline each
    fine = _padded(resample(crop, _FINE), int(steps) + 1)
    changed = _dilate(fine, steps) if target > width else 255 - _dilate(255 - fine, steps)
    return changed[bounding_box(changed > changed.max() / 8)], round(target / width, 2)


def _padded(image: NDArray[np.float32], margin: int) -> NDArray[np.float32]:
    """Pad an image with zeros, float32 (h + 2 × margin, w + 2 × margin)."""
    height, width = image.shape
    padded = np.zeros((height + 2 * margin, width + 2 * margin), np.float32)
    padded[margin : margin + height, margin : margin + width] = image
    return padded


def _stroke_width(image: NDArray[np.float32]) -> float:
    """Return the mean stroke width in pixels: twice the area divided by the outline's length.

    The outline is measured by the Cauchy–Crofton formula, from its crossings along rows and
    columns, which also works on grey pixels and needs no threshold.
    """
    padded = _padded(image, 1)
    down, along = padded[1:] - padded[:-1], padded[:, 1:] - padded[:, :-1]
    crossings = np.abs(down).sum() + np.abs(along).sum()
    return float(2 * image.sum() / (np.pi / 4 * crossings))


def _dilate(image: NDArray[np.float32], steps: float) -> NDArray[np.float32]:
    """Dilate by `steps` pixels, the last one in part; the size stays the same."""
    for step in range(int(np.ceil(steps))):
        dilated = image.copy()
        np.maximum(dilated[:, 1:], image[:, :-1], out=dilated[:, 1:])
        np.maximum(dilated[:, :-1], image[:, 1:], out=dilated[:, :-1])
        # alternating a cross and a square approximates a disc
        neighbours = dilated.copy() if step % 2 else image
        np.maximum(dilated[1:], neighbours[:-1], out=dilated[1:])
        np.maximum(dilated[:-1], neighbours[1:], out=dilated[:-1])
        image = image + np.float32(min(steps - step, 1)) * (dilated - image)
    return image

"""Strokes brought near the width that MNIST's have, and the resampling that this is measured by.

Does not know ink, nor a digit's place on its 28 × 28 pixels.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import bounding_box

LONGER = 20  # pixels: the longer side of MNIST's digits
_THINNEST, _THICKEST = 1.7, 3.2  # MNIST pixels: strokes between these are left as they are
_FINE = 80  # pixels: longer side at which strokes are thickened and thinned


def resample(image: NDArray[np.float32], longer: int) -> NDArray[np.float32]:
    """Scale to a longer side of `longer` pixels with area weights, the shape kept.

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
    """How much each of `length` pixels counts in each scaled pixel, float32 (scaled, length).

    A scaled pixel averages what it covers. Where it covers less than a pixel it is taken one pixel
    wide: that is linear interpolation.
    """
    scaled = max(round(length * scale), 1)
    middle = (np.arange(scaled, dtype=np.float32)[:, np.newaxis] + 0.5) / scale
    middle += (length - scaled / scale) / 2  # the rounding is shared by both ends
    half = max(1 / scale, 1) / 2
    pixel = np.arange(length, dtype=np.float32)
    covered = np.minimum(middle + half, pixel + 1) - np.maximum(middle - half, pixel)
    weights: NDArray[np.float32] = (np.maximum(covered, 0) / (2 * half)).astype(np.float32)
    return weights


def even_strokes(crop: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Bring strokes far thinner or thicker than MNIST's near them; others are left alone.

    Args:
        crop: float32 (h, w) in 0–255, the digit to its edges.

    Returns:
        The digit again, of another size where it was changed, and the factor of change.
    """
    width = _stroke_width(resample(crop, 2 * LONGER)) / 2
    target = min(max(width, _THINNEST), _THICKEST)
    if target == width:
        return crop, 1.0
    steps = abs(target - width) / 2 * _FINE / LONGER  # one pixel of the outline each
    fine = _padded(resample(crop, _FINE), int(steps) + 1)
    changed = _grow(fine, steps) if target > width else 255 - _grow(255 - fine, steps)
    return changed[bounding_box(changed > changed.max() / 8)], round(target / width, 2)


def _padded(image: NDArray[np.float32], margin: int) -> NDArray[np.float32]:
    """Put zeros round an image, float32 (h + 2 × margin, w + 2 × margin)."""
    height, width = image.shape
    padded = np.zeros((height + 2 * margin, width + 2 * margin), np.float32)
    padded[margin : margin + height, margin : margin + width] = image
    return padded


def _stroke_width(image: NDArray[np.float32]) -> float:
    """Mean width of the strokes, pixels: twice their area by the length of their outline.

    The outline is measured by how often it is crossed along rows and columns (Cauchy and Crofton),
    which also holds for grey pixels and needs no threshold.
    """
    padded = _padded(image, 1)
    down, along = padded[1:] - padded[:-1], padded[:, 1:] - padded[:, :-1]
    crossings = np.abs(down).sum() + np.abs(along).sum()
    return float(2 * image.sum() / (np.pi / 4 * crossings))


def _grow(image: NDArray[np.float32], steps: float) -> NDArray[np.float32]:
    """Move the outline outwards by `steps` pixels, the last of them in part; same size."""
    for step in range(int(np.ceil(steps))):
        grown = image.copy()
        np.maximum(grown[:, 1:], image[:, :-1], out=grown[:, 1:])
        np.maximum(grown[:, :-1], image[:, 1:], out=grown[:, :-1])
        # a cross and a square in turn: nearly a circle
        neighbours = grown.copy() if step % 2 else image
        np.maximum(grown[1:], neighbours[:-1], out=grown[1:])
        np.maximum(grown[:-1], neighbours[1:], out=grown[:-1])
        image = image + np.float32(min(steps - step, 1)) * (grown - image)
    return image

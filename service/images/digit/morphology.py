"""Close grey images, and shrink and fill masks. Does not know digits or thresholds."""

import numpy as np
from numpy.typing import NDArray

from service.images.digit.components import find_components


def close(image: NDArray[np.uint8], window: int) -> NDArray[np.uint8]:
    """Fill dark parts narrower than a square window with the tones around them.

    Beyond the image's edge the tones of the edge continue, so that what touches the edge counts as
    wide.

    Args:
        image: uint8 (H, W).
        window: pixels a side, at least 2.

    Returns:
        uint8 (H, W), nowhere darker than the image.
    """
    padded = np.pad(image, window, mode="edge")
    for ufunc in (np.maximum, np.minimum):
        for axis in (0, 1):
            padded = _extremes(padded, window, ufunc, axis)
    return padded[1:-1, 1:-1]  # without the rest of the padding


def _extremes(
    image: NDArray[np.uint8], window: int, ufunc: np.ufunc, axis: int
) -> NDArray[np.uint8]:
    """Return the extremes of `window` successive values along an axis, window − 1 shorter."""
    extremes, width = image.swapaxes(0, axis), 1  # over `width` values, doubled while that fits
    while 2 * width <= window:
        extremes = ufunc(extremes[:-width], extremes[width:])
        width *= 2
    if rest := window - width:
        extremes = ufunc(extremes[:-rest], extremes[rest:])
    return extremes.swapaxes(0, axis)


def close_gaps(mask: NDArray[np.bool_], window: int) -> NDArray[np.bool_]:
    """Add to a mask, bool (H, W), every part of its background narrower than a square window."""
    return close(mask.view(np.uint8), window).astype(np.bool_)


def wide_parts(mask: NDArray[np.bool_], window: int) -> NDArray[np.bool_]:
    """Return the parts of a mask, bool (H, W), into which a square window fits."""
    return ~close_gaps(~mask, window)


def shrink(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Remove the outermost `steps` pixels of a mask, bool (H, W), but none at the image's edge."""
    padded = np.pad(mask, steps, mode="edge")
    for _ in range(steps):
        inner = padded[1:-1, 1:-1]
        padded = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return padded


def fill(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill the holes of a mask, bool (H, W)."""
    outside = find_components(np.pad(~mask, 1, constant_values=True))
    filled: NDArray[np.bool_] = outside.labels != outside.labels[0, 0]
    return filled[1:-1, 1:-1]


def widen(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Add the pixels within `steps` rows and columns of a mask, bool (H, W)."""
    wide = np.pad(mask, steps).view(np.uint8)
    for axis in (0, 1):
        wide = _extremes(wide, 2 * steps + 1, np.maximum, axis)
    return wide.astype(np.bool_)

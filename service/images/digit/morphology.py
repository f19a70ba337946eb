"""Close and open grey images with a square window. Does not know digits or thresholds."""

import numpy as np
from numpy.typing import NDArray


def close(image: NDArray[np.uint8], window: int) -> NDArray[np.uint8]:
    """Fill dark parts narrower than a square window with the tones around them.

    Beyond the image's edge the tones of the edge continue.

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
    return np.ascontiguousarray(padded[1:-1, 1:-1][: image.shape[0], : image.shape[1]])


def _extremes(
    image: NDArray[np.uint8], window: int, ufunc: np.ufunc, axis: int
) -> NDArray[np.uint8]:
    """Return the extremes of `window` successive values along an axis, window − 1 shorter."""
    image = image.swapaxes(0, axis)
    width, extremes = 1, image  # extremes over `width` values, doubled while that fits
    while 2 * width <= window:
        extremes = ufunc(extremes[:-width], extremes[width:])
        width *= 2
    rest = window - width
    if rest:
        extremes = ufunc(extremes[:-rest], extremes[rest:])
    return extremes.swapaxes(0, axis)

"""The diverging colour scale of values: orange above 0, blue below, near-white at 0."""

import numpy as np
from numpy.typing import NDArray

# ColorBrewer's blues and oranges, which are distinguishable with all common kinds of colour
# blindness and about equally dark at equal distance from 0.
_COLOURS = np.array(
    [
        *[(5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (209, 229, 240)],
        (247, 247, 247),
        *[(254, 224, 182), (253, 184, 99), (224, 130, 20), (179, 88, 6), (127, 59, 8)],
    ]
)


def colours(values: NDArray[np.float32], limit: float) -> NDArray[np.uint8]:
    """Return the colours of values, from darkest blue (`-limit`) to darkest orange (`limit`).

    Args:
        values: float32 (…), any range; values beyond the limit have the limit's colour.
        limit: above 0.

    Returns:
        uint8 (…, 3), red, green and blue.
    """
    stops = np.linspace(-limit, limit, len(_COLOURS))
    bands = [np.interp(values, stops, band) for band in _COLOURS.T]
    return np.stack(bands, axis=-1).round().astype(np.uint8)

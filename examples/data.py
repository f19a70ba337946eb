"""Hold the images of an example in three sets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Images:
    """Images, uint8 (N, H, W, C), and their classes, uint8 (N,)."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class Data:
    """Three sets: one to learn, one for choices, and one that only measures the result."""

    training: Images
    validation: Images
    test: Images

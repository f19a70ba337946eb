"""Score how much an image is like a digit, by a small network on a layer of the model.

The score is a hidden layer of rectified detectors and a weighted sum. It was trained to separate
digits from images that show none (outlier exposure, Hendrycks et al., ICLR 2019), on the values of
the model, whose own weights it does not change.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Distribution:
    """The weights of the score, and its threshold.

    Attributes:
        kernel: float32 (features, detectors).
        bias: float32 (detectors,).
        weights: float32 (detectors,), of each detector in the score.
        threshold: images with a lower score are out of distribution.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    weights: NDArray[np.float32]
    threshold: float

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score how much images are like digits, float32 (N,); higher is more alike.

        Args:
            features: float32 (N, features), the input of the model's last hidden layer.
        """
        detectors = features @ self.kernel  # (N, detectors)
        detectors += self.bias
        np.maximum(detectors, 0, out=detectors)
        return np.asarray(detectors @ self.weights, np.float32)

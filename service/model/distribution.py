"""Score how much an image is like the training images, from two of the model's layers.

The score is the largest logit (Hendrycks et al., ICML 2022) minus the Mahalanobis distance of the
last hidden layer to the nearest class (Lee et al., NeurIPS 2018). Images of clothes have small
logits, and noise has large distances: neither term detects both.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Distribution:
    """The distribution of a model's last hidden layer on its training digits.

    Attributes:
        whitening: float32 (units, units), makes the within-class covariance a multiple of the
            identity, scaled so that on held-out digits distances have the standard deviation of
            the largest logits.
        centres: float32 (classes, units), each class's mean, whitened.
        threshold: images with a lower score are out of distribution.
    """

    whitening: NDArray[np.float32]
    centres: NDArray[np.float32]
    threshold: float

    def scores(
        self, hidden: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Score how much images are like training digits, float32 (N,); higher is more alike.

        Args:
            hidden: float32 (N, units), the last hidden layer before its activation.
            logits: float32 (N, classes).
        """
        largest: NDArray[np.float32] = np.maximum.reduce(logits, axis=1)
        return largest - self.distances(hidden)

    def distances(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scaled squared Mahalanobis distance to the nearest class, float32 (N,).

        Args:
            hidden: float32 (N, units), the last hidden layer before its activation.
        """
        # One product gives the whitened vector w and 2 w·c for every centre c, of which follows
        # |w - c|² = |w|² - (2 w·c - |c|²).
        products = hidden @ self._projection  # (N, units + classes)
        whitened, doubled = products[:, : -len(self.centres)], products[:, -len(self.centres) :]
        nearest: NDArray[np.float32] = np.maximum.reduce(doubled - self._lengths, axis=1)
        return np.asarray(np.vecdot(whitened, whitened) - nearest)

    @cached_property
    def _projection(self) -> NDArray[np.float32]:
        return np.hstack([self.whitening, 2 * self.whitening @ self.centres.T])

    @cached_property
    def _lengths(self) -> NDArray[np.float32]:
        return np.asarray((self.centres**2).sum(axis=1))

"""Whether a picture is like those that a model has learnt from. Plain arithmetic on its values.

Two signs are added up: how sure the model is (its largest logit, Hendrycks et al., ICML 2022), and
how far the last hidden layer is from what that layer holds for the nearest class (Mahalanobis
distance, Lee et al., NeurIPS 2018). Clothes have small logits, noise lies far off: neither sign
finds both.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Distribution:
    """What a model's last hidden layer looks like on its training digits.

    Attributes:
        whitening: float32 (units, units), makes the spread within a class the same every way; so
            scaled that on held-out digits distances spread as much as largest logits do.
        centres: float32 (classes, units), each class's mean, whitened.
        threshold: a score below it is out of distribution.
    """

    whitening: NDArray[np.float32]
    centres: NDArray[np.float32]
    threshold: float

    def scores(
        self, hidden: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """How much pictures are like training digits, float32 (N,); higher is more alike.

        Args:
            hidden: float32 (N, units), the last hidden layer before its activation.
            logits: float32 (N, classes).
        """
        largest: NDArray[np.float32] = np.maximum.reduce(logits, axis=1)
        return largest - self.distances(hidden)

    def distances(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        """Squared Mahalanobis distance to the nearest class, scaled, float32 (N,).

        Args:
            hidden: float32 (N, units), the last hidden layer before its activation.
        """
        # one product gives the whitened w and 2 w·c for every centre c;
        # |w - c|² = |w|² - (2 w·c - |c|²)
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

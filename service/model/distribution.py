"""Score how much an image is like those that a model was trained on, by values of one layer.

`Distribution` was trained with images that show no digit; `Familiarity` knows a user's own images
alone. Neither changes the model's weights.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file


@dataclass(frozen=True)
class Distribution:
    """A hidden layer of rectified detectors, and a weighted sum.

    It was trained to separate digits from images that show none (outlier exposure, Hendrycks et
    al., ICLR 2019).

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


@dataclass(frozen=True)
class Familiarity:
    """The logarithm of the probability of an image's features, up to a constant.

    The features of the user's images are a Gaussian distribution with few directions of large
    variance and the same small variance in all others (probabilistic principal components, Tipping
    & Bishop, 1999).

    Attributes:
        mean: float32 (features,).
        directions: float32 (features, directions), of unit length, perpendicular to each other.
        deviations: float32 (directions,), the standard deviation along each.
        rest: float32 (1,), the standard deviation along all others.
        threshold: images with a lower score are out of distribution.
    """

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    deviations: NDArray[np.float32]
    rest: NDArray[np.float32]
    threshold: float

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score how much images are like the user's, float32 (N,); higher is more alike.

        Args:
            features: float32 (N, …, features); the mean over the axes between is taken.
        """
        centred = mean_features(features) - self.mean  # (N, features)
        along = centred @ self.directions  # (N, directions)
        inside = np.square(along / self.deviations).sum(axis=1)
        beyond = np.square(centred).sum(axis=1) - np.square(along).sum(axis=1)
        return np.asarray(-(inside + beyond / np.square(self.rest[0])) / 2, np.float32)


def mean_features(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean over all axes but the first and the last, float32 (N, features)."""
    flat = values.reshape(len(values), -1, values.shape[-1])
    return np.asarray(flat.mean(axis=1), np.float32)


def read_score(path: Path, threshold: float) -> Distribution | Familiarity:
    """Read the arrays of a score; which of the two they are is known by their names.

    Raises:
        ValueError: they are of neither.
    """
    arrays = load_file(path)
    if arrays.keys() == {"kernel", "bias", "weights"}:
        return Distribution(**arrays, threshold=threshold)
    if arrays.keys() == {"mean", "directions", "deviations", "rest"}:
        return Familiarity(**arrays, threshold=threshold)
    raise ValueError(f"{path.name} has the arrays {', '.join(sorted(arrays))}, of no known score")

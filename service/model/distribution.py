"""Score how much an image is like those that a model was trained on, by values of one layer.

`Distribution` was trained with images that show no digit; `Familiarity` knows a user's own images
alone. Neither changes the model's weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Axes = tuple[str, ...]
_DISTRIBUTION: dict[str, Axes] = {
    "kernel": ("features", "detectors"),
    "bias": ("detectors",),
    "weights": ("detectors",),
}
_FAMILIARITY: dict[str, Axes] = {
    "mean": ("features",),
    "directions": ("features", "directions"),
    "deviations": ("directions",),
    "rest": ("one",),
}


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


def read_score(path: Path, threshold: float, shape: Sequence[int]) -> Distribution | Familiarity:
    """Read the arrays of a score; which of the two they are is known by their names.

    Args:
        path: the file.
        threshold: of the score.
        shape: of the values that it is computed from, without the batch.

    Raises:
        ValueError: they are of neither, or do not fit these values or each other.
    """
    arrays = load_file(path)
    if arrays.keys() == _DISTRIBUTION.keys() and len(shape) == 1:
        _check(arrays, _DISTRIBUTION, shape[-1])
        return Distribution(**arrays, threshold=threshold)
    if arrays.keys() == _FAMILIARITY.keys():
        _check(arrays, _FAMILIARITY, shape[-1])
        return Familiarity(**arrays, threshold=threshold)
    names = ", ".join(sorted(arrays))
    raise ValueError(f"the arrays {names} are no score of values of the shape {tuple(shape)}")


def _check(arrays: Mapping[str, NDArray[Any]], axes: Mapping[str, Axes], features: int) -> None:
    """Raise a ValueError where an array is not float32, or has not the length of an axis."""
    lengths = {"features": features, "one": 1}
    for name, array in arrays.items():
        fits = len(array.shape) == len(axes[name]) and array.dtype == np.float32
        if not fits or any(
            lengths.setdefault(axis, length) != length
            for axis, length in zip(axes[name], array.shape, strict=True)
        ):
            raise ValueError(
                f"the array {name!r}, {array.dtype} of the shape {array.shape}, must be float32 "
                f"({', '.join(axes[name])}), of {features} features"
            )

"""Fit the score that flags images unlike a user's own, on the values of one layer of a model."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from service.model.distribution import Distribution, Familiarity, mean_features

FEWEST = 40  # images: fewer say too little about what others will look like
_HELD_OUT = 4  # every fourth image chooses the threshold, and is not fitted
_DEVIATIONS = 4  # below the mean score of the held-out images; few images tell no small quantile
_VARIANCE = 0.95  # share of the variance along the directions that are kept
_MOST_DIRECTIONS = 64


def fit_familiarity(values: NDArray[np.float32]) -> Familiarity:
    """Fit a Gaussian distribution to the features of a user's images, and choose the threshold.

    Args:
        values: float32 (N, …, features), of the layer that the logits are computed from.

    Raises:
        ValueError: there are fewer than `FEWEST` images.
    """
    if len(values) < FEWEST:
        raise ValueError(f"{len(values)} images are too few to know others by; give {FEWEST}.")
    features = mean_features(values).astype(np.float64)
    is_held_out = np.arange(len(features)) % _HELD_OUT == 0
    fitted = features[~is_held_out]
    mean = fitted.mean(axis=0)
    _, singular, rows = np.linalg.svd(fitted - mean, full_matrices=False)
    variances = np.square(singular) / len(fitted)
    share = np.cumsum(variances) / max(variances.sum(), 1e-12)
    kept = min(int(np.searchsorted(share, _VARIANCE)) + 1, _MOST_DIRECTIONS, len(fitted) // 4)
    others = max(features.shape[1] - kept, 1)
    # not 0 where the images vary along few directions only
    rest = np.sqrt(variances[kept:].sum() / others + 1e-3 * variances.mean() + 1e-12)
    untested = Familiarity(
        mean=mean.astype(np.float32),
        directions=rows[:kept].T.astype(np.float32),
        deviations=np.sqrt(variances[:kept] + rest**2).astype(np.float32),
        rest=np.array([rest], np.float32),
        threshold=0.0,
    )
    scores = untested.scores(values[is_held_out])
    # the scores of a Gaussian distribution deviate so much; those of few images may by chance less
    expected = np.sqrt(features.shape[1] / 2)
    threshold = float(scores.mean() - _DEVIATIONS * max(scores.std(), expected))
    return Familiarity(
        untested.mean, untested.directions, untested.deviations, untested.rest, threshold
    )


def save_score(score: Distribution | Familiarity, path: Path) -> None:
    """Write a score's arrays; the manifest has its threshold."""
    # contiguous, because safetensors writes an array's memory whatever the order of its axes
    arrays = {
        key: np.ascontiguousarray(value)
        for key, value in asdict(score).items()
        if key != "threshold"
    }
    path.write_bytes(save(arrays))

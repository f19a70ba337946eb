"""Turn a model's values into predictions. Does not know HTTP or settings.

Used by the routes, and by other code that runs a model on images.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service import candidates
from service.inputs import Inputs
from service.model.bundle import Bundle
from service.model.layer import LayerValues, Pair
from service.predictions import AppliedPreprocessing, Prediction


def outcome(bundle: Bundle) -> list[Pair]:
    """List the layers' values that a prediction needs: probabilities, then those of its score."""
    if bundle.features is None:
        return [bundle.probabilities]
    return [bundle.probabilities, bundle.features]


def scores(bundle: Bundle, values: LayerValues) -> NDArray[np.float32] | None:
    """Return how similar each image is to the training images, float32 (N,).

    Args:
        bundle: the model's.
        values: at least those of `outcome`.

    Returns:
        None where the bundle has no distribution.
    """
    if bundle.distribution is None or bundle.features is None:
        return None
    return bundle.distribution.scores(values[bundle.features])


def in_distribution(
    bundle: Bundle, similarity: NDArray[np.float32] | None, inputs: Inputs
) -> list[bool] | None:
    """Return whether each input resembles the training images.

    Args:
        bundle: the model's.
        similarity: the `scores` of the inputs.
        inputs: one of a single tone shows nothing, whatever its score.

    Returns:
        None where the bundle has no distribution.
    """
    if similarity is None or bundle.distribution is None:
        return None
    count, height, width, channels = inputs.pixels.shape
    flat = inputs.pixels.reshape(count, height * width, channels)
    shows = (flat != flat[:, :1]).any(axis=(1, 2)).tolist()
    threshold = bundle.distribution.threshold
    return [
        is_drawn and score >= threshold
        for is_drawn, score in zip(shows, similarity.tolist(), strict=True)
    ]


def predictions(
    bundle: Bundle,
    values: LayerValues,
    inputs: Inputs,
    top_k: int | None = None,
    *,
    details: bool = False,
) -> list[Prediction]:
    """Return a prediction for each input; of segmented images, for each segment.

    Args:
        bundle: the model's.
        values: at least those of `outcome`.
        inputs: the inputs that the values were computed from.
        top_k: how many classes to return; None for all.
        details: whether to return every field of the preprocessing, and the digit of a segment.
    """
    probabilities = values[bundle.probabilities]  # (N, classes)
    count = len(probabilities)
    similarity = scores(bundle, values)
    is_similar = in_distribution(bundle, similarity, inputs)
    by_input: Sequence[float | None] = [None] * count if similarity is None else similarity.tolist()
    threshold = bundle.distribution.threshold if bundle.distribution else 0.0
    labels = bundle.labels
    rows = zip(
        inputs.images,
        probabilities.tolist(),
        by_input,
        [None] * count if is_similar is None else is_similar,
        inputs.applied,
        strict=True,
    )
    answers = [
        Prediction(
            image,
            labels[classes[0]],
            row[classes[0]],
            {labels[index]: row[index] for index in classes},
            resembles,
            score,
            AppliedPreprocessing.of(applied, details=details),
        )
        for image, row, score, resembles, applied in rows
        if (classes := sorted(range(len(row)), key=row.__getitem__, reverse=True)[:top_k])
    ]
    if not inputs.segments:
        return answers
    return candidates.choose(inputs.segments, answers, threshold, details=details)

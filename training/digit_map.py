"""Lay out the test digits by the values of the last hidden layer, for the page's map of digits."""

import logging
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save

from service.model.bundle import MAP, THUMBNAILS
from service.model.normalisation import as_floats
from training.data import Mnist

log = logging.getLogger(__name__)

NEIGHBOURS = 10  # whose mean distance is a digit's outlier score
CHUNK = 1_000  # thumbnails in a file
_OUTLIERS = 0.01  # share of the digits whose thumbnails are in the first file, as all mistakes are
_SEED = 7
_REPORT_EVERY = 50  # iterations
_BATCH_SIZE = 500

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


def write_map(model: keras.Sequential, mnist: Mnist, bundle: Path) -> None:
    """Write the map of the test digits, unless the last hidden layer is not flat.

    The file has a row for each test digit: its quantised features, its position, what the model
    answers, and how far it is from its nearest neighbours. Each thumbnail has the digit's own
    pixels; the digits are one below the other.

    Args:
        model: ends in the layer of the probabilities.
        mnist: its test digits are laid out.
        bundle: the folder.
    """
    hidden, last = model.layers[-2:]
    if len(hidden.output.shape) != 2:
        log.info("No map of the test digits: layer %s is not flat.", hidden.name)
        return
    probe = keras.Model(model.inputs, [hidden.output, last.output])
    pixels = as_floats(mnist.test_images)[..., np.newaxis]
    values, probabilities = probe.predict(pixels, batch_size=_BATCH_SIZE, verbose=0)
    features, lows, scales = quantise(values)
    positions = layout(values)
    predicted = probabilities.argmax(axis=1)
    outlier = outlier_scores(features * scales)
    is_mistake = predicted != mnist.test_labels
    is_outlier = outlier >= np.quantile(outlier, 1 - _OUTLIERS)
    # Few files hold the thumbnails of all mistakes and outliers, or of digits close together.
    order = np.lexsort((positions[:, 0], predicted, ~(is_mistake | is_outlier)))
    tensors = {
        "features": features,
        "lows": lows,
        "scales": scales,
        "positions": positions,
        "labels": mnist.test_labels.astype(np.uint8),
        "predicted": predicted.astype(np.uint8),
        "confidences": probabilities.max(axis=1).astype(np.float32),
        "outlier_scores": outlier,
        "thumbnails": np.argsort(order).astype(np.uint16),
    }
    metadata = {"layer": hidden.name, "neighbours": str(NEIGHBOURS), "chunk": str(CHUNK)}
    (bundle / MAP).write_bytes(save(tensors, metadata))
    (bundle / THUMBNAILS).mkdir()
    for chunk, first in enumerate(range(0, len(order), CHUNK)):
        tiles = mnist.test_images[order[first : first + CHUNK]]
        path = bundle / THUMBNAILS / f"{chunk}.png"
        Image.fromarray(np.vstack(list(tiles))).save(path, "PNG", optimize=True)


def quantise(values: Floats) -> tuple[Bytes, Floats, Floats]:
    """Quantise each unit between its lowest and highest value.

    Args:
        values: float32 (N, units).

    Returns:
        The bytes, and by unit the value of byte 0 and of one step: value = low + scale · byte.
    """
    lows = values.min(axis=0)
    scales = (values.max(axis=0) - lows) / np.float32(255)
    scales[scales == 0] = 1  # a unit that is the same for all digits
    return np.rint((values - lows) / scales).astype(np.uint8), lows, scales


def layout(values: Floats) -> NDArray[np.uint16]:
    """Lay out vectors in a square by t-SNE, uint16 (N, 2); the longer side spans 0–65535.

    Args:
        values: float32 (N, units).
    """
    from openTSNE import TSNE  # takes a while to import, and only exports need it

    def report(iteration: int, error: float, _: NDArray[np.float64]) -> None:
        log.info("Laying out the test digits: iteration %d, error %.3f", iteration, error)

    log.info("Laying out %d test digits (about a minute) …", len(values))
    # One thread, so that the positions are the same on every machine.
    perplexity = min(30, (len(values) - 1) / 3)
    method = TSNE(
        perplexity=perplexity,
        random_state=_SEED,
        n_jobs=1,
        callbacks=report,
        callbacks_every_iters=_REPORT_EVERY,
    )
    places = np.asarray(method.fit(values))
    lowest, highest = places.min(axis=0), places.max(axis=0)
    side = (highest - lowest).max()
    margins = (side - (highest - lowest)) / 2
    positions: NDArray[np.uint16] = np.rint((places - lowest + margins) / side * 65_535).astype(
        np.uint16
    )
    return positions


def outlier_scores(values: Floats) -> Floats:
    """Return the mean distance of each vector to its nearest neighbours, float32 (N,).

    Args:
        values: float32 (N, units).
    """
    squares = np.square(values).sum(axis=1)
    scores = np.empty(len(values), np.float32)
    for first in range(0, len(values), _BATCH_SIZE):
        rows = slice(first, first + _BATCH_SIZE)
        squared = squares[rows, np.newaxis] - 2 * values[rows] @ values.T + squares
        nearest = np.partition(squared, NEIGHBOURS, axis=1)[:, : NEIGHBOURS + 1]
        # The smallest is the distance to the digit itself.
        distances = np.sqrt(np.maximum(np.sort(nearest, axis=1)[:, 1:], 0))
        scores[rows] = distances.mean(axis=1)
    return scores

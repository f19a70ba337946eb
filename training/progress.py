"""Measure on the test digits what a network could do at each snapshot of its training.

Training itself records weights only (`training.snapshots`), because it may not use the test digits.
"""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from openTSNE import TSNEEmbedding, affinity, initialization

from service.model.manifest import SNAPSHOTS
from training.evaluate import evaluate
from training.model import predict
from training.snapshots import RECORDED, read_snapshots, weights_of, write_snapshots

log = logging.getLogger(__name__)

_MAPPED_DIGITS = 2_000
_PERPLEXITY = 30
_SEED = 11
_MAX = np.iinfo(np.uint16).max


def add_snapshots(
    run: Path,
    model: keras.Model,
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    lecture: Path | None = None,
) -> None:
    """Write `snapshots.safetensors` where a training was recorded: the run's own, or the lecture's.

    Each snapshot gets its accuracy and loss, and a map of about 2,000 digits: the values of the
    last hidden layer, laid out by t-SNE, uint16 (snapshots, digits, 2).

    Args:
        run: the run folder.
        model: the run's network; its weights are not changed.
        images: uint8 (N, 28, 28), the test digits.
        labels: uint8 (N,), their classes.
        lecture: an evaluated run of the lecture's recipe, whose snapshots are copied; None for the
            run's own.
    """
    (run / SNAPSHOTS).unlink(missing_ok=True)
    if lecture:
        if (lecture / SNAPSHOTS).exists():
            shutil.copy(lecture / SNAPSHOTS, run)
    elif (run / RECORDED).exists():
        log.info("Measuring the snapshots of the training …")
        _measure(run, model, images, labels)


def fits(path: Path, model: keras.Model) -> bool:
    """Return whether a file of snapshots exists and has the weights of a model's layers."""
    if not path.exists():
        return False
    tensors = read_snapshots(path)[1]
    shapes = {name: weight.shape for name, weight in weights_of(model).items()}
    return shapes == {name: tensors[name].shape[1:] for name in tensors if "/" in name}


def _measure(
    run: Path, model: keras.Model, images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> None:
    entries, tensors = read_snapshots(run / RECORDED)
    model = keras.models.clone_model(model)
    hidden = keras.Model(model.inputs, model.layers[-2].output)
    mapped = slice(None, None, max(1, len(images) // _MAPPED_DIGITS))
    features = []
    for index, entry in enumerate(entries):
        weights = [tensors[name][index].astype(np.float32) for name in weights_of(model)]
        model.set_weights(weights)
        report = evaluate(model, images, labels)
        entry |= {"accuracy": report.accuracy, "loss": round(report.loss, 6)}
        features.append(predict(hidden, images[mapped]))
    layouts = np.stack([*_layouts(features[::-1])][::-1])
    low, high = layouts.min(), layouts.max()  # one scale, so that a digit that rests, rests
    tensors["map"] = np.round((layouts - low) / (high - low) * _MAX).astype(np.uint16)
    tensors["labels"] = labels[mapped].copy()  # safetensors ignores strides
    write_snapshots(run / SNAPSHOTS, entries, tensors)


def _layouts(features: list[NDArray[np.float32]]) -> Iterator[NDArray[np.float64]]:
    """Yield a layout of each snapshot's features, (digits, 2), the last snapshot's first.

    Each layout begins with the one before, so that classes keep their places.
    """
    positions = initialization.pca(features[0], random_state=_SEED)
    for values in features:
        perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
        similar = affinity.PerplexityBasedNN(values, perplexity, random_state=_SEED)
        embedding = TSNEEmbedding(
            positions, similar, negative_gradient_method="bh", random_state=_SEED
        )
        # The exaggeration rebuilds the clusters, so that none remains from the layout before.
        embedding = embedding.optimize(n_iter=250, exaggeration=4, momentum=0.5)
        positions = np.asarray(embedding.optimize(n_iter=250, momentum=0.8))
        yield positions

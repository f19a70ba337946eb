"""Endless batches of augmented digits with the probabilities to learn."""

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from service.model.normalisation import as_floats
from training.augment import augment
from training.model import CLASSES

# from images, float32 (N, 28, 28, 1) in 0–1, to probabilities, float32 (N, 10)
SoftTargets: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """Endless batches of digits; batch i depends on seed and index alone, not on time or thread.

    A resumed run thus sees the same batches as one that was not interrupted.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        batch_size: int,
        seed: int,
        first_epoch: int = 0,
        workers: int = 1,
    ) -> None:
        """Create batches; none is computed yet.

        Args:
            images: uint8 (N, 28, 28), ink 255 on 0.
            labels: uint8 (N,).
            batch_size: digits per batch; the last one of an epoch may have fewer.
            seed: of the order.
            first_epoch: epoch of the first batch, to resume at.
            workers: threads that compute them.

        Raises:
            ValueError: there are not as many labels as images.
        """
        super().__init__(workers=workers, max_queue_size=32)
        if len(images) != len(labels):
            raise ValueError(
                f"There are {len(images)} images and {len(labels)} labels; each image needs one."
            )
        self.images, self.labels = images, labels
        self.batch_size, self.seed, self.first_epoch = batch_size, seed, first_epoch
        self.steps_per_epoch = -(-len(images) // batch_size)

    @property
    def num_batches(self) -> None:
        """Return None: the batches are endless, so `index` continues from epoch to epoch."""
        return None

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Return images, float32 (batch, 28, 28, 1) in 0–1, and labels, uint8 (batch,)."""
        _, _, chosen = self.choose(index)
        return as_floats(self.images[chosen])[..., np.newaxis], self.labels[chosen]

    def choose(self, index: int) -> tuple[int, int, NDArray[np.int64]]:
        """Return the epoch of a batch, its step in the epoch, and the indices of its digits."""
        epoch, step = divmod(index, self.steps_per_epoch)
        epoch += self.first_epoch
        order = _order(self.seed, epoch, len(self.images))
        return epoch, step, order[step * self.batch_size : (step + 1) * self.batch_size]


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(count)


class AugmentedBatches(Batches):
    """Endless augmented batches."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        batch_size: int,
        seed: int,
        first_epoch: int = 0,
        soft_targets: SoftTargets | None = None,
        clean_targets: NDArray[np.float32] | None = None,
    ) -> None:
        """Create batches; none is computed yet.

        Args:
            images: uint8 (N, 28, 28), ink 255 on 0.
            labels: uint8 (N,).
            batch_size: digits per batch; those left over at the end of an epoch are skipped.
            seed: of order and augmentation.
            first_epoch: epoch of the first batch, to resume at.
            soft_targets: returns the teachers' probabilities for augmented digits; None to learn
                the labels.
            clean_targets: float32 (K, 10), replaces the soft targets of the last K digits.
        """
        workers = min(os.cpu_count() or 1, 8)
        super().__init__(images, labels, batch_size, seed, first_epoch, workers)
        self.soft_targets = soft_targets
        no_targets = np.empty((0, CLASSES), np.float32)
        self.clean_targets = no_targets if clean_targets is None else clean_targets
        self.steps_per_epoch = len(images) // batch_size

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Return images, float32 (batch, 28, 28, 1) in 0–1, and targets, float32 (batch, 10)."""
        epoch, step, chosen = self.choose(index)
        rng = np.random.default_rng((self.seed, epoch, step))
        images = augment(self.images[chosen], rng)[..., np.newaxis]
        targets = self.soft_targets(images) if self.soft_targets else one_hot(self.labels[chosen])
        is_clean = chosen >= len(self.images) - len(self.clean_targets)
        targets[is_clean] = self.clean_targets[chosen[is_clean] - len(self.images)]
        return images, targets


def one_hot(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return labels, uint8 (N,), as float32 (N, 10), which label smoothing needs."""
    return np.eye(CLASSES, dtype=np.float32)[labels]


def ensemble(teachers: Sequence[keras.Model]) -> SoftTargets:
    """Return a function that computes the mean of the teachers' probabilities.

    Args:
        teachers: each from images, float32 (N, 28, 28, 1) in 0–1, to logits (N, 10).
    """

    def soft_targets(images: NDArray[np.float32]) -> NDArray[np.float32]:
        logits = np.stack([teacher.predict_on_batch(images) for teacher in teachers])
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        mean: NDArray[np.float32] = np.mean(powers / powers.sum(-1, keepdims=True), axis=0)
        return mean

    return soft_targets

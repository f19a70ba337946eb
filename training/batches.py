"""Endless batches of distorted digits, with what is to be learned of them."""

import os
from collections.abc import Callable, Sequence
from typing import TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from training.augment import augment
from training.model import CLASSES

# images, float32 (N, 28, 28, 1) in 0–1, to probabilities, float32 (N, 10)
Teach: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class AugmentedBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """Endless distorted batches; batch i is the same whenever, on whichever thread, it is made."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        batch_size: int,
        seed: int,
        first_epoch: int = 0,
        teach: Teach | None = None,
        known: NDArray[np.float32] | None = None,
    ) -> None:
        """Set out.

        Args:
            images: uint8 (N, 28, 28), ink 255 on 0.
            labels: uint8 (N,).
            batch_size: digits a batch; the last ones of an epoch that fill none are left out.
            seed: decides order and distortions.
            first_epoch: where to go on.
            teach: what to learn of distorted digits; None: their labels.
            known: float32 (K, 10), what to learn of the last K digits whatever `teach` says.
        """
        super().__init__(workers=min(os.cpu_count() or 1, 8), max_queue_size=32)
        self.images, self.labels = images, labels
        self.batch_size, self.seed, self.first_epoch = batch_size, seed, first_epoch
        self.teach = teach
        self.known = np.empty((0, CLASSES), np.float32) if known is None else known
        self.steps_per_epoch = len(images) // batch_size

    @property
    def num_batches(self) -> None:
        """None: without end, so that `index` goes on counting from epoch to epoch."""
        return None

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Images, float32 (batch, 28, 28, 1) in 0–1, and probabilities, float32 (batch, 10)."""
        epoch, step = divmod(index, self.steps_per_epoch)
        epoch += self.first_epoch
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))
        chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
        rng = np.random.default_rng((self.seed, epoch, step))
        images = augment(self.images[chosen], rng)[..., np.newaxis]
        targets = self.teach(images) if self.teach else one_hot(self.labels[chosen])
        is_known = chosen >= len(self.images) - len(self.known)
        targets[is_known] = self.known[chosen[is_known] - len(self.images)]
        return images, targets


def one_hot(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Labels, uint8 (N,), as float32 (N, 10): what label smoothing needs."""
    return np.eye(CLASSES, dtype=np.float32)[labels]


def mean_of(teachers: Sequence[keras.Model]) -> Teach:
    """Teach what several networks make of a digit together: the mean of their probabilities.

    Args:
        teachers: each from images, float32 (N, 28, 28, 1) in 0–1, to logits (N, 10).
    """

    def teach(images: NDArray[np.float32]) -> NDArray[np.float32]:
        logits = np.stack([teacher.predict_on_batch(images) for teacher in teachers])
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        mean: NDArray[np.float32] = np.mean(powers / powers.sum(-1, keepdims=True), axis=0)
        return mean

    return teach

"""Augmented batches are reproducible, and their targets are labels or teachers' probabilities."""

from typing import Any

import keras
import numpy as np

from training.batches import AugmentedBatches, ensemble
from training.data import Mnist
from training.model import lecture_cnn


def test_a_batch_depends_on_seed_and_index_alone(few: Mnist) -> None:
    """Batch i is always the same; each epoch has every digit once, in another order."""
    data = few.train_images[:320], few.train_labels[:320]
    batches, again = (AugmentedBatches(*data, batch_size=64, seed=1) for _ in range(2))

    assert batches.steps_per_epoch == 5
    later = [batches[index] for index in (7, 3, 7)]
    for (images, labels), index in zip(later, (7, 3, 7), strict=True):
        np.testing.assert_array_equal(images, again[index][0])
        np.testing.assert_array_equal(labels, again[index][1])
    assert later[0][0].shape == (64, 28, 28, 1)
    assert later[0][0].dtype == np.float32
    for epoch in (0, 1):
        labels = np.concatenate([batches[epoch * 5 + step][1] for step in range(5)])
        np.testing.assert_array_equal(labels.sum(axis=0), np.bincount(data[1], minlength=10))
    assert not np.array_equal(batches[0][1], batches[5][1])
    other = AugmentedBatches(*data, batch_size=64, seed=2)
    assert not np.array_equal(batches[0][1], other[0][1])


def test_batches_start_at_a_later_epoch(few: Mnist) -> None:
    """The first batch is that of `first_epoch`, so a resumed run sees the same batches."""
    data = few.train_images[:320], few.train_labels[:320]
    whole, rest = (AugmentedBatches(*data, 64, 1, first_epoch) for first_epoch in (0, 2))

    np.testing.assert_array_equal(rest[1][0], whole[11][0])


def test_soft_targets_are_computed_from_the_augmented_digits(few: Mnist) -> None:
    """The targets are the mean of the teachers' probabilities for the images of the batch."""
    data = few.train_images[:64], few.train_labels[:64]
    teachers = [lecture_cnn(output_activation="linear") for _ in range(2)]

    images, targets = AugmentedBatches(*data, 64, seed=1, soft_targets=ensemble(teachers))[0]

    expected = np.mean([keras.ops.softmax(each(images)) for each in teachers], axis=0)
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    np.testing.assert_array_equal(images, AugmentedBatches(*data, batch_size=64, seed=1)[0][0])


def test_clean_targets_replace_the_soft_targets_of_the_last_digits(few: Mnist) -> None:
    """The last digits have their clean targets, all others the soft targets."""
    images, labels = few.train_images[:80], few.train_labels[:80]
    clean = np.eye(10, dtype=np.float32)[labels[-16:]]
    uniform = np.full(10, 0.1, np.float32)

    def soft_targets(images: Any) -> Any:
        return np.tile(uniform, (len(images), 1))

    batches = AugmentedBatches(
        images, labels, 40, seed=1, soft_targets=soft_targets, clean_targets=clean
    )
    targets = np.concatenate([batches[step][1] for step in range(2)])

    is_soft = (targets == uniform).all(axis=1)
    assert np.count_nonzero(is_soft) == 64
    np.testing.assert_array_equal(
        targets[~is_soft].sum(axis=0), np.bincount(labels[-16:], minlength=10)
    )

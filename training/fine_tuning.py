"""Fine-tune a trained network on what MNIST lacks: wide pens, other 1s and 7s."""

import logging
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from service.model.normalisation import as_floats
from training.augment import with_wide_pens
from training.batches import AugmentedBatches, SoftTargets, one_hot
from training.data import Mnist
from training.model import lecture_cnn
from training.numerals import numerals
from training.run_folder import epochs_backed_up
from training.schedule import Schedule, fit_augmented

log = logging.getLogger(__name__)


def fine_tune(
    original: keras.Model,
    mnist: Mnist,
    run: Path,
    seed: int,
    resume: bool,
    schedule: Schedule,
    soft_targets: SoftTargets,
) -> keras.Sequential:
    """Fine-tune a network on all training digits and two kinds of digits added to them.

    - Digits drawn with a wide pen. Their targets are the teachers' probabilities for the original
      digits, because the teachers misread digits whose strokes have merged.
    - 1s with a flag and a foot, 7s, and printed digits, with their labels.

    Args:
        original: a `lecture_cnn()` with the softmax; it is not changed.
        mnist: the data.
        run: the run folder of the fine-tuning, created if missing.
        seed: of everything random.
        resume: whether to continue from the backup of an interrupted run.
        schedule: states the numbers.
        soft_targets: the teachers' probabilities, the targets of the training digits.

    Returns:
        A new network with the softmax, not calibrated.

    Raises:
        Interrupted: Ctrl-C was pressed.
    """
    log.info("Fine-tuning on wide strokes, 1s and 7s")
    model = lecture_cnn(output_activation="linear")
    model.set_weights(original.get_weights())
    own_schedule = replace(
        schedule,
        epochs=schedule.fine_tuning_epochs,
        peak_learning_rate=schedule.fine_tuning_peak_learning_rate,
    )
    batches = _batches(mnist, run, seed, resume, schedule, soft_targets)
    fit_augmented(model, mnist, run, resume, own_schedule, batches)
    fine_tuned = lecture_cnn()
    fine_tuned.set_weights(model.get_weights())
    return fine_tuned


def _batches(
    mnist: Mnist, run: Path, seed: int, resume: bool, schedule: Schedule, soft_targets: SoftTargets
) -> AugmentedBatches:
    """Return all training digits and, after them, the images that are added."""
    images, labels = mnist.train_images, mnist.train_labels
    originals = images[: schedule.wide]
    added, added_labels = numerals(schedule.numerals, np.random.default_rng((seed, 1)))
    wide = with_wide_pens(originals, np.random.default_rng(seed))
    return AugmentedBatches(
        np.concatenate([images, wide, added]),
        np.concatenate([labels, labels[: schedule.wide], added_labels]),
        schedule.batch_size,
        seed,
        epochs_backed_up(run) if resume else 0,
        soft_targets,
        clean_targets=np.concatenate(
            [
                soft_targets(as_floats(originals)[..., np.newaxis]),
                one_hot(added_labels),
            ]
        ),
    )

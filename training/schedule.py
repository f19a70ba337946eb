"""State the numbers of the best recipe, and fit a network by them."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from service.model.normalisation import as_floats
from training.batches import AugmentedBatches, one_hot
from training.data import VALIDATION_SIZE, Mnist
from training.device import is_gpu
from training.run_folder import fit


@dataclass(frozen=True)
class Schedule:
    """The hyperparameters of the best recipe: AdamW, one epoch of warm-up, cosine decay to zero.

    Attributes:
        epochs: of the student, before fine-tuning.
        teachers: networks of the student's size, each with its own seed.
        teacher_epochs: of each teacher.
        batch_size: digits per step.
        peak_learning_rate: after the warm-up.
        weight_decay: AdamW's.
        label_smoothing: of the teachers' labels, against overfitting.
        wide: how many training digits are also drawn with a wide pen for the fine-tuning.
        numerals: how many 1s and 7s of other forms, and printed digits, the fine-tuning adds.
        fine_tuning_epochs: of the fine-tuning.
        fine_tuning_peak_learning_rate: of the fine-tuning.
    """

    epochs: int = 40
    teachers: int = 5
    teacher_epochs: int = 24
    batch_size: int = 256
    peak_learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    wide: int = 12_000
    numerals: int = 12_000
    fine_tuning_epochs: int = 6
    fine_tuning_peak_learning_rate: float = 4e-4


BEST = Schedule()


def fit_augmented(
    model: keras.Model,
    mnist: Mnist,
    run: Path,
    resume: bool,
    schedule: Schedule,
    batches: AugmentedBatches,
) -> None:
    """Fit a network on augmented batches and validate it on the last training digits.

    Args:
        model: to logits; it is changed.
        mnist: its last `VALIDATION_SIZE` training digits are the validation set.
        run: the run folder, created if missing.
        resume: whether to continue from the backup of an interrupted run.
        schedule: states epochs, learning rate, weight decay and label smoothing.
        batches: with soft targets, or labels to smooth.

    Raises:
        Interrupted: Ctrl-C was pressed.
    """
    steps = batches.steps_per_epoch
    learning_rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max((schedule.epochs - 1) * steps, 1),
        warmup_target=schedule.peak_learning_rate,
        warmup_steps=steps,
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(learning_rate, weight_decay=schedule.weight_decay),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True,
            label_smoothing=0 if batches.soft_targets else schedule.label_smoothing,
        ),
        metrics=["accuracy"],
        jit_compile=is_gpu(),
    )
    images = as_floats(mnist.train_images[-VALIDATION_SIZE:])[..., np.newaxis]
    fit(
        model,
        run,
        resume,
        schedule.epochs,
        x=batches,
        steps_per_epoch=steps,
        shuffle=False,  # the batches shuffle the digits themselves
        validation_data=(images, one_hot(mnist.train_labels[-VALIDATION_SIZE:])),
        validation_batch_size=500,
    )

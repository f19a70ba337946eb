"""Train a recipe: the lecture's five epochs, or the same network by distillation.

Plain Keras 3 without calls of a backend; needs neither SciPy nor LiteRT. Does not depend on
bundles: it leaves a run folder (`training.run_folder`), which `export` reads.
"""

import logging
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from training.augment import with_wide_pens
from training.batches import AugmentedBatches, SoftTargets, ensemble, one_hot
from training.calibration import choose_temperature, fold_temperature, logits_of
from training.data import VALIDATION_SIZE, Mnist, as_floats
from training.device import is_gpu, precision
from training.model import fold_normalization, lecture_cnn, normalized_cnn
from training.run_folder import Interrupted, epochs_backed_up, fit, read_epochs, save_model

log = logging.getLogger(__name__)


LECTURE_EPOCHS, LECTURE_BATCH_SIZE = 5, 32


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
        wide_epochs: of the fine-tuning.
        wide_peak_learning_rate: of the fine-tuning.
        wide_share: weight of the fine-tuned network when it is averaged with the network before
            fine-tuning, 0 to 1.
    """

    epochs: int = 40
    teachers: int = 5
    teacher_epochs: int = 24
    batch_size: int = 256
    peak_learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    wide: int = 12_000
    wide_epochs: int = 4
    wide_peak_learning_rate: float = 1e-3
    wide_share: float = 0.75


BEST = Schedule()


def train_lecture(
    mnist: Mnist, run: Path, seed: int, resume: bool = False, epochs: int = LECTURE_EPOCHS
) -> keras.Model:
    """Train as in the lecture's steps 2 to 5: all 60,000 digits, Adam, batches of 32, five epochs.

    Args:
        mnist: the data.
        run: the run folder, created if missing.
        seed: of the initial weights and the order of the digits.
        resume: whether to continue from the backup of an interrupted run.
        epochs: fewer in tests only.

    Returns:
        The trained model, which is also saved as `run/model.keras`.

    Raises:
        Interrupted: Ctrl-C was pressed.
    """
    keras.utils.set_random_seed(seed)
    model = lecture_cnn()
    model.summary(print_fn=log.info)
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=is_gpu(),
    )
    start = None if resume else time.monotonic()
    config = {"epochs": epochs, "batch_size": LECTURE_BATCH_SIZE}
    images = as_floats(mnist.train_images)[..., np.newaxis]
    data = {"x": images, "y": mnist.train_labels, "batch_size": LECTURE_BATCH_SIZE}
    try:
        fit(model, run, resume, epochs, **data)
    except Interrupted:
        if read_epochs(run):
            save_model(model, run, "lecture", seed, start, config)
        raise
    save_model(model, run, "lecture", seed, start, config)
    return model


def train_best(
    mnist: Mnist, run: Path, seed: int, resume: bool = False, schedule: Schedule = BEST
) -> keras.Model:
    """Train the lecture's network by distillation from an ensemble of teachers.

    Each teacher learns the labels of 55,000 augmented digits. The student learns the teachers' mean
    probabilities (Hinton et al., 2015, "Distilling the knowledge in a neural network") for all
    60,000 digits; teachers and student see the same augmented images (Beyer et al., 2022).

    Fine-tuning adds digits drawn with a wide pen. Their targets are the teachers' probabilities for
    the original digits, because the teachers misread digits whose strokes have merged. The weights
    before and after fine-tuning are averaged, which keeps the accuracy on other digits (Wortsman et
    al., 2022, "Robust fine-tuning of zero-shot models").

    The labels of the last 5,000 training digits, the validation set, choose the best epoch and the
    temperature; no network learns them. The test digits are not used.

    Args:
        mnist: the data.
        run: the run folder, created if missing; it also has a run folder for each teacher.
        seed: of everything random.
        resume: whether to continue from the backups of an interrupted run.
        schedule: shorter in tests only.

    Returns:
        The calibrated lecture network with its softmax, also saved as `run/model.keras`.

    Raises:
        Interrupted: Ctrl-C was pressed.
    """
    start = None if resume else time.monotonic()
    lecture_cnn().summary(print_fn=log.info)
    teachers = []
    for number in range(1, schedule.teachers + 1):
        log.info("Training teacher %d of %d", number, schedule.teachers)
        folder = run / f"teacher-{number}"
        teachers.append(_train_teacher(mnist, folder, seed + number, resume, schedule))
    log.info("Training the student")
    keras.utils.set_random_seed(seed)
    student = normalized_cnn(precision())
    soft_targets = ensemble(teachers)
    try:
        batches = _student_batches(mnist, run, seed, resume, schedule, soft_targets)
        _fit_augmented(student, mnist, run, resume, schedule, batches)
        log.info("Fine-tuning the student on wide strokes")
        original, student = student, normalized_cnn(precision())
        student.set_weights(original.get_weights())
        folder, fine_tuning = run / "wide", _fine_tuning(schedule)
        batches = _fine_tuning_batches(mnist, folder, seed, resume, fine_tuning, soft_targets)
        _fit_augmented(student, mnist, folder, resume, fine_tuning, batches)
        student.set_weights(_interpolate(original, student, schedule.wide_share))
    except Interrupted:
        if read_epochs(run):
            _save_calibrated(student, mnist, run, seed, start, schedule)
        raise
    return _save_calibrated(student, mnist, run, seed, start, schedule)


def _interpolate(
    first: keras.Model, second: keras.Model, share: float
) -> list[NDArray[np.float32]]:
    """Return the weighted mean of two models' weights; `share` is the weight of the second."""
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return [(1 - share) * before + share * after for before, after in pairs]


def _fine_tuning(schedule: Schedule) -> Schedule:
    rate = schedule.wide_peak_learning_rate
    return replace(schedule, epochs=schedule.wide_epochs, peak_learning_rate=rate)


def _train_teacher(
    mnist: Mnist, run: Path, seed: int, resume: bool, schedule: Schedule
) -> keras.Model:
    """Train a network on labels; a resumed run that is finished restores it from its backup."""
    keras.utils.set_random_seed(seed)
    teacher = normalized_cnn(precision())
    batches = AugmentedBatches(
        mnist.train_images[:-VALIDATION_SIZE],
        mnist.train_labels[:-VALIDATION_SIZE],
        schedule.batch_size,
        seed,
        epochs_backed_up(run) if resume else 0,
    )
    own_schedule = replace(schedule, epochs=schedule.teacher_epochs)
    _fit_augmented(teacher, mnist, run, resume, own_schedule, batches)
    return teacher


def _student_batches(
    mnist: Mnist, run: Path, seed: int, resume: bool, schedule: Schedule, soft_targets: SoftTargets
) -> AugmentedBatches:
    """Return all training digits with the teachers' probabilities."""
    first_epoch = epochs_backed_up(run) if resume else 0
    return AugmentedBatches(
        mnist.train_images, mnist.train_labels, schedule.batch_size, seed, first_epoch, soft_targets
    )


def _fine_tuning_batches(
    mnist: Mnist, run: Path, seed: int, resume: bool, schedule: Schedule, soft_targets: SoftTargets
) -> AugmentedBatches:
    """Return all training digits and, after them, `schedule.wide` drawn with a wide pen."""
    images, labels = mnist.train_images, mnist.train_labels
    originals = images[: schedule.wide]
    return AugmentedBatches(
        np.concatenate([images, with_wide_pens(originals, np.random.default_rng(seed))]),
        np.concatenate([labels, labels[: schedule.wide]]),
        schedule.batch_size,
        seed,
        epochs_backed_up(run) if resume else 0,
        soft_targets,
        clean_targets=soft_targets(as_floats(originals)[..., np.newaxis]),
    )


def _save_calibrated(
    student: keras.Model,
    mnist: Mnist,
    run: Path,
    seed: int,
    start: float | None,
    schedule: Schedule,
) -> keras.Model:
    """Add the softmax, calibrated on the validation set, and save the model."""
    model = fold_normalization(student)
    images, labels = mnist.train_images[-VALIDATION_SIZE:], mnist.train_labels[-VALIDATION_SIZE:]
    temperature = choose_temperature(logits_of(model, images), labels)
    model = fold_temperature(model, temperature)
    config = {
        **asdict(schedule),
        "precision": precision(),
        "validation_size": VALIDATION_SIZE,
        "temperature": temperature,
    }
    save_model(model, run, "best", seed, start, config)
    return model


def _fit_augmented(
    model: keras.Model,
    mnist: Mnist,
    run: Path,
    resume: bool,
    schedule: Schedule,
    batches: AugmentedBatches,
) -> None:
    """Fit a network on augmented batches and validate it on the last training digits."""
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

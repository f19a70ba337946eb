"""Trains a recipe: the lecture's five epochs, or the same network trained as well as it can be.

Plain Keras 3, no call of one backend. Knows nothing of bundles; leaves a run folder:
`model.keras` (to export), `history.csv`, `config.json`, and a backup to resume from.
"""

import csv
import json
import logging
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm.keras import TqdmCallback

from training.augment import with_wide_pens
from training.batches import AugmentedBatches, Teach, mean_of, one_hot
from training.data import VALIDATION_SIZE, Mnist
from training.evaluate import choose_temperature, fold_temperature, logits_of
from training.model import fold_normalization, lecture_cnn, normalized_cnn

log = logging.getLogger(__name__)


LECTURE_EPOCHS, LECTURE_BATCH_SIZE = 5, 32


@dataclass(frozen=True)
class Schedule:
    """How the best recipe trains: AdamW, one epoch of warm-up, cosine decay to zero.

    Attributes:
        epochs: of the network that is kept.
        teachers: networks of the same size, each from another seed, that it learns from.
        teacher_epochs: of each of them.
        batch_size: digits a step.
        peak_learning_rate: after the warm-up.
        weight_decay: AdamW's.
        label_smoothing: of the teachers' labels, lest they learn the training digits by heart.
        wide: of the training digits, that the network sees drawn with a wide pen as well, at last.
        wide_epochs: for which it does.
        wide_peak_learning_rate: in those.
        wide_share: how far the weights go, from those before to those after them.
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


class Interrupted(Exception):
    """Ctrl-C: training stopped early; the best weights so far are in the run folder."""


def train_lecture(
    mnist: Mnist, run: Path, seed: int, resume: bool = False, epochs: int = LECTURE_EPOCHS
) -> keras.Model:
    """The lecture's steps 2 to 5, exactly: all 60,000 digits, Adam, batches of 32, five epochs.

    Args:
        mnist: the data.
        run: the run folder, made where it is missing.
        seed: decides the initial weights and the order of the digits.
        resume: go on from the backup that an interrupted run left.
        epochs: fewer only in tests.

    Returns:
        The trained model, also saved as `run/model.keras`.

    Raises:
        Interrupted: Ctrl-C.
    """
    keras.utils.set_random_seed(seed)
    model = lecture_cnn()
    model.summary(print_fn=log.info)
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=_on_gpu(),
    )
    images = mnist.train_images[..., np.newaxis] / np.float32(255)
    started = None if resume else time.monotonic()
    config = {"epochs": epochs, "batch_size": LECTURE_BATCH_SIZE}
    data = {"x": images, "y": mnist.train_labels, "batch_size": LECTURE_BATCH_SIZE}
    try:
        _fit(model, run, resume, epochs, **data)
    except Interrupted:
        if _history(run):
            _save(model, run, "lecture", seed, started, config)
        raise
    _save(model, run, "lecture", seed, started, config)
    return model


def train_best(
    mnist: Mnist, run: Path, seed: int, resume: bool = False, schedule: Schedule = BEST
) -> keras.Model:
    """The lecture's network, taught by several of its kind.

    Each teacher learns the labels of 55,000 distorted digits; the network that is kept learns what
    all of them together make of each distorted picture (Hinton et al., 2015, "Distilling the
    knowledge in a neural network"; teachers and student see the very same one: Beyer et al., 2022),
    and so of all 60,000. In some more epochs it also sees digits drawn with a wide pen, and learns
    what they were: with strokes run together, teachers would not know. Its weights go most of the
    way there, which keeps more of what it knew (Wortsman et al., 2022, "Robust fine-tuning of
    zero-shot models"). The labels of the last 5,000 are for choosing and calibrating: no network
    learns them. The test digits stay untouched.

    Args:
        mnist: the data.
        run: the run folder, made where it is missing; a teacher's is inside.
        seed: decides everything random.
        resume: go on from the backups that an interrupted run left.
        schedule: how; shorter only in tests.

    Returns:
        The trained lecture network with its softmax, calibrated, also saved as `run/model.keras`.

    Raises:
        Interrupted: Ctrl-C.
    """
    started = None if resume else time.monotonic()
    lecture_cnn().summary(print_fn=log.info)
    teachers = []
    for number in range(1, schedule.teachers + 1):
        log.info("Teacher %d of %d", number, schedule.teachers)
        folder = run / f"teacher-{number}"
        teachers.append(_train_teacher(mnist, folder, seed + number, resume, schedule))
    log.info("The network that learns from them")
    keras.utils.set_random_seed(seed)
    student = normalized_cnn(precision())
    teach, last = mean_of(teachers), _last(schedule)
    try:
        batches = _taught_batches(mnist, run, seed, resume, schedule, teach, wide=0)
        _fit_augmented(student, mnist, run, resume, schedule, batches)
        log.info("The same network, with wide pens")
        narrow, student = student, normalized_cnn(precision())
        student.set_weights(narrow.get_weights())
        folder = run / "wide"
        batches = _taught_batches(mnist, folder, seed, resume, last, teach, schedule.wide)
        _fit_augmented(student, mnist, folder, resume, last, batches)
        student.set_weights(_between(narrow, student, schedule.wide_share))
    except Interrupted:
        if _history(run):
            _save_calibrated(student, mnist, run, seed, started, schedule)
        raise
    return _save_calibrated(student, mnist, run, seed, started, schedule)


def _between(before: keras.Model, after: keras.Model, share: float) -> list[NDArray[np.float32]]:
    """Weights that lie between those of two models; share 0: those before, 1: those after."""
    pairs = zip(before.get_weights(), after.get_weights(), strict=True)
    return [(1 - share) * first + share * last for first, last in pairs]


def _last(schedule: Schedule) -> Schedule:
    """The epochs with wide pens."""
    rate = schedule.wide_peak_learning_rate
    return replace(schedule, epochs=schedule.wide_epochs, peak_learning_rate=rate)


def _train_teacher(
    mnist: Mnist, run: Path, seed: int, resume: bool, schedule: Schedule
) -> keras.Model:
    """A network that learns from the labels alone; where its run is done, from its backup."""
    keras.utils.set_random_seed(seed)
    teacher = normalized_cnn(precision())
    alone = replace(schedule, epochs=schedule.teacher_epochs)
    batches = AugmentedBatches(
        mnist.train_images[:-VALIDATION_SIZE],
        mnist.train_labels[:-VALIDATION_SIZE],
        schedule.batch_size,
        seed,
        _epochs_backed_up(run) if resume else 0,
    )
    _fit_augmented(teacher, mnist, run, resume, alone, batches)
    return teacher


def _taught_batches(
    mnist: Mnist, run: Path, seed: int, resume: bool, schedule: Schedule, teach: Teach, wide: int
) -> AugmentedBatches:
    """All digits as the teachers see them, and `wide` with a wide pen, as they saw them without."""
    images, labels, known = mnist.train_images, mnist.train_labels, None
    if wide:
        narrow = images[:wide]
        images = np.concatenate([images, with_wide_pens(narrow, np.random.default_rng(seed))])
        labels = np.concatenate([labels, labels[:wide]])
        known = teach(narrow[..., np.newaxis].astype(np.float32) / np.float32(255))
    first_epoch = _epochs_backed_up(run) if resume else 0
    return AugmentedBatches(images, labels, schedule.batch_size, seed, first_epoch, teach, known)


def _save_calibrated(
    student: keras.Model,
    mnist: Mnist,
    run: Path,
    seed: int,
    started: float | None,
    schedule: Schedule,
) -> keras.Model:
    """Put the softmax on the student's logits, calibrated on the held-out digits, and save it."""
    model = fold_normalization(student)
    held_out = mnist.train_images[-VALIDATION_SIZE:], mnist.train_labels[-VALIDATION_SIZE:]
    temperature = choose_temperature(logits_of(model, held_out[0]), held_out[1])
    model = fold_temperature(model, temperature)
    about = {
        **asdict(schedule),
        "precision": precision(),
        "validation_size": VALIDATION_SIZE,
        "temperature": temperature,
    }
    _save(model, run, "best", seed, started, about)
    return model


def _fit_augmented(
    model: keras.Model,
    mnist: Mnist,
    run: Path,
    resume: bool,
    schedule: Schedule,
    batches: AugmentedBatches,
) -> None:
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
            from_logits=True, label_smoothing=0 if batches.teach else schedule.label_smoothing
        ),
        metrics=["accuracy"],
        jit_compile=_on_gpu(),
    )
    held_out = mnist.train_images[-VALIDATION_SIZE:, ..., np.newaxis] / np.float32(255)
    _fit(
        model,
        run,
        resume,
        schedule.epochs,
        x=batches,
        steps_per_epoch=steps,
        shuffle=False,  # the batches are
        validation_data=(held_out, one_hot(mnist.train_labels[-VALIDATION_SIZE:])),
        validation_batch_size=500,
    )


def _fit(model: keras.Model, run: Path, resume: bool, epochs: int, **fit: Any) -> None:
    """Fit with progress, history and a backup to resume from; Ctrl-C leaves the best weights."""
    run.mkdir(parents=True, exist_ok=True)
    backup, best = run / "backup", run / "best.weights.h5"
    first_epoch = _epochs_backed_up(run) if resume else 0
    if not first_epoch:
        shutil.rmtree(backup, ignore_errors=True)
        best.unlink(missing_ok=True)
    history = _history(run)[:first_epoch]
    _write_history(run, history)
    progress = TqdmCallback(verbose=0, mininterval=1.0)
    monitor = "val_accuracy" if "validation_data" in fit else "accuracy"
    callbacks = [
        # first, so that the history is never behind the backup
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: _write_history(
                run, [*_history(run), {"epoch": epoch, **logs}]
            )
        ),
        keras.callbacks.ModelCheckpoint(
            str(best),
            monitor=monitor,
            mode="max",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=max((float(row[monitor]) for row in history), default=None),
        ),
        # kept when done: resuming a finished run then trains no epoch, not all of them again
        keras.callbacks.BackupAndRestore(
            str(backup), double_checkpoint=True, delete_checkpoint=False
        ),
        progress,
    ]
    try:
        model.fit(epochs=epochs, verbose=0, callbacks=callbacks, **fit)
    except KeyboardInterrupt as stop:
        progress.on_train_end()  # else the bar is drawn once more, after the last word
        if not _history(run):
            raise Interrupted(
                "Stopped before the first epoch was done: there is nothing to go on from."
            ) from stop
        model.load_weights(best)
        raise Interrupted(
            f"Stopped after {_epochs_backed_up(run)} of {epochs} epochs. The best weights so far "
            f"are in {best}; the same command with --resume goes on from here."
        ) from stop


def _save(
    model: keras.Model,
    run: Path,
    recipe: str,
    seed: int,
    started: float | None,
    config: dict[str, Any],
) -> None:
    run.mkdir(parents=True, exist_ok=True)
    model.save(run / "model.keras")
    about = {
        "recipe": recipe,
        "seed": seed,
        "backend": keras.backend.backend(),
        "device": device_name(),
        **config,
    }
    if started is not None:  # of a run that was interrupted, nobody knows them all
        about["seconds"] = round(time.monotonic() - started, 1)
    (run / "config.json").write_text(json.dumps(about, indent=2) + "\n")
    log.info("Saved %s", run / "model.keras")


def _epochs_backed_up(run: Path) -> int:
    about = run / "backup" / "training_metadata.json"
    return int(json.loads(about.read_text())["epoch"]) if about.exists() else 0


def _history(run: Path) -> list[dict[str, Any]]:
    """The finished epochs, as `history.csv` has them; none where there is no file."""
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write_history(run: Path, epochs: list[dict[str, Any]]) -> None:
    """All at once: `keras.callbacks.CSVLogger` would append an epoch again that is trained again.

    It also has columns of "NA" for the validation that a run did not have.
    """
    partial = run / "history.partial"
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, epochs[0] if epochs else ["epoch"])
        writer.writeheader()
        writer.writerows(epochs)
    partial.replace(run / "history.csv")


def precision() -> str:
    """Of sums and products in training: bfloat16, twice as fast, on CPUs that have it and on GPUs.

    A GPU older than Ampere computes it by way of float32: slower, and right.
    """
    cpu = Path("/proc/cpuinfo")
    has_bfloat16 = _on_gpu() or (cpu.exists() and "avx512_bf16" in cpu.read_text())
    return "mixed_bfloat16" if has_bfloat16 else "float32"


def _on_gpu() -> bool:
    name = device_name().lower()
    return "gpu" in name or "cuda" in name


def device_name() -> str:
    """What trains, as the backend names it (`CPU:0`): where a new tensor comes to be.

    `keras.distribution` has no devices for PyTorch, and JAX's raises where there is no GPU.
    """
    return str(keras.ops.zeros(()).device).rpartition("device:")[2]

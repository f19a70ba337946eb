"""Trains a recipe: the lecture's five epochs, or the same network taught as well as it can be.

Plain Keras 3, no call of one backend. Knows nothing of bundles; leaves a run folder:
`model.keras` (to export), `history.csv`, `config.json`, and a backup to resume from.
"""

import csv
import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from tqdm.keras import TqdmCallback

from training.augment import augment
from training.data import VALIDATION_SIZE, Mnist
from training.evaluate import choose_temperature, fold_temperature, logits_of
from training.model import INPUT_SHAPE, lecture_cnn, teacher_cnn

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """How one network is trained: AdamW, one epoch of warm-up, cosine decay to zero."""

    epochs: int
    batch_size: int = 256
    peak_learning_rate: float = 4e-3
    weight_decay: float = 4e-3


@dataclass(frozen=True)
class Plan:
    """The stages of the best recipe."""

    teacher: Schedule
    student: Schedule
    distillation: Schedule


LECTURE_EPOCHS, LECTURE_BATCH_SIZE = 5, 32
PLAN = Plan(
    teacher=Schedule(epochs=10, peak_learning_rate=2e-3),
    student=Schedule(epochs=30),
    distillation=Schedule(epochs=12, peak_learning_rate=1.5e-3),
)
DISTILLATION_TEMPERATURE = 2.0
HARD_LABEL_WEIGHT = 0.1


class Interrupted(Exception):
    """Ctrl-C: training stopped early; the best weights so far are in the run folder."""


class AugmentedBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """Endless distorted batches; batch i is the same whenever, on whichever thread, it is made."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        batch_size: int,
        seed: int,
        first_epoch: int = 0,
    ) -> None:
        super().__init__(workers=min(os.cpu_count() or 1, 8), max_queue_size=32)
        self.images, self.labels = images, labels
        self.batch_size, self.seed, self.first_epoch = batch_size, seed, first_epoch
        self.steps_per_epoch = len(images) // batch_size

    @property
    def num_batches(self) -> None:
        """None: without end, so that `index` goes on counting from epoch to epoch."""
        return None

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        epoch, step = divmod(index, self.steps_per_epoch)
        epoch += self.first_epoch
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))
        chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
        rng = np.random.default_rng((self.seed, epoch, step))
        return augment(self.images[chosen], rng)[..., np.newaxis], self.labels[chosen]


class Distilled(keras.Model):  # type: ignore[misc]
    """A student that learns a teacher's answers (Hinton et al., 2015) on every distorted image.

    The teacher sees the very image that the student sees (Beyer et al., CVPR 2022), so its answers
    say how much of the digit the distortion left.
    """

    def __init__(self, student: keras.Model, teacher: keras.Model) -> None:
        super().__init__()
        self.student, self.teacher = student, teacher
        teacher.trainable = False
        self(np.zeros((1, *INPUT_SHAPE), np.float32))  # builds it, as the backup callback asks

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The student's logits, (N, 10), for images, float32 (N, 28, 28, 1)."""
        return self.student(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Cross-entropy with the teacher's softened answers, and a little with the true labels."""
        hard = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return hard
        heat = DISTILLATION_TEMPERATURE
        taught = ops.softmax(self.teacher(x, training=False) / heat)
        soft = keras.losses.categorical_crossentropy(taught, y_pred / heat, from_logits=True)
        return HARD_LABEL_WEIGHT * hard + (1 - HARD_LABEL_WEIGHT) * heat**2 * ops.mean(soft)


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
    started = time.monotonic()
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
    mnist: Mnist, run: Path, seed: int, resume: bool = False, plan: Plan = PLAN
) -> keras.Model:
    """The lecture's network, first trained on labels, then taught by a larger one.

    Everything on 55,000 distorted digits. The last 5,000 training digits are for choosing and
    calibrating; the test digits stay untouched.

    Args:
        mnist: the data.
        run: the run folder; its stages `teacher/` and `student/` are used again where finished.
        seed: decides everything random.
        resume: go on from the backup that an interrupted run left.
        plan: how each stage is trained; smaller only in tests.

    Returns:
        The trained lecture network with its softmax, calibrated, also saved as `run/model.keras`.

    Raises:
        Interrupted: Ctrl-C.
    """
    started = time.monotonic()
    teacher = _stage(_build_teacher, mnist, run / "teacher", seed + 1, resume, plan.teacher)
    student = _stage(_build_student, mnist, run / "student", seed, resume, plan.student)
    keras.utils.set_random_seed(seed)
    taught = Distilled(student, teacher)
    try:
        _fit_augmented(taught, mnist, run, seed + 2, resume, plan.distillation)
    except Interrupted:
        if _history(run):
            _save_calibrated(student, mnist, run, seed, started, plan)
        raise
    return _save_calibrated(student, mnist, run, seed, started, plan)


def _save_calibrated(
    student: keras.Model, mnist: Mnist, run: Path, seed: int, started: float, plan: Plan
) -> keras.Model:
    """Put the softmax on the student's logits, calibrated on the held-out digits, and save it."""
    model = lecture_cnn()
    model.set_weights(student.get_weights())
    held_out = mnist.train_images[-VALIDATION_SIZE:], mnist.train_labels[-VALIDATION_SIZE:]
    temperature = choose_temperature(logits_of(model, held_out[0]), held_out[1])
    model = fold_temperature(model, temperature)
    about = {**asdict(plan), "validation_size": VALIDATION_SIZE, "temperature": temperature}
    _save(model, run, "best", seed, started, about)
    return model


def _build_student() -> keras.Model:
    """On logits, which distillation needs; the softmax is put on at the end."""
    student = lecture_cnn(output_activation="linear")
    student.summary(print_fn=log.info)
    return student


def _build_teacher() -> keras.Model:
    # the teacher is never served, so half precision costs nothing that anybody reads
    policy = "mixed_bfloat16" if _on_gpu() else "float32"
    keras.config.set_dtype_policy(policy)
    teacher = teacher_cnn()
    keras.config.set_dtype_policy("float32")
    log.info("Teacher: %s parameters, %s", f"{teacher.count_params():,}", policy)
    return teacher


def _stage(
    build: Callable[[], keras.Model],
    mnist: Mnist,
    run: Path,
    seed: int,
    resume: bool,
    schedule: Schedule,
) -> keras.Model:
    """Train one network on labels, or take it from its folder where that was done before."""
    finished = run / "model.keras"
    if finished.exists():
        log.info("Using the finished %s", finished)
        return keras.models.load_model(finished, compile=False)
    keras.utils.set_random_seed(seed)
    model = build()
    _fit_augmented(model, mnist, run, seed, resume, schedule)
    model.save(finished)
    return model


def _fit_augmented(
    model: keras.Model, mnist: Mnist, run: Path, seed: int, resume: bool, schedule: Schedule
) -> None:
    first_epoch = _epochs_backed_up(run) if resume else 0
    batches = AugmentedBatches(
        mnist.train_images[:-VALIDATION_SIZE],
        mnist.train_labels[:-VALIDATION_SIZE],
        schedule.batch_size,
        seed,
        first_epoch,
    )
    steps = batches.steps_per_epoch
    learning_rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max((schedule.epochs - 1) * steps, 1),
        warmup_target=schedule.peak_learning_rate,
        warmup_steps=steps,
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(learning_rate, weight_decay=schedule.weight_decay),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
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
        validation_data=(held_out, mnist.train_labels[-VALIDATION_SIZE:]),
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
    model: keras.Model, run: Path, recipe: str, seed: int, started: float, config: dict[str, Any]
) -> None:
    run.mkdir(parents=True, exist_ok=True)
    model.save(run / "model.keras")
    about = {
        "recipe": recipe,
        "seed": seed,
        "backend": keras.backend.backend(),
        "device": device_name(),
        "seconds": round(time.monotonic() - started, 1),
        **config,
    }
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


def _on_gpu() -> bool:
    return bool(keras.distribution.list_devices("gpu"))


def device_name() -> str:
    """What trains, for people: `gpu:0` and so on, or `cpu`."""
    return ", ".join(keras.distribution.list_devices("gpu")) or "cpu"

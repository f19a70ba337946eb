"""Train a recipe: the lecture's five epochs, the same network by distillation, or fine-tune one.

Plain Keras 3 without calls of a backend; needs neither SciPy nor LiteRT. Does not depend on
bundles: it leaves a run folder (`training.run_folder`), which `export` reads.
"""

import logging
import time
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import keras

from training.batches import AugmentedBatches, Batches, SoftTargets, ensemble
from training.calibration import choose_temperature, fold_temperature, logits_of
from training.data import VALIDATION_SIZE, Mnist
from training.device import is_gpu, precision
from training.fine_tuning import fine_tune
from training.model import fold_normalization, lecture_cnn, normalized_cnn
from training.run_folder import Interrupted, epochs_backed_up, fit, read_epochs, save_model
from training.schedule import BEST, Schedule, fit_augmented
from training.snapshots import Recorder

log = logging.getLogger(__name__)


LECTURE_EPOCHS, LECTURE_BATCH_SIZE = 5, 32


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
    first_epoch = epochs_backed_up(run) if resume else 0
    images, labels = mnist.train_images, mnist.train_labels
    batches = Batches(images, labels, LECTURE_BATCH_SIZE, seed, first_epoch)
    recorder = Recorder(run, len(images), LECTURE_BATCH_SIZE, first_epoch > 0)
    data = {"x": batches, "steps_per_epoch": batches.steps_per_epoch, "shuffle": False}
    try:
        fit(model, run, resume, epochs, [recorder], **data)
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

    The student is then fine-tuned on images that MNIST lacks (`training.fine_tuning`).

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
        fit_augmented(student, mnist, run, resume, schedule, batches)
        model = fine_tune(
            fold_normalization(student),
            *(mnist, run / "fine-tuning", seed, resume, schedule, soft_targets),
        )
    except Interrupted:
        if read_epochs(run):
            _save_calibrated(fold_normalization(student), mnist, run, seed, start, schedule)
        raise
    return _save_calibrated(model, mnist, run, seed, start, schedule)


def train_from(
    original: Path,
    mnist: Mnist,
    run: Path,
    seed: int,
    resume: bool = False,
    schedule: Schedule = BEST,
) -> keras.Model:
    """Fine-tune and calibrate a trained lecture network, without training teachers and a student.

    The network is the start, and also the teacher of the training digits: for these it learns what
    it predicts already.

    Args:
        original: the network's `model.keras`, of a run folder or a bundle.
        mnist: the data.
        run: the run folder, created if missing.
        seed: of everything random.
        resume: whether to continue from the backup of an interrupted run.
        schedule: shorter in tests only.

    Returns:
        The calibrated lecture network with its softmax, also saved as `run/model.keras`.

    Raises:
        FileNotFoundError: there is no such model.
        Interrupted: Ctrl-C was pressed.
    """
    start = None if resume else time.monotonic()
    if not original.exists():
        raise FileNotFoundError(f"{original} does not exist; pass the model.keras of a bundle.")
    network = keras.models.load_model(original, compile=False)
    teacher = lecture_cnn(output_activation="linear")
    teacher.set_weights(network.get_weights())
    keras.utils.set_random_seed(seed)
    model = fine_tune(network, mnist, run, seed, resume, schedule, ensemble([teacher]))
    origin = {"fine_tuned_from": sha256(original.read_bytes()).hexdigest()}
    return _save_calibrated(model, mnist, run, seed, start, schedule, origin)


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
    fit_augmented(teacher, mnist, run, resume, own_schedule, batches)
    return teacher


def _student_batches(
    mnist: Mnist, run: Path, seed: int, resume: bool, schedule: Schedule, soft_targets: SoftTargets
) -> AugmentedBatches:
    """Return all training digits with the teachers' probabilities."""
    first_epoch = epochs_backed_up(run) if resume else 0
    return AugmentedBatches(
        mnist.train_images, mnist.train_labels, schedule.batch_size, seed, first_epoch, soft_targets
    )


def _save_calibrated(
    model: keras.Model,
    mnist: Mnist,
    run: Path,
    seed: int,
    start: float | None,
    schedule: Schedule,
    origin: dict[str, str] | None = None,
) -> keras.Model:
    """Calibrate the softmax on the validation set, and save the model; its config has `origin`."""
    images, labels = mnist.train_images[-VALIDATION_SIZE:], mnist.train_labels[-VALIDATION_SIZE:]
    temperature = choose_temperature(logits_of(model, images), labels)
    model = fold_temperature(model, temperature)
    config = {
        **asdict(schedule),
        "precision": precision(),
        "validation_size": VALIDATION_SIZE,
        "temperature": temperature,
        **(origin or {}),
    }
    save_model(model, run, "best", seed, start, config)
    return model

"""Fit a model in a run folder, which holds all that resuming, evaluation and export need.

A run folder has `model.keras`, `history.csv`, `config.json`, the best weights, and a backup to
resume from. This module does not depend on recipes or data.
"""

import csv
import json
import logging
import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm.keras import TqdmCallback

from training.device import device_name
from training.errors import TrainingError
from training.whole_files import replace_file

log = logging.getLogger(__name__)

_SUFFIX = ".weights.h5"
BEST_WEIGHTS = f"best{_SUFFIX}"
BACKUP = "backup"  # folder; the file's name is the number of epochs that it has


class Interrupted(Exception):
    """Training was stopped by Ctrl-C; the best weights so far are in the run folder."""


def fit(
    model: keras.Model,
    run: Path,
    resume: bool,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **options: Any,
) -> None:
    """Fit a compiled model with progress, history, and a backup to resume from.

    Args:
        model: compiled; after Ctrl-C it has the weights of its best epoch.
        run: the run folder, created if missing.
        resume: whether to continue from the backup of an interrupted run.
        epochs: how many in total, those before an interruption included.
        callbacks: further ones.
        options: further arguments of `keras.Model.fit`, such as the data.

    Raises:
        Interrupted: Ctrl-C was pressed.
        TrainingError: the loss or a weight is not finite.
    """
    run.mkdir(parents=True, exist_ok=True)
    first_epoch = epochs_backed_up(run) if resume else 0
    if first_epoch:
        model.optimizer.build(model.trainable_variables)  # has its state in the backup
        model.load_weights(run / BACKUP / f"{first_epoch}{_SUFFIX}")
    else:
        shutil.rmtree(run / BACKUP, ignore_errors=True)
        (run / BEST_WEIGHTS).unlink(missing_ok=True)
    _write_history(run, read_epochs(run)[:first_epoch])
    progress = TqdmCallback(verbose=0, mininterval=1.0)
    monitor = "val_accuracy" if "validation_data" in options else "accuracy"
    # A finished run keeps its backup, so that resuming it trains no epoch instead of all.
    all_callbacks = [_Saver(run, monitor), *callbacks, progress]
    try:
        model.fit(
            epochs=epochs,
            initial_epoch=first_epoch,
            verbose=0,
            callbacks=all_callbacks,
            **options,
        )
    except KeyboardInterrupt as interrupt:
        progress.on_train_end()  # otherwise the bar appears a second time below the last message
        if not read_epochs(run):
            raise Interrupted(
                "Training stopped before the first epoch ended; no weights were saved."
            ) from interrupt
        model.load_weights(run / BEST_WEIGHTS)
        raise Interrupted(
            f"Training stopped after {epochs_backed_up(run)} of {epochs} epochs. The best weights "
            f"so far are in {run / BEST_WEIGHTS}; run the same command with --resume to continue."
        ) from interrupt


class _Saver(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Write history, best weights and backup after each epoch, each whole or not at all.

    The history comes first, so that it is never behind the backup.
    """

    def __init__(self, run: Path, monitor: str) -> None:
        super().__init__()
        self._run, self._monitor = run, monitor
        self._best = max((float(row[monitor]) for row in read_epochs(run)), default=-math.inf)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the epoch.

        Raises:
            TrainingError: a number is not finite, so that there is nothing worth saving.
        """
        logs = logs or {}
        weights = self.model.get_weights()
        if not all(np.isfinite(each).all() for each in [*logs.values(), *weights]):
            raise TrainingError(
                f"Training diverged in epoch {epoch + 1}: the loss is {logs.get('loss')}, or a "
                "weight is not finite. Nothing of this epoch was saved; check the data, or train "
                "with a lower learning rate or another --seed."
            )
        _write_history(self._run, [*read_epochs(self._run), {"epoch": epoch, **logs}])
        if logs[self._monitor] > self._best:
            self._best = logs[self._monitor]
            replace_file(self._run / BEST_WEIGHTS, self.model.save_weights)
        folder = self._run / BACKUP
        folder.mkdir(exist_ok=True)
        replace_file(folder / f"{epoch + 1}{_SUFFIX}", self.model.save_weights)
        (folder / f"{epoch}{_SUFFIX}").unlink(missing_ok=True)


def save_model(
    model: keras.Model,
    run: Path,
    recipe: str,
    seed: int,
    start: float | None,
    config: dict[str, Any],
) -> None:
    """Write `model.keras`, and `config.json` with how it was trained.

    Args:
        model: the trained model.
        run: the run folder, created if missing.
        recipe: its name.
        seed: of everything random.
        start: monotonic time at which training began; None for a resumed run, whose earlier
            duration is unknown.
        config: further entries of `config.json`.
    """
    run.mkdir(parents=True, exist_ok=True)
    replace_file(run / "model.keras", model.save)
    entries = {
        "recipe": recipe,
        "seed": seed,
        "backend": keras.backend.backend(),
        "device": device_name(),
        **config,
    }
    if start is not None:
        entries["seconds"] = round(time.monotonic() - start, 1)
    text = json.dumps(entries, indent=2) + "\n"
    replace_file(run / "config.json", lambda partial: partial.write_text(text))
    log.info("Saved %s", run / "model.keras")


def epochs_backed_up(run: Path) -> int:
    """Return how many epochs the backup of a run has; 0 without a backup."""
    names = (path.name.removesuffix(_SUFFIX) for path in (run / BACKUP).glob(f"*{_SUFFIX}"))
    return max((int(name) for name in names if name.isdecimal()), default=0)


def read_epochs(run: Path) -> list[dict[str, Any]]:
    """Return the rows of `history.csv`, one per finished epoch; none without the file."""
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write_history(run: Path, epochs: list[dict[str, Any]]) -> None:
    """Replace `history.csv` as a whole.

    `keras.callbacks.CSVLogger` would append a repeated epoch a second time, and would write "NA"
    columns for a run without validation data.
    """

    def write(partial: Path) -> None:
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, epochs[0] if epochs else ["epoch"])
            writer.writeheader()
            writer.writerows(epochs)

    replace_file(run / "history.csv", write)

"""Fit a model in a run folder, which holds all that resuming, evaluation and export need.

A run folder has `model.keras`, `history.csv`, `config.json`, the best weights, and a backup to
resume from. This module does not depend on recipes or data.
"""

import csv
import json
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from tqdm.keras import TqdmCallback

from training.device import device_name

log = logging.getLogger(__name__)

BEST_WEIGHTS = "best.weights.h5"


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
    """
    run.mkdir(parents=True, exist_ok=True)
    first_epoch = epochs_backed_up(run) if resume else 0
    if not first_epoch:
        shutil.rmtree(run / "backup", ignore_errors=True)
        (run / BEST_WEIGHTS).unlink(missing_ok=True)
    _write_history(run, read_epochs(run)[:first_epoch])
    progress = TqdmCallback(verbose=0, mininterval=1.0)
    monitor = "val_accuracy" if "validation_data" in options else "accuracy"
    all_callbacks = [*_savers(run, monitor), *callbacks, progress]
    try:
        model.fit(epochs=epochs, verbose=0, callbacks=all_callbacks, **options)
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


def _savers(run: Path, monitor: str) -> list[keras.callbacks.Callback]:
    """Return the callbacks that write history, best weights and backup after each epoch."""
    history = read_epochs(run)
    return [
        # first, so that the history is never behind the backup
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: _write_history(
                run, [*read_epochs(run), {"epoch": epoch, **logs}]
            )
        ),
        keras.callbacks.ModelCheckpoint(
            str(run / BEST_WEIGHTS),
            monitor=monitor,
            mode="max",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=max((float(row[monitor]) for row in history), default=None),
        ),
        # A finished run keeps its backup, so that resuming it trains no epoch instead of all.
        keras.callbacks.BackupAndRestore(
            str(run / "backup"), double_checkpoint=True, delete_checkpoint=False
        ),
    ]


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
    model.save(run / "model.keras")
    entries = {
        "recipe": recipe,
        "seed": seed,
        "backend": keras.backend.backend(),
        "device": device_name(),
        **config,
    }
    if start is not None:
        entries["seconds"] = round(time.monotonic() - start, 1)
    (run / "config.json").write_text(json.dumps(entries, indent=2) + "\n")
    log.info("Saved %s", run / "model.keras")


def epochs_backed_up(run: Path) -> int:
    """Return how many epochs the backup of a run has; 0 without a backup."""
    metadata = run / "backup" / "training_metadata.json"
    return int(json.loads(metadata.read_text())["epoch"]) if metadata.exists() else 0


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
    partial = run / "history.partial"
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, epochs[0] if epochs else ["epoch"])
        writer.writeheader()
        writer.writerows(epochs)
    partial.replace(run / "history.csv")

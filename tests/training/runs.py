"""Small training runs and their files, which several test modules use."""

import csv
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.data import Mnist
from training.schedule import Schedule
from training.train import train_best

VALIDATION_DIGITS = 100
SHORT = Schedule(
    epochs=3,
    teachers=2,
    teacher_epochs=1,
    batch_size=64,
    wide=20,
    numerals=12,
    fine_tuning_epochs=1,
)


def best(few: Mnist, run: Path, seed: int = 1, resume: bool = False) -> keras.Model:
    """Train the recipe `best` with the short schedule."""
    return train_best(few, run, seed, resume, SHORT)


def weights_of(run: Path) -> list[NDArray[np.float32]]:
    """Return the weights of a run's saved model."""
    weights: list[NDArray[np.float32]] = keras.models.load_model(
        run / "model.keras", compile=False
    ).get_weights()
    return weights


def same(first: list[NDArray[Any]], second: list[NDArray[Any]]) -> bool:
    """Return whether all weights are equal, to the last bit."""
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def history(run: Path) -> list[dict[str, str]]:
    """Return the rows of `history.csv`."""
    with (run / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def epochs(run: Path) -> list[int]:
    """Return the epochs in `history.csv`, counted from 0."""
    return [int(row["epoch"]) for row in history(run)]

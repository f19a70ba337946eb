"""A trained network is fine-tuned on added images, from a recipe's student or on its own."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tests.training.runs import SHORT, epochs, same, weights_of
from training import fine_tuning
from training.data import Mnist
from training.model import CLASSES
from training.train import train_from


def test_added_digits_have_the_targets_of_their_kind(few: Mnist, tmp_path: Path) -> None:
    """Wide digits have the teachers' targets, 1s, 7s and printed digits their labels."""
    teachers = np.full(CLASSES, 0.05, np.float32)
    teachers[3] = 0.55

    batches = fine_tuning._batches(
        few, tmp_path, 1, False, SHORT, lambda images: np.tile(teachers, (len(images), 1))
    )

    assert len(batches.images) == len(few.train_images) + SHORT.wide + SHORT.numerals
    wide, numerals = np.split(batches.clean_targets, [SHORT.wide])
    np.testing.assert_array_equal(wide, np.tile(teachers, (SHORT.wide, 1)))
    np.testing.assert_array_equal(numerals.max(axis=1), 1)
    labels = batches.labels[-SHORT.numerals :]
    np.testing.assert_array_equal(numerals.argmax(axis=1), labels)
    assert {1, 7} <= set(labels.tolist())


def test_a_model_is_fine_tuned_without_training_others(
    few: Mnist, lecture_run: Path, tmp_path: Path
) -> None:
    """`train_from` changes every layer, and records which file it started from."""
    original = lecture_run / "model.keras"
    model = train_from(original, few, tmp_path, seed=1, schedule=SHORT)

    config = json.loads((tmp_path / "config.json").read_text())
    assert config["fine_tuned_from"] == sha256(original.read_bytes()).hexdigest()
    assert (config["wide"], config["numerals"]) == (SHORT.wide, SHORT.numerals)
    assert epochs(tmp_path) == [0]
    assert not list(tmp_path.glob("teacher-*"))
    assert same(weights_of(tmp_path), model.get_weights())
    before, after = weights_of(lecture_run), weights_of(tmp_path)
    assert not any(map(np.array_equal, before, after))


def test_a_missing_model_is_named(few: Mnist, tmp_path: Path) -> None:
    """The error names the file, and nothing is written."""
    with pytest.raises(FileNotFoundError, match=r"nothing\.keras does not exist"):
        train_from(tmp_path / "nothing.keras", few, tmp_path / "run", seed=1)

    assert not (tmp_path / "run").exists()

"""Record snapshots of a network's weights while it trains; see `training.progress` for the rest."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save

from training.whole_files import replace_file

RECORDED = "recorded.safetensors"
# The network learns most at the beginning; 1,875 steps are an epoch. With the last step, ten
# snapshots of the lecture's network in float16 take less than 2 MB.
STEPS = (0, 5, 15, 50, 150, 500, 1_875, 3_750, 5_625)

Weights = dict[str, NDArray[np.float16]]


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Write the weights at each of `STEPS` and at the last step, as float16.

    Each weight of the network is one tensor, whose first axis is the snapshot.
    """

    def __init__(self, run: Path, digits: int, batch_size: int, resume: bool) -> None:
        """Prepare to record.

        Args:
            run: the run folder.
            digits: how many the network sees in an epoch.
            batch_size: how many in a step.
            resume: whether the run continues, and keeps what it has recorded before.
        """
        super().__init__()
        self._path = run / RECORDED
        self._digits, self._batch_size = digits, batch_size
        self._resumes = resume
        self._epoch = 0
        self._recorded: dict[int, tuple[dict[str, Any], Weights]] = {}
        if resume and self._path.exists():
            entries, tensors = read_snapshots(self._path)
            for index, entry in enumerate(entries):
                weights = {name: tensor[index] for name, tensor in tensors.items()}
                self._recorded[entry["step"]] = entry, weights

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Record the initial weights."""
        if not self._resumes:
            self._record(0, 0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Remember the epoch, counted from 0."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Record the weights if a snapshot is due."""
        steps = self.params["steps"]
        step = self._epoch * steps + batch + 1
        if step in STEPS or step == self.params["epochs"] * steps:
            seen = min((batch + 1) * self._batch_size, self._digits)
            self._record(step, self._epoch * self._digits + seen)

    def _record(self, step: int, images: int) -> None:
        entry = {"step": step, "epoch": round(images / self._digits, 4), "images": images}
        self._recorded[step] = entry, weights_of(self.model)
        recorded = [self._recorded[step] for step in sorted(self._recorded)]
        names = recorded[0][1]
        tensors = {name: np.stack([weights[name] for _, weights in recorded]) for name in names}
        write_snapshots(self._path, [entry for entry, _ in recorded], tensors)


def weights_of(model: keras.Model) -> Weights:
    """Return the weights as float16, by "layer/weight"."""
    return {
        f"{layer.name}/{weight.name}": keras.ops.convert_to_numpy(weight).astype(np.float16)
        for layer in model.layers
        for weight in layer.weights
    }


def read_snapshots(path: Path) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
    """Read a file of snapshots: what the metadata says of each, and the tensors."""
    with safe_open(path, "numpy") as file:
        entries: list[dict[str, Any]] = json.loads(file.metadata()["snapshots"])
    return entries, load_file(path)


def write_snapshots(
    path: Path, entries: list[dict[str, Any]], tensors: dict[str, NDArray[Any]]
) -> None:
    """Write a file of snapshots, as `read_snapshots` reads it."""
    data = save(tensors, {"snapshots": json.dumps(entries)})
    replace_file(path, lambda partial: partial.write_bytes(data))

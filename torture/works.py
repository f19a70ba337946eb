"""Work that leaves files: short forms of training, export and bulk work, and hashes of results."""

import io
import os
import sys
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.environments import ROOT
from service.model.bundle import read_bundle, versions
from training.data import VALIDATION_SIZE, Mnist, load_mnist

COMMITTED = ROOT / "models" / "mnist" / "1" / "model.keras"
_DIGITS = 320  # to train on
_EPOCHS = 3
_ROWS = 20_000  # of bulk work


def _few(count: int) -> Mnist:
    """Return some training digits."""
    mnist = load_mnist(ROOT / "data")
    return Mnist(mnist.train_images[:count], mnist.train_labels[:count],
                 mnist.test_images[:500], mnist.test_labels[:500])  # fmt: skip


def train_lecture(run: Path, resume: bool) -> int:
    """Train the lecture's recipe on few digits."""
    from training.train import train_lecture as lecture

    lecture(_few(_DIGITS), run, 1, resume, _EPOCHS)
    return 0


def train_best(run: Path, resume: bool, rate: float | None = None) -> int:
    """Train the best recipe on few digits with few teachers and epochs."""
    from training.schedule import BEST
    from training.train import train_best as best

    schedule = replace(
        BEST,
        epochs=2,
        teachers=1,
        teacher_epochs=2,
        batch_size=64,
        wide=20,
        numerals=12,
        fine_tuning_epochs=1,
        peak_learning_rate=rate or BEST.peak_learning_rate,
    )
    best(_few(_DIGITS + VALIDATION_SIZE), run, 1, resume, schedule)
    return 0


def train_on(data: Path, cache: Path, _: bool) -> int:
    """Run the command on a folder of data."""
    from training.__main__ import main

    return main(["train", "--data", str(data), "--cache", str(cache), "--run", f"{cache}-run"])


def export(models: Path, _: bool) -> int:
    """Export the committed bundle's model."""
    from training.export import Wanted, export_model

    export_model(COMMITTED, models, Wanted("trained"))
    return 0


def export_not_finite(models: Path, _: bool) -> int:
    """Export a model whose weights are not finite."""
    import keras

    from training.export import Wanted, export_keras_model

    model = keras.models.load_model(COMMITTED, compile=False)
    model.set_weights([np.full_like(each, np.nan) for each in model.get_weights()])
    export_keras_model(model, models, Wanted("trained"))
    return 0


def bulk(source: Path, place: Path, resume: bool) -> int:
    """Become the command, so that killing this process kills it."""
    os.chdir(ROOT)
    command = [sys.executable, "-m", "service.bulk", str(source), str(place), "--processes", "2"]
    os.execv(  # noqa: S606 - no shell is wanted
        sys.executable, [*command, "--layers", "dense", *["--resume"] * resume]
    )


def images(folder: Path) -> Path:
    """Write digits that differ, as a source of bulk work."""
    pixels = np.stack([each.pixels[..., 0] for each in read_bundle(COMMITTED.parent).golden])
    rows = np.arange(_ROWS)
    moved = [np.roll(pixels[i % len(pixels)], i // len(pixels), axis=i % 2) for i in rows]
    np.save(folder / "digits.npy", np.stack(moved))
    return folder / "digits.npy"


def weights(run: Path) -> str:
    """Return a hash of a run's weights and snapshots, without the time in the model's file."""
    with ZipFile(run / "model.keras") as archive:
        weights = hash_arrays(archive.read("model.weights.h5"))
    snapshots = run / "recorded.safetensors"
    return weights + (sha256(snapshots.read_bytes()).hexdigest() if snapshots.exists() else "")


def hash_arrays(data: bytes) -> str:
    """Return a hash of all arrays of an HDF5 file, without its times."""
    found = sha256()

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found.update(name.encode() + item[()].tobytes())

    with h5py.File(io.BytesIO(data)) as file:
        file.visititems(add)
    return found.hexdigest()


def graph(models: Path) -> str:
    """Return a hash of what the newest bundle computes."""
    newest = models / "trained" / str(versions(models, "trained")[-1])
    return sha256((newest / "graph.tflite").read_bytes()).hexdigest()


def rows(place: Path) -> str:
    """Return a hash of all rows in the order of their keys."""
    parts = [pq.read_table(path) for path in sorted(place.rglob("*.parquet"))]
    table = pa.concat_tables(parts).sort_by("key").combine_chunks()
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return sha256(stream.getvalue()).hexdigest()


diverge = partial(train_best, rate=1e30)  # with a loss that is not finite

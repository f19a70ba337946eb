"""End training, export and bulk work at any moment, and take their disk, data and numbers away."""

import json
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from zipfile import BadZipFile, ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

from benchmarks.environments import ROOT
from service.errors import BundleError
from service.model.bundle import read_bundle
from torture import works
from torture.row import Figure, Row
from training.data import IDX_SHA256
from training.errors import ExportError, TrainingError

KILLS = 12  # of each kind of work
_SEED = 8
_FULL_BYTES = 100_000  # of a file, on a disk that is full: less than the smallest that matters
_FAILED = (1, 2)  # exit codes of errors that are reported

Work = Callable[[Path, bool], int]  # gets its folder, and whether it resumes; returns an exit code


@dataclass
class Faults:
    """What must never happen, with the number of times that it did, and what was tried.

    Attributes:
        counts: by fault.
        tried: by kind of trial.
    """

    counts: dict[str, int] = field(default_factory=dict)
    tried: dict[str, int] = field(default_factory=dict)

    def note(self, fault: str, *, is_fault: bool = True) -> None:
        """Count a fault."""
        self.counts[fault] = self.counts.get(fault, 0) + is_fault


HALF, OTHER, SILENT = (
    "half-written bundles, parts or files of a run",
    "results that differ from those of work that was not interrupted",
    "failures that were not reported, or that left a result",
)


def run(share: float) -> list[Figure]:
    """Kill each kind of work, then take its disk; resume it, and compare the results."""
    faults, rng = Faults({HALF: 0, OTHER: 0, SILENT: 0}), Random(_SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = works.images(folder)
        for title, work, result in (
            ("bulk work", partial(works.bulk, source), works.rows),
            ("export", works.export, works.graph),
            ("training of the lecture's recipe", works.train_lecture, works.weights),
            ("training of the best recipe", works.train_best, works.weights),
        ):
            if work is works.train_best and share < 1:
                continue  # takes a minute
            print(f"{title} …", flush=True)
            (folder / title).mkdir()
            _try(folder / title, work, result, max(round(KILLS * share), 1), faults, rng)
            print(faults.counts, flush=True)
        _try_damages(folder, faults)
        if share == 1:
            _must_fail(works.diverge, folder / "diverging", faults, "numbers that are not finite")
    return [
        *(Figure(title, count) for title, count in faults.tried.items()),
        *(Figure(fault, count, 0) for fault, count in faults.counts.items()),
    ]


def _try(
    folder: Path,
    work: Work,
    result: Callable[[Path], str],
    kills: int,
    faults: Faults,
    rng: Random,
) -> None:
    """Run work to its end; then kill it at random moments, and run it with a full disk."""
    begin = time.monotonic()
    _finish(work, folder / "whole")
    seconds = time.monotonic() - begin
    expected = result(folder / "whole")
    for number in range(kills):
        place = folder / f"killed-{number}"
        process = _process(work, place, False)
        process.start()
        process.join(rng.uniform(0, seconds))
        faults.tried["kill -9"] = faults.tried.get("kill -9", 0) + (process.exitcode is None)
        process.kill()
        process.join()
        _check(place, work, result, expected, faults)
    place = folder / "full"
    process = _process(work, place, False, _FULL_BYTES)
    process.start()
    process.join()
    faults.tried["full disks"] = faults.tried.get("full disks", 0) + 1
    faults.note(SILENT, is_fault=process.exitcode not in _FAILED)
    _check(place, work, result, expected, faults)


def _check(
    place: Path, work: Work, result: Callable[[Path], str], expected: str, faults: Faults
) -> None:
    """Look for half-written files; then resume the work, and compare the result."""
    faults.note(HALF, is_fault=not all(map(_is_whole, _files(place))))
    _finish(work, place)
    faults.note(OTHER, is_fault=result(place) != expected)
    left = [path for path in place.rglob(".*") if path.exists()]
    faults.note(HALF, is_fault=bool(left))
    shutil.rmtree(place)


def _try_damages(folder: Path, faults: Faults) -> None:
    """Train on damaged data, and export what is not finite."""
    for name, damage in _DAMAGES.items():
        data = folder / name
        data.mkdir()
        for file in IDX_SHA256:
            shutil.copy(ROOT / "data" / file, data)
        damage(data / "train-images-idx3-ubyte")
        _must_fail(partial(works.train_on, data), folder / f"{name}-cache", faults, "damaged data")
        shutil.rmtree(data)
    place = folder / "not-finite"
    _must_fail(works.export_not_finite, place, faults, "numbers that are not finite")


def _must_fail(work: Work, place: Path, faults: Faults, kind: str) -> None:
    """Do work that must fail, and leave no data, model or bundle."""
    process = _process(work, place, False)
    process.start()
    process.join()
    faults.tried[kind] = faults.tried.get(kind, 0) + 1
    left = [path for path in _files(place) if path.suffix in ("", ".keras", ".h5", ".json")]
    faults.note(SILENT, is_fault=process.exitcode not in _FAILED or bool(left))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


_DAMAGES: dict[str, Callable[[Path], None]] = {"cut": _cut, "altered": _flip, "gone": Path.unlink}


def _process(work: Work, place: Path, resume: bool, most: int | None = None) -> BaseProcess:
    """Return a process of its own, forked from one that has imported what training needs."""
    return _context.Process(target=_run, args=(work, place, resume, most))


def _run(work: Work, place: Path, resume: bool, most: int | None) -> None:
    """Do work in a process of its own, silently; exit with 1 where it fails as it should."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if most is not None:  # stands for a full disk: writes beyond it fail likewise
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        sys.exit(work(place, resume))
    except (OSError, ExportError, TrainingError):
        sys.exit(_FAILED[0])


def _finish(work: Work, place: Path) -> None:
    """Do work to its end, resumed where there is something.

    Raises:
        RuntimeError: it fails.
    """
    process = _process(work, place, place.exists())
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"{place} ended with {process.exitcode}")


_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["training.train", "training.export"])


def _files(place: Path) -> list[Path]:
    """Return the files that have their names: hidden ones are not complete, and nothing reads."""
    return [
        path
        for path in place.rglob("*")
        if path.is_file() and "/." not in f"/{path.relative_to(place)}"
    ]


def _is_whole(path: Path) -> bool:
    """Read a file as what reads it does."""
    try:
        match path.suffix:
            case ".json" if path.name == "manifest.json":
                read_bundle(path.parent)
            case ".json":
                json.loads(path.read_text())
            case ".keras":
                return ZipFile(path).testzip() is None
            case ".h5":
                works.hash_arrays(path.read_bytes())
            case ".parquet":
                pq.read_table(path)
            case ".safetensors":
                with safe_open(path, "numpy"):
                    pass
    except (OSError, ValueError, BadZipFile, BundleError, SafetensorError, pa.ArrowException):
        return False
    return True


ROW = Row(
    "Whatever ends training, export or bulk work, nothing is half-written, and it resumes.", run
)

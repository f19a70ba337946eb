"""Measure bulk work beside the bare engine and Ray Data: `python -m benchmarks.bulk`.

Prints the median, the lowest and the highest of the rounds. What is compared takes turns, so that
a busy machine changes little. The part `photographs` needs the bundle that `make efficientnet`
writes.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.environments import ENVIRONMENTS, ROOT
from service.bulk.job import Job
from service.bulk.labeller import Labeller
from service.bulk.parts import Destination
from service.bulk.sources import Source
from service.inference import outcome
from service.model.bundle import read_bundle
from service.model.engine import Engine
from service.preparation import from_images
from training.data import load_mnist

FOLDER = ENVIRONMENTS / "bulk"
PROCESSES = 2
PHOTOGRAPHS = 2_000
_PER_SHARD = 5_000
_MILLION = 1_000_000
_engines: dict[str, Engine] = {}


def main() -> None:
    """Measure what the flags select."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for name, part in PARTS.items():
        if flags.only in (None, name):
            print(f"{name}, {flags.rounds} rounds", flush=True)
            part(flags.rounds)


def digits(rounds: int) -> None:
    """Compare 70,000 digits from files, shards and an array with the bare engine on arrays."""
    sources = digit_sources()
    pixels = np.load(sources["npy"], mmap_mode="r")
    works = {name: lambda path=path: images_per_second(path) for name, path in sources.items()}
    with Bare("mnist") as bare:
        take_turns({"bare engine": lambda: bare.images_per_second(pixels), **works}, rounds)


def stages(rounds: int) -> None:
    """Print what an image of a file costs one core, by stage, in microseconds."""
    bundle = read_bundle(ROOT / "models" / "mnist" / "1")
    engine = Engine(bundle)
    job = Job(bundle.name, bundle.version, bundle.sha256)
    labeller, destination = Labeller(engine, job), Destination(str(FOLDER / "out"))
    shards = list(islice(Source(str(digit_sources()["files"])).shards(), 10))
    count = sum(shard.rows or 0 for shard in shards)
    for _ in range(rounds):
        times = [time.perf_counter()]
        batches = [batch for shard in shards for batch in shard.read()]
        times.append(time.perf_counter())
        inputs = [from_images(batch.images, "auto", bundle, 10**7) for batch in batches]  # type: ignore[arg-type]
        times.append(time.perf_counter())
        for each in inputs:
            engine.run(each.pixels, outcome(bundle))
        times.append(time.perf_counter())
        for shard in shards:
            destination.write_part(shard, labeller, lambda _: None)
        times.append(time.perf_counter())
        read, prepare, infer, whole = np.diff(times) / count * 1e6
        rest = whole - read - prepare - infer
        print(
            f"  read {read:.0f}, decode and prepare {prepare:.0f}, infer {infer:.0f}, "
            f"write and the rest {rest:.0f}, together {whole:.0f} µs"
        )


def ray_data(rounds: int) -> None:
    """Compare the files with Ray Data and Keras' `predict`, as Ray's documentation shows it."""
    files = digit_sources()["files"]

    def keras_on_ray() -> float:
        command = [sys.executable, "-m", "benchmarks.ray_keras", str(files), str(FOLDER / "ray")]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return float(done.stdout.split()[-1])

    take_turns({"Ray Data": keras_on_ray, "bulk": lambda: images_per_second(files)}, rounds)


def memory(rounds: int) -> None:
    """Compare the memory, of all processes and without libraries, of 10,000 and 1,000,000 files."""
    for count in (10_000, _MILLION):
        folder = linked_files(count)
        for _ in range(rounds):
            print(f"  {count:,} files: {peak_mib(folder):.0f} MiB", flush=True)


def photographs(rounds: int) -> None:
    """Compare EfficientNet-Lite0's features of 2,000 photographs with its predict graph."""
    pixels = np.random.default_rng(1).integers(0, 256, (PHOTOGRAPHS, 224, 224, 3), np.uint8)
    path = FOLDER / "photographs.npy"
    np.save(path, pixels)
    options = ("--model", "efficientnet-lite0", "--layers", "avg_pool")
    with Bare("efficientnet-lite0") as bare:
        works = {
            "predict graph": lambda: bare.images_per_second(pixels),
            "bulk": lambda: images_per_second(path, *options),
        }
        take_turns(works, rounds)


def take_turns(works: Mapping[str, Callable[[], float]], rounds: int) -> None:
    """Print the images/s of each, and its share of the first's."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(work())
    first = statistics.median(found[next(iter(works))])
    for name, values in found.items():
        middle, low, high = statistics.median(values), min(values), max(values)
        print(f"  {name}: {middle:,.0f} images/s ({low:,.0f}–{high:,.0f}), {middle / first:.3f} ×")


def images_per_second(source: Path, *options: str) -> float:
    """Run the command; return the images/s that its summary states."""
    run(source, *options)
    found: dict[str, Any] = json.loads((FOLDER / "out" / "_summary.json").read_text())
    return float(found["images_per_second"])


def run(source: Path, *options: str) -> None:
    """Run the command on a source."""
    with start(source, *options) as process:
        process.communicate()
    if process.returncode:
        raise RuntimeError(f"the job failed with {process.returncode}")


def start(source: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command, in as many processes as there are cores to compare with."""
    out = FOLDER / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "service.bulk", "--processes", str(PROCESSES)]
    return subprocess.Popen(
        [*command, str(source), str(out), *options],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def peak_mib(source: Path) -> float:
    """Return the largest memory of their own that the command's processes take together."""
    most = 0
    with start(source) as process:
        while process.poll() is None:
            most = max(most, sum(map(_kib, _family(process.pid))))
            time.sleep(0.1)
    return most / 1024


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))


class Bare:
    """The engine alone, on arrays in memory, in a process for each core."""

    def __init__(self, model: str) -> None:
        """Start the processes, and load the model in each."""
        self._model = model
        self._pool = ProcessPoolExecutor(PROCESSES, get_context("spawn"))

    def __enter__(self) -> "Bare":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        self._pool.shutdown()

    def images_per_second(self, pixels: NDArray[np.uint8]) -> float:
        """Compute predictions of all images; return how many a second."""
        batch = 500 if pixels[0].size < 10_000 else 50
        batches = [pixels[i : i + batch] for i in range(0, len(pixels), batch)]
        for future in [self._pool.submit(_compute, self._model, batches[0]) for _ in range(8)]:
            future.result()  # every process has loaded the model
        begin = time.perf_counter()
        for future in [self._pool.submit(_compute, self._model, one) for one in batches]:
            future.result()
        return len(pixels) / (time.perf_counter() - begin)


def _compute(model: str, pixels: NDArray[np.uint8]) -> None:
    if model not in _engines:
        _engines[model] = Engine(read_bundle(ROOT / "models" / model / "1"))
    engine = _engines[model]
    engine.run(pixels.reshape(-1, *engine.bundle.input_shape), outcome(engine.bundle))


def digit_sources() -> dict[str, Path]:
    """Return MNIST's 70,000 digits as files in class folders, tar shards and an array."""
    sources = {"files": FOLDER / "files", "tar": FOLDER / "tar", "npy": FOLDER / "digits.npy"}
    if sources["npy"].exists():
        return sources
    mnist = load_mnist(ROOT / "data")
    pixels = np.concatenate([mnist.train_images, mnist.test_images])
    labels = np.concatenate([mnist.train_labels, mnist.test_labels])
    sources["tar"].mkdir(parents=True)
    for first in range(0, len(pixels), _PER_SHARD):
        with tarfile.open(sources["tar"] / f"{first:05}.tar", "w") as shard:
            for index in range(first, first + _PER_SHARD):
                path = sources["files"] / str(labels[index]) / f"{index:05}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels[index]).save(path)
                shard.add(path, path.name)
    np.save(sources["npy"], pixels)
    return sources


def linked_files(count: int) -> Path:
    """Return a folder with so many names of the digits' files, 1,000 in each of its folders."""
    folder = FOLDER / f"links-{count}"
    if not folder.exists():
        files = sorted(digit_sources()["files"].rglob("*.png"))
        for index in range(count):
            place = folder / f"{index // 1000:04}" / f"{index:07}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.hardlink_to(files[index % len(files)])
    return folder


PARTS: dict[str, Callable[[int], None]] = {
    "digits": digits,
    "stages": stages,
    "ray-data": ray_data,
    "photographs": photographs,
    "memory": memory,
}

if __name__ == "__main__":
    main()

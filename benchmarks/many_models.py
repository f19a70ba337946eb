"""Measure more models than fit into the memory limit, beside one that is used all the time.

Run as `python -m benchmarks.many_models`; `--bundle` names the folder of another bundle to copy.
"""

import argparse
import json
import math
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import requests
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.environments import ROOT
from benchmarks.load import Client
from benchmarks.servers import Server, resident_mib, running, start_service
from service.model.checksums import write_manifest
from service.model.registry import Models

MODELS, VERSIONS, WORKERS, CLIENTS = 10, (1, 2), 2, 2
FREQUENT = "model-0"
FITTING = 8  # so many of the 20 versions fit into the limit
PAUSE_S = 0.1


def main() -> None:
    """Print the figures as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=ROOT / "models" / "mnist" / "1")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=50.0, help="of the frequently used model")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        copy_models(flags.bundle, Path(name) / "models")
        for metric, value in measure(Path(name), flags.seconds, flags.rate).items():
            print(f"| {metric} | {value} |")


def copy_models(bundle: Path, models: Path) -> None:
    """Copy a bundle under the names and versions of all models."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    for name in (f"model-{number}" for number in range(MODELS)):
        for version in VERSIONS:
            path = shutil.copytree(bundle, models / name / str(version))
            write_manifest(path, {**manifest, "name": name, "version": version})


def measure(folder: Path, seconds: float, rate: float) -> dict[str, object]:
    """Return the figures by their names."""
    models = Models(folder / "models", FREQUENT)
    model = models.get("model-1")  # the first one's memory includes what LiteRT takes once
    limit = math.ceil(model.memory * FITTING / 2**20)
    image = np.random.default_rng(0).integers(0, 256, model.bundle.input_shape, np.uint8)
    expected = model.engine.probabilities(image[np.newaxis])[0].tolist()
    np.save(body := folder / "image.npy", image)
    settings = {
        "CONVSCOPE_MODELS_DIR": str(folder / "models"),
        "CONVSCOPE_DEFAULT_MODEL": FREQUENT,
        "CONVSCOPE_MODEL_MEMORY": str(limit),
    }
    with running(start_service(WORKERS, settings)) as server:
        time.sleep(2)  # until the other worker is ready, too
        at_start = memory(server)
        alone = frequent(server, body, rate, seconds).summary()
        client = frequent(server, body, rate, seconds)
        slowest, failures = others(server, body.read_bytes(), expected, seconds)
        beside = client.summary()
        time.sleep(1)  # until every worker has published its metrics
        return {
            "limit of a worker, MiB": limit,
            "requests for random versions": len(slowest),
            "failed or wrong, and the first": [len(failures), *failures[:1]],
            "failed of the frequently used model": beside.failures,
            "p50 and slowest of them, ms": [
                f"{np.quantile(slowest, q) * 1e3:.0f}" for q in (0.5, 1)
            ],
            "loads": total(server, "convscope_model_loads_total"),
            "evictions": total(server, "convscope_model_evictions_total"),
            "loaded at the end, in all workers": total(server, "convscope_models_loaded"),
            "their memory, MiB": round(total(server, "convscope_model_memory_bytes") / 2**20),
            "resident memory of each worker at the start, MiB": at_start,
            "at most, MiB": memory(server, "VmHWM"),
            "at the end, MiB": memory(server),
            "p99 of the frequently used model alone, ms": round(alone.of(200)["p99_ms"], 1),
            "beside the others, ms": round(beside.of(200)["p99_ms"], 1),
        }


def frequent(server: Server, body: Path, rate: float, seconds: float) -> Client:
    """Start the requests for the frequently used model."""
    kind, path = "application/x-npy", f"/predict?model={FREQUENT}"
    return Client(server.port, body=body, content_type=kind, path=path, rate=rate, seconds=seconds)


def others(
    server: Server, body: bytes, expected: list[float], seconds: float
) -> tuple[list[float], list[Any]]:
    """Request random versions with several clients; return the times, and what was wrong."""
    times: list[float] = []
    failures: list[Any] = []
    end = time.monotonic() + seconds

    def client(seed: int) -> None:
        random = np.random.default_rng(seed)
        with requests.Session() as session:
            session.headers["Content-Type"] = "application/x-npy"
            while time.monotonic() < end:
                name, version = f"model-{random.integers(MODELS)}", int(random.choice(VERSIONS))
                url = f"http://127.0.0.1:{server.port}/predict?model={name}&version={version}"
                begin = time.monotonic()
                answer = session.post(url, data=body, timeout=60).json()
                times.append(time.monotonic() - begin)
                if not is_right(answer, name, version, expected):
                    failures.append(answer)
                time.sleep(PAUSE_S)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    return times, failures


def is_right(answer: dict[str, Any], name: str, version: int, expected: list[float]) -> bool:
    """Return whether that version answered, with the expected probabilities."""
    model = answer.get("model", {})
    if (model.get("name"), model.get("version")) != (name, version):
        return False
    found = sorted(answer["predictions"][0]["probabilities"].values())
    return np.allclose(found, sorted(expected), atol=1e-4)


def total(server: Server, name: str) -> float:
    """Return the sum of a metric over its labels."""
    text = requests.get(f"http://127.0.0.1:{server.port}/metrics", timeout=10).text
    families = text_string_to_metric_families(text)
    return sum(each.value for family in families for each in family.samples if each.name == name)


def memory(server: Server, field: str = "VmRSS") -> list[int]:
    """Return the resident memory of each worker, MiB."""
    return [round(resident_mib(worker, field)) for worker in server.workers()]


if __name__ == "__main__":
    main()

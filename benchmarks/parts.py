"""Measure parts of the service: engine, score, routes, memory of a photo."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import requests

from benchmarks import images
from benchmarks.environments import ROOT
from benchmarks.in_process import bare_graph, microseconds
from benchmarks.results import Results
from benchmarks.servers import resident_mib, running, start_service
from service import inference
from service.model.bundle import read_bundle
from service.model.engine import Engine
from service.model.layer import Stage

ROUTES = (
    "predict",
    "activations",
    "activations?format=npz",
    "activations?format=safetensors",
    "activations?layers=all&format=safetensors",
    "explain?layer=conv2d_1&channel=0&row=0&column=0",
    "occlusion",
)
PHOTOS = 5  # sent in sequence while the peak memory is measured


def engine(results: Results, rounds: int) -> None:
    """Measure the engine with all layers as outputs, and the score, beside the bare graph."""
    bundle = read_bundle(ROOT / "models" / "mnist" / "1")
    runner, graph = Engine(bundle), bare_graph()
    digit = bundle.golden[0].pixels[np.newaxis]
    every_layer: list[tuple[str, Stage]] = [(layer.name, "post") for layer in bundle.layers]
    features = inference.outcome(bundle)[-1]
    values = runner.run(digit, [features])
    works: dict[str, Callable[[], object]] = {
        "graph": graph.invoke,
        "probabilities": lambda: runner.probabilities(digit),
        "every layer": lambda: runner.run(digit, every_layer),
    }
    if distribution := bundle.distribution:
        works["score"] = lambda: distribution.scores(values[features])
    for number in range(1, rounds + 1):
        print(f"engine, round {number} of {rounds}", flush=True)
        for name, work in works.items():
            results.add("engine µs", name, min(microseconds(work) for _ in range(5)))


def routes(results: Results, rounds: int) -> None:
    """Measure one client's requests to each route alternately."""
    with running(start_service()) as server, requests.Session() as session:
        for number in range(1, rounds + 1):
            print(f"routes, round {number} of {rounds}", flush=True)
            for route in ROUTES:
                url = f"http://127.0.0.1:{server.port}/{route}"
                work = partial(session.post, url, data=images.SEVEN, timeout=10)
                results.add("route ms", route, _median_ms(work, 20))


def photo_memory(results: Results, rounds: int) -> None:
    """Measure how much a photo of 12 megapixels raises a worker's peak memory."""
    photo = images.photo()
    with running(start_service()) as server:
        url, worker = f"http://127.0.0.1:{server.port}/predict", server.workers()[0]
        requests.post(url, data=images.SEVEN, timeout=60)
        for number in range(1, rounds + 1):
            print(f"memory of a photo, round {number} of {rounds}", flush=True)
            Path(f"/proc/{worker}/clear_refs").write_text("5")  # resets the peak
            before = resident_mib(worker)
            for _ in range(PHOTOS):
                requests.post(url, data=photo, timeout=60)
            results.add("photo", "peak MiB", resident_mib(worker, "VmHWM") - before)


def _median_ms(work: Callable[[], object], times: int) -> float:
    durations = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        durations.append((time.perf_counter() - begin) * 1e3)
    return float(np.median(durations))

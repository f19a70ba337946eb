"""What is counted and timed, for Prometheus. Right with several workers: see `server.py`.

What each means is in docs/operations.md. Nothing here knows a route.
"""

import os
import threading
from collections import Counter as Tally
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from service.models import Model

_MEMORY = Path("/proc/self/statm")  # Linux only; its second number is the resident pages
PhaseName = Literal["read", "decode", "preprocess", "infer", "encode"]
SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)
INK = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.2, 0.3, 0.5, 1)

requests = Counter(
    "convscope_requests", "Requests answered, by route and status.", ["route", "status"]
)
request_seconds = Histogram(
    "convscope_request_seconds", "From when the request had come to its answer.", ["route"],
    buckets=SECONDS,
)  # fmt: skip
phase_seconds = Histogram(
    "convscope_phase_seconds", "What a request's time went to.", ["phase"], buckets=SECONDS
)
in_flight = Gauge(
    "convscope_requests_in_flight", "Requests being worked on.", multiprocess_mode="livesum"
)
waiting = Gauge(
    "convscope_requests_waiting", "Requests waiting for that.", multiprocess_mode="livesum"
)
refused = Counter("convscope_requests_refused", "Requests not worked on.", ["reason"])
predictions = Counter("convscope_predictions", "Digits answered.", ["model", "label"])
confidence = Histogram(
    "convscope_confidence", "Probability of the answer.", ["model"], buckets=CONFIDENCES
)
ink = Histogram(
    "convscope_ink", "Mean brightness of what the model saw, 0–1.", ["model"], buckets=INK
)
model_workers = Gauge(
    "convscope_model_workers", "Workers that serve this version.", ["model", "version", "sha256"],
    multiprocess_mode="livesum",
)  # fmt: skip
worker_bytes = Gauge(
    "convscope_worker_resident_bytes", "A worker's resident memory.", multiprocess_mode="liveall"
)
reloads = Counter("convscope_reloads", "Loading anew, by result, each worker's.", ["result"])
reload_failed = Gauge(
    "convscope_reload_failed", "1 where the last loading left something as it was.",
    multiprocess_mode="livemax",
)  # fmt: skip

_spent = threading.local()  # .phases: seconds by phase of the request on this thread


class phase:  # noqa: N801 - reads as a statement: `with phase("decode"):`
    """Counts a block's time to a phase of the request that this thread answers."""

    __slots__ = ("_begun", "_name")

    def __init__(self, name: PhaseName) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._begun = perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        phases = _spent.__dict__.setdefault("phases", {})
        phases[self._name] = phases.get(self._name, 0.0) + perf_counter() - self._begun


def begin() -> None:
    """A request begins on this thread."""
    _spent.phases = {}


def finish(route: str, status: int, seconds: float) -> None:
    """Its answer is ready."""
    requests.labels(route, status).inc()
    request_seconds.labels(route).observe(seconds)
    for name, spent in _spent.phases.items():
        phase_seconds.labels(name).observe(spent)


def answered(model: Model, probabilities: NDArray[np.float32], pixels: NDArray[np.generic]) -> None:
    """Digits have got their answers.

    Args:
        model: that answered.
        probabilities: float32 (N, classes).
        pixels: what it saw, (N, H, W, C), uint8 0–255 or float32 0–1.
    """
    name, labels = model.bundle.name, model.bundle.labels
    for label, count in Tally(probabilities.argmax(axis=1).tolist()).items():
        predictions.labels(name, labels[label]).inc(count)
    observe_confidence, observe_ink = (each.labels(name).observe for each in (confidence, ink))
    for value in probabilities.max(axis=1).tolist():
        observe_confidence(value)
    brightest = 255 if pixels.dtype == np.uint8 else 1
    for value in (pixels.mean(axis=(1, 2, 3)) / brightest).tolist():
        observe_ink(value)


def tell_of_worker(models: Mapping[str, Model], before: Mapping[str, Model]) -> None:
    """What this worker is at the moment: its memory, and what it serves instead of `before`."""
    if _MEMORY.exists():
        pages = int(_MEMORY.read_text().split()[1])
        worker_bytes.set(pages * os.sysconf("SC_PAGE_SIZE"))
    if models is not before:
        for loaded, serving in ((before, 0), (models, 1)):
            for model in loaded.values():
                bundle = model.bundle
                model_workers.labels(bundle.name, bundle.version, bundle.sha256).set(serving)


def exposition() -> bytes:
    """All workers' metrics in Prometheus's text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # a single process
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)

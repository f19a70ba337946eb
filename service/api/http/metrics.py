"""What is counted and timed, for Prometheus; docs/operations.md explains each. Knows no route."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, generate_latest

from service.api.http.counters import Family, Published
from service.model.registry import Model
from service.state import State
from service.timing import Timings

SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)
INK = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.2, 0.3, 0.5, 1)
_MEMORY = Path("/proc/self/statm")  # Linux only; its second number is the resident pages

requests = Family(
    "counter", "convscope_requests", "Requests answered, by route and status.", ("route", "status")
)
request_seconds = Family(
    "histogram",
    "convscope_request_seconds",
    "From a request's arrival to its response.",
    ("route",),
    SECONDS,
)
phase_seconds = Family(
    "histogram", "convscope_phase_seconds", "Seconds of each phase.", ("phase",), SECONDS
)
in_flight = Family("gauge", "convscope_requests_in_flight", "Requests that a thread works on.")
waiting = Family("gauge", "convscope_requests_waiting", "Requests that wait.")
refused = Family(
    "counter", "convscope_requests_refused", "Requests rejected, by reason.", ("reason",)
)
predictions = Family(
    "counter", "convscope_predictions", "Digits answered, by label.", ("model", "label")
)
confidence = Family(
    "histogram", "convscope_confidence", "The answer's probability.", ("model",), CONFIDENCES
)
ink = Family("histogram", "convscope_ink", "Mean brightness of the digit, 0–1.", ("model",), INK)
model_workers = Family(
    "gauge",
    "convscope_model_workers",
    "Workers that serve this version.",
    ("model", "version", "sha256"),
)
worker_bytes = Family(
    "gauge", "convscope_worker_resident_bytes", "A worker's resident memory.", ("pid",)
)
reloads = Family("counter", "convscope_reloads", "Reloads, by result.", ("result",))
reload_failed = Family("highest", "convscope_reload_failed", "1 where the last reload failed.")
FAMILIES = [value for value in vars().values() if isinstance(value, Family)]

_lock = threading.Lock()  # requests on threads count too
_published = Published(FAMILIES, _lock)
_registry = CollectorRegistry()
_registry.register(_published)


def finish(route: str, status: str, timed: Timings) -> None:
    """Count a request whose response is ready."""
    seconds = perf_counter() - timed.began
    with _lock:
        requests.add((route, status))
        request_seconds.observe((route,), seconds)
        for name, spent in timed.phases.items():
            phase_seconds.observe((name,), spent)


def reject(reason: str, status: int | None = None) -> None:
    """Count a request that is not worked on.

    Args:
        reason: why.
        status: of its response; None where `finish` counts that.
    """
    with _lock:
        refused.add((reason,))
        if status is not None:
            requests.add(("none", str(int(status))))


def count_answers(
    model: Model, probabilities: NDArray[np.float32], pixels: NDArray[np.generic]
) -> None:
    """Count digits that were answered.

    Args:
        model: that answered.
        probabilities: float32 (N, classes).
        pixels: what it saw, (N, H, W, C), uint8 0–255 or float32 0–1.
    """
    name, labels = model.bundle.name, model.bundle.labels
    only_name = (name,)
    flat = pixels.reshape(len(pixels), -1)
    sums = np.add.reduce(flat, axis=1, dtype=np.float64)
    brightness = sums / (flat.shape[1] * (255 if pixels.dtype == np.uint8 else 1))
    with _lock:
        for row, mean in zip(probabilities.tolist(), brightness.tolist(), strict=True):
            highest = max(row)
            predictions.add((name, labels[row.index(highest)]))
            confidence.observe(only_name, highest)
            ink.observe(only_name, mean)


def join(folder: Path, update: Callable[[], None]) -> None:
    """Publish with other workers, in a folder; `update` is called before each time."""
    _published.join(folder, update)


def publish() -> None:
    """Write this worker's counts for the others to read."""
    _published.publish()


def update_worker(state: State, running: int, waits: int) -> None:
    """Set what this worker is at the moment: its memory, its models, its load.

    Args:
        state: what is loaded.
        running: requests that threads work on.
        waits: requests that wait.
    """
    with _lock:
        if _MEMORY.exists():
            pages = int(_MEMORY.read_text().split()[1])
            worker_bytes.set((str(os.getpid()),), pages * os.sysconf("SC_PAGE_SIZE"))
        for labels in model_workers.values:
            model_workers.set(labels, 0)
        for model in state.models.loaded.values():
            bundle = model.bundle
            model_workers.set((bundle.name, str(bundle.version), bundle.sha256), 1)
        while state.results:
            reloads.add((state.results.popleft(),))
        reload_failed.set((), float(bool(state.errors)))
        in_flight.set((), running)
        waiting.set((), waits)


def exposition() -> bytes:
    """All workers' metrics in Prometheus's text format."""
    return generate_latest(_registry)

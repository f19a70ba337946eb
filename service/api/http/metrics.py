"""Define and update the Prometheus metrics; docs/operations.md explains each of them."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, generate_latest

from service.api.http.counters import Family, Published
from service.images.digit.segmentation import Place
from service.model.registry import Model, Models
from service.predictions import Prediction
from service.state import State
from service.timing import Timings

SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)
BRIGHTNESSES = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.2, 0.3, 0.5, 1)
_MEMORY = Path("/proc/self/statm")  # Linux only; its second number is the resident pages

requests = Family(
    "counter",
    "convscope_requests",
    "Number of responses, by route and status.",
    ("route", "status"),
)
request_seconds = Family(
    "histogram",
    "convscope_request_seconds",
    "Time from a request's arrival to its response.",
    ("route",),
    SECONDS,
)
phase_seconds = Family(
    "histogram", "convscope_phase_seconds", "Time of each phase of a request.", ("phase",), SECONDS
)
in_flight = Family("gauge", "convscope_requests_in_flight", "Requests running on a thread.")
waiting = Family("gauge", "convscope_requests_waiting", "Requests in a queue.")
rejected = Family(
    "counter", "convscope_requests_refused", "Number of rejected requests, by reason.", ("reason",)
)
predictions = Family(
    "counter", "convscope_predictions", "Number of predictions, by label.", ("model", "label")
)
confidence = Family(
    "histogram",
    "convscope_confidence",
    "Probability of the predicted label.",
    ("model",),
    CONFIDENCES,
)
input_brightness = Family(
    "histogram", "convscope_ink", "Mean brightness of a digit, 0–1.", ("model",), BRIGHTNESSES
)
model_workers = Family(
    "gauge",
    "convscope_model_workers",
    "Number of workers whose newest version of a model this is.",
    ("model", "version", "sha256"),
)
models_loaded = Family("gauge", "convscope_models_loaded", "Number of loaded versions.", ("model",))
model_memory = Family(
    "gauge",
    "convscope_model_memory_bytes",
    "Memory that the loaded versions of a model take.",
    ("model",),
)
model_loads = Family(
    "counter", "convscope_model_loads", "Number of times that a version was loaded.", ("model",)
)
model_evictions = Family(
    "counter",
    "convscope_model_evictions",
    "Number of times that a version was unloaded to keep the memory limit.",
    ("model",),
)
worker_bytes = Family(
    "gauge", "convscope_worker_resident_bytes", "Resident memory of a worker.", ("pid",)
)
tasks = Family(
    "gauge",
    "convscope_tasks",
    "Tasks of the event loops: of the server, and of each request until its response is sent.",
)
reloads = Family("counter", "convscope_reloads", "Number of reloads, by result.", ("result",))
reload_failed = Family("highest", "convscope_reload_failed", "1 if the last reload failed, else 0.")
FAMILIES = [value for value in vars().values() if isinstance(value, Family)]

_lock = threading.Lock()  # requests on several threads update the metrics
_published = Published(FAMILIES, _lock)
_registry = CollectorRegistry()
_registry.register(_published)


def finish(route: str, status: str, timings: Timings) -> None:
    """Count and time a request whose response is ready."""
    seconds = perf_counter() - timings.began
    with _lock:
        requests.add((route, status))
        request_seconds.observe((route,), seconds)
        for name, duration in timings.phases.items():
            phase_seconds.observe((name,), duration)


def reject(reason: str, status: int | None = None) -> None:
    """Count a rejected request.

    Args:
        reason: a label.
        status: of the response; None where `finish` counts the response.
    """
    with _lock:
        rejected.add((reason,))
        if status is not None:
            requests.add(("none", str(int(status))))


def count_predictions(
    model: Model, probabilities: NDArray[np.float32], pixels: NDArray[np.generic]
) -> None:
    """Count predictions by label, and observe their confidence and their input's brightness.

    Args:
        model: the model.
        probabilities: float32 (N, classes).
        pixels: the model's input, (N, H, W, C), uint8 0–255 or float32 0–1.
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
            input_brightness.observe(only_name, mean)


def count_segments(model: Model, segments: Sequence[Prediction]) -> None:
    """Count the predictions of a page's digits by label, and observe their confidence.

    Args:
        model: the model.
        segments: the chosen ones; operators and empty cells are not counted.
    """
    name = model.bundle.name
    with _lock:
        for each in segments:
            is_digit = isinstance(each.segment, Place) and each.segment.is_digit
            if is_digit and each.label is not None and each.confidence is not None:
                predictions.add((name, each.label))
                confidence.observe((name,), each.confidence)


def join(folder: Path, update: Callable[[], None]) -> None:
    """Publish into a folder shared by all workers; call `update` before each time."""
    _published.join(folder, update)


def publish() -> None:
    """Write this worker's metrics for the other workers to read."""
    _published.publish()


def update_worker(state: State, running: int, queued: int) -> None:
    """Set this worker's gauges: memory, tasks, models, load, reloads.

    Args:
        state: the models and the results of reloads.
        running: number of requests running on threads.
        queued: number of requests in a queue.
    """
    with _lock:
        if _MEMORY.exists():
            pages = int(_MEMORY.read_text().split()[1])
            worker_bytes.set((str(os.getpid()),), pages * os.sysconf("SC_PAGE_SIZE"))
        _update_models(state.models)
        while state.results:
            reloads.add((state.results.popleft(),))
        reload_failed.set((), float(bool(state.errors)))
        tasks.set((), _count_tasks())
        in_flight.set((), running)
        waiting.set((), queued)


def _count_tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # the worker's event loop does not run yet
        return 0


def _update_models(models: Models) -> None:
    for gauge in (model_workers, models_loaded, model_memory):
        for labels in gauge.values:
            gauge.set(labels, 0)
    for newest in models.newest():
        model_workers.set((newest.name, str(newest.number), newest.sha256), 1)
    for name, versions in models.versions().items():
        loaded = [model for each in versions if (model := each.model)]
        models_loaded.set((name,), len(loaded))
        model_memory.set((name,), sum(model.memory for model in loaded))
    while models.events:
        event, name = models.events.popleft()
        (model_loads if event == "load" else model_evictions).add((name,))


def exposition() -> bytes:
    """Return the metrics of all workers in Prometheus's text format."""
    return generate_latest(_registry)

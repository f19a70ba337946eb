"""Count in each worker's memory, and sum the metrics of all workers through files.

Counting is an addition in memory. Each worker publishes its metrics at intervals; the worker that
is scraped reads the metrics that all have published. A worker that is killed loses its last
interval.
"""

import fcntl
import logging
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import add
from pathlib import Path
from typing import Literal

import msgspec
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

Labels = tuple[str, ...]
Values = dict[Labels, list[float]]  # of a histogram: the count of each bucket, then the sum
Kind = Literal["counter", "gauge", "highest", "histogram"]
_CUMULATIVE = ("counter", "histogram")  # kept when their worker has exited
_END = float("inf")


class Family:
    """One metric.

    Attributes:
        kind: how the values of several workers are combined: `highest` takes the maximum, every
            other kind the sum; gauges of workers that have exited are dropped.
        name: the metric's name without `_total`.
        help: its help text.
        labels: the names of its labels.
        buckets: upper bounds of a histogram's buckets, the last one infinite.
        values: by the labels' values.
    """

    def __init__(
        self, kind: Kind, name: str, help_: str, labels: Labels = (), buckets: Sequence[float] = ()
    ) -> None:
        self.kind, self.name, self.help, self.labels = kind, name, help_, labels
        self.buckets = (*buckets, _END) if buckets else ()
        self.values: Values = {}

    def add(self, labels: Labels, amount: float = 1) -> None:
        """Increase a counter."""
        try:
            self.values[labels][0] += amount
        except KeyError:
            self.values[labels] = [amount]

    def set(self, labels: Labels, value: float) -> None:
        """Set a gauge."""
        self.values[labels] = [value]

    def observe(self, labels: Labels, value: float) -> None:
        """Add a value to a histogram."""
        try:
            counts = self.values[labels]
        except KeyError:
            counts = self.values[labels] = [0.0] * (len(self.buckets) + 1)
        counts[bisect_left(self.buckets, value)] += 1
        counts[-1] += value

    def metric(self, values: Values) -> Metric:
        """Convert values to prometheus_client's type."""
        if self.kind == "histogram":
            histogram = HistogramMetricFamily(self.name, self.help, labels=self.labels)
            for labels, (*counts, total) in values.items():
                cumulative = 0.0
                buckets = []
                for bound, count in zip(self.buckets, counts, strict=True):
                    cumulative += count
                    buckets.append(("+Inf" if bound == _END else str(float(bound)), cumulative))
                histogram.add_metric(labels, buckets, total)
            return histogram
        family = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        metric = family(self.name, self.help, labels=self.labels)
        for labels, (value,) in values.items():
            metric.add_metric(labels, value)
        return metric


class Published(Collector):
    """A collector that sums the metrics of all workers.

    Args:
        families: the metrics.
        lock: held while they are updated.
    """

    def __init__(self, families: Sequence[Family], lock: threading.Lock) -> None:
        self._families = {family.name: family for family in families}
        self._lock = lock
        self._folder: Path | None = None
        self._update: Callable[[], None] = lambda: None

    def join(self, folder: Path, update: Callable[[], None]) -> None:
        """Start publishing into a folder, and take over the metrics of workers that have exited.

        Args:
            folder: shared by all workers.
            update: sets the gauges; called before each publication.
        """
        self._folder, self._update = folder, update
        with _locked(folder, fcntl.LOCK_EX):
            for path in folder.glob("*.json"):
                if not _is_alive(path):
                    self._take_over(path)
            self._try_to_write(folder)

    def publish(self) -> None:
        """Write this worker's metrics for the other workers to read."""
        if self._folder is not None:
            self._write(self._folder)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, combined over all workers; called by prometheus_client."""
        if self._folder is None:  # a single process
            values = {name: family.values for name, family in self._families.items()}
        else:
            values = {name: {} for name in self._families}
            # shared, so that a worker that is stopped meanwhile does not block the others
            with _locked(self._folder, fcntl.LOCK_SH):
                self._try_to_write(self._folder)
                for path in self._folder.glob("*.json"):
                    self._merge(values, path.read_bytes(), is_alive=_is_alive(path))
        for name, family in self._families.items():
            yield family.metric(values[name])

    def _take_over(self, path: Path) -> None:
        """Add the metrics of a worker that has exited to this one's, and remove its file."""
        metrics = path.read_bytes()
        try:
            path.unlink()
        except OSError as error:  # its file still counts; the next worker tries again
            log.error("The metrics of a worker that has exited were not taken over: %s", error)
        else:
            self._merge({name: each.values for name, each in self._families.items()}, metrics)

    def _try_to_write(self, folder: Path) -> None:
        """Write this worker's metrics; where that fails, those written last remain.

        So a counter never decreases from one worker's scrape to another's.
        """
        try:
            self._write(folder)
        except OSError as error:
            log.error("Metrics were not written: %s", error)

    def _write(self, folder: Path) -> None:
        self._update()
        with self._lock:
            encoded = msgspec.json.encode(
                {name: list(family.values.items()) for name, family in self._families.items()}
            )
        temporary = folder / f"{os.getpid()}.new"
        temporary.write_bytes(encoded)
        temporary.replace(temporary.with_suffix(".json"))

    def _merge(self, into: Mapping[str, Values], metrics: bytes, *, is_alive: bool = False) -> None:
        """Add a worker's metrics; of a worker that has exited, only the cumulative ones."""
        published = msgspec.json.decode(metrics, type=dict[str, list[_Entry]])
        for name, entries in published.items():
            kind = self._families[name].kind
            if kind in _CUMULATIVE or is_alive:
                for labels, numbers in entries:
                    before = into[name].get(labels, [0.0] * len(numbers))
                    into[name][labels] = list(
                        map(max if kind == "highest" else add, before, numbers)
                    )


_Entry = tuple[Labels, list[float]]


def _is_alive(path: Path) -> bool:
    """Return whether the worker that published a file is running."""
    try:
        os.kill(int(path.stem), 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    """Keep other workers from taking over metrics; with LOCK_EX, also from reading them."""
    descriptor = os.open(folder, os.O_RDONLY)  # a file of its own could not be made on a full disk
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)

"""Count in each worker's memory, and sum the metrics of all workers through files.

Counting is an addition in memory. Each worker publishes its metrics at intervals; the worker that
is scraped reads the metrics that all have published. A worker that is killed loses its last
interval.
"""

import fcntl
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
        with _locked(folder):
            for path in folder.glob("*.json"):
                if not _is_alive(path):
                    self._merge({name: each.values for name, each in self._families.items()}, path)
                    path.unlink()
            self._write(folder)

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
            with _locked(self._folder):
                self._write(self._folder)
                for path in self._folder.glob("*.json"):
                    self._merge(values, path)
        for name, family in self._families.items():
            yield family.metric(values[name])

    def _write(self, folder: Path) -> None:
        self._update()
        with self._lock:
            encoded = msgspec.json.encode(
                {name: list(family.values.items()) for name, family in self._families.items()}
            )
        temporary = folder / f"{os.getpid()}.new"
        temporary.write_bytes(encoded)
        temporary.replace(temporary.with_suffix(".json"))

    def _merge(self, into: Mapping[str, Values], path: Path) -> None:
        """Add a worker's metrics; of a worker that has exited, only the cumulative ones."""
        published = msgspec.json.decode(path.read_bytes(), type=dict[str, list[_Entry]])
        is_alive = _is_alive(path)
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
def _locked(folder: Path) -> Iterator[None]:
    """Keep other workers from reading or taking over metrics."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

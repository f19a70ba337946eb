"""Counts in a worker's memory, added up over all workers through files.

A count is an addition in memory. Each worker publishes all its counts at intervals; whichever
worker is scraped reads what all have published. A worker that is killed loses its last interval.
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
Values = dict[Labels, list[float]]  # of a histogram the count of each bucket, then the sum
Kind = Literal["counter", "gauge", "highest", "histogram"]
_LASTING = ("counter", "histogram")  # what a worker has counted stays once it is gone
_END = float("inf")


class Family:
    """One metric.

    Attributes:
        kind: how the values of several workers become one: all are added up but the `highest`; of
            a gauge, those of workers that run.
        name: without `_total`.
        about: its help text.
        labels: the names of its labels.
        buckets: upper bounds of a histogram's buckets, the last one infinite.
        values: by the labels' values.
    """

    def __init__(
        self, kind: Kind, name: str, about: str, labels: Labels = (), buckets: Sequence[float] = ()
    ) -> None:
        self.kind, self.name, self.about, self.labels = kind, name, about, labels
        self.buckets = (*buckets, _END) if buckets else ()
        self.values: Values = {}

    def add(self, labels: Labels, amount: float = 1) -> None:
        """Add to a counter."""
        try:
            self.values[labels][0] += amount
        except KeyError:
            self.values[labels] = [amount]

    def set(self, labels: Labels, value: float) -> None:
        """Set a gauge."""
        self.values[labels] = [value]

    def observe(self, labels: Labels, value: float) -> None:
        """Count a value of a histogram."""
        try:
            counts = self.values[labels]
        except KeyError:
            counts = self.values[labels] = [0.0] * (len(self.buckets) + 1)
        counts[bisect_left(self.buckets, value)] += 1
        counts[-1] += value

    def metric(self, values: Values) -> Metric:
        """The values as prometheus_client exposes them."""
        if self.kind == "histogram":
            histogram = HistogramMetricFamily(self.name, self.about, labels=self.labels)
            for labels, (*counts, total) in values.items():
                below = 0.0
                buckets = []
                for bound, count in zip(self.buckets, counts, strict=True):
                    below += count
                    buckets.append(("+Inf" if bound == _END else str(float(bound)), below))
                histogram.add_metric(labels, buckets, total)
            return histogram
        family = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        metric = family(self.name, self.about, labels=self.labels)
        for labels, (value,) in values.items():
            metric.add_metric(labels, value)
        return metric


class Published(Collector):
    """The counts of all workers.

    Args:
        families: what is counted.
        lock: held while counting.
    """

    def __init__(self, families: Sequence[Family], lock: threading.Lock) -> None:
        self._families = {family.name: family for family in families}
        self._lock = lock
        self._folder: Path | None = None
        self._update: Callable[[], None] = lambda: None

    def join(self, folder: Path, update: Callable[[], None]) -> None:
        """Publish into a folder from now on, and take over the counts of workers that are gone.

        Args:
            folder: of all workers.
            update: sets the gauges; called before they are published.
        """
        self._folder, self._update = folder, update
        with _locked(folder):
            for path in folder.glob("*.json"):
                if not _is_alive(path):
                    self._merge({name: each.values for name, each in self._families.items()}, path)
                    path.unlink()
            self._write(folder)

    def publish(self) -> None:
        """Write this worker's counts for the others to read."""
        if self._folder is not None:
            self._write(self._folder)

    def collect(self) -> Iterator[Metric]:
        """Everything that is counted, added up over the workers; for prometheus_client."""
        if self._folder is None:  # a process that is alone
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
        fresh = folder / f"{os.getpid()}.new"
        fresh.write_bytes(encoded)
        fresh.replace(fresh.with_suffix(".json"))

    def _merge(self, into: Mapping[str, Values], path: Path) -> None:
        """Add what a worker has published; of one that is gone, not what it held at the moment."""
        published = msgspec.json.decode(path.read_bytes(), type=dict[str, list[_Entry]])
        is_alive = _is_alive(path)
        for name, entries in published.items():
            kind = self._families[name].kind
            if kind in _LASTING or is_alive:
                for labels, numbers in entries:
                    before = into[name].get(labels, [0.0] * len(numbers))
                    into[name][labels] = list(
                        map(max if kind == "highest" else add, before, numbers)
                    )


_Entry = tuple[Labels, list[float]]


def _is_alive(path: Path) -> bool:
    """Whether the worker that published a file still runs."""
    try:
        os.kill(int(path.stem), 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """No worker takes over counts while another reads them."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

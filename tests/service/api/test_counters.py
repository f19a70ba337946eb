"""Metrics of several workers, combined through files; a worker is a process id here."""

import fcntl
import itertools
import os
import resource
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from service.api.http.counters import Family, Published


class Worker:
    """One worker's metrics."""

    def __init__(self):
        self.responses = Family("counter", "responses", "about", ("route",))
        self.waiting = Family("gauge", "waiting", "about")
        self.failed = Family("highest", "failed", "about")
        self.seconds = Family("histogram", "seconds", "about", ("route",), (0.1, 1.0))
        families = [self.responses, self.waiting, self.failed, self.seconds]
        self.published = Published(families, threading.Lock())

    def samples(self):
        """Return the samples of a scrape of this worker."""
        return {
            (sample.name, *sample.labels.values()): sample.value
            for metric in self.published.collect()
            for sample in metric.samples
        }


@pytest.fixture
def process_ids():
    """Process ids of two processes that run and one that has ended; the current one is first."""
    sleeping = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    yield os.getpid(), sleeping.pid, ended.pid
    sleeping.communicate(b"\n")


def count(worker, seconds):
    """Count one response and its duration."""
    worker.responses.add(("/predict",))
    worker.seconds.observe(("/predict",), seconds)


def test_a_single_process_needs_no_folder():
    """Counters, gauges and histograms are exposed in Prometheus's format."""
    worker = Worker()
    for seconds in (0.1, 0.5, 7.0):
        count(worker, seconds)
    worker.waiting.set((), 3)
    assert worker.samples() == {
        ("responses_total", "/predict"): 3,
        ("waiting",): 3,
        ("seconds_bucket", "/predict", "0.1"): 1,
        ("seconds_bucket", "/predict", "1.0"): 2,
        ("seconds_bucket", "/predict", "+Inf"): 3,
        ("seconds_count", "/predict"): 3,
        ("seconds_sum", "/predict"): pytest.approx(7.6),
    }


def test_a_scrape_combines_all_workers(tmp_path, process_ids, monkeypatch):
    """A scrape of any worker gives the sum over all workers, and the maximum of `highest`."""
    workers = [Worker(), Worker()]
    for worker, pid, failed in zip(workers, process_ids, (0.0, 1.0), strict=False):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        worker.published.join(tmp_path, lambda: None)
        count(worker, 0.5)
        worker.waiting.set((), 2)
        worker.failed.set((), failed)
        worker.published.publish()
    samples = workers[1].samples()
    assert samples["responses_total", "/predict"] == 2
    assert samples["seconds_bucket", "/predict", "1.0"] == 2
    assert samples["waiting",] == 4
    assert samples["failed",] == 1


def test_counters_of_an_exited_worker_are_kept(tmp_path, process_ids, monkeypatch):
    """Its counters are taken over once by the next worker; its gauges are dropped."""
    running, _, ended = process_ids
    lost, survivor = Worker(), Worker()
    monkeypatch.setattr(os, "getpid", lambda: ended)
    lost.published.join(tmp_path, lambda: None)
    count(lost, 0.5)
    lost.waiting.set((), 9)
    lost.published.publish()
    monkeypatch.setattr(os, "getpid", lambda: running)
    survivor.published.join(tmp_path, lambda: None)
    for _ in range(2):
        samples = survivor.samples()
        assert samples["responses_total", "/predict"] == 1
        assert ("waiting",) not in samples
    assert [path.name for path in tmp_path.glob("*.json")] == [f"{running}.json"]


def test_a_scrape_updates_the_gauges(tmp_path):
    """The gauges are set each time that a worker publishes."""
    worker, times = Worker(), itertools.count()
    worker.published.join(tmp_path, lambda: worker.waiting.set((), next(times)))
    first, second = worker.samples(), worker.samples()
    assert second["waiting",] == first["waiting",] + 1


@contextmanager
def full_disk():
    """Let every write to a file fail in this block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_scrape_on_a_full_disk_has_what_was_published_last(tmp_path):
    """Counters never decrease, whichever worker is scraped; what is missing follows later."""
    worker = Worker()
    worker.published.join(tmp_path, lambda: None)
    count(worker, 0.5)
    worker.published.publish()
    count(worker, 0.5)
    with full_disk():
        assert worker.samples()["responses_total", "/predict"] == 1
    assert worker.samples()["responses_total", "/predict"] == 2


def test_a_worker_that_starts_on_a_full_disk_takes_over_counters(
    tmp_path, process_ids, monkeypatch
):
    """They are published as soon as there is space."""
    running, _, ended = process_ids
    lost, survivor = Worker(), Worker()
    monkeypatch.setattr(os, "getpid", lambda: ended)
    lost.published.join(tmp_path, lambda: None)
    count(lost, 0.5)
    lost.published.publish()
    monkeypatch.setattr(os, "getpid", lambda: running)
    with full_disk():
        survivor.published.join(tmp_path, lambda: None)
    assert survivor.samples()["responses_total", "/predict"] == 1


def test_a_stopped_scrape_blocks_no_other(tmp_path):
    """A worker that is stopped while it is scraped holds a lock that other scrapes share."""
    worker = Worker()
    worker.published.join(tmp_path, lambda: None)
    stopped = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(stopped, fcntl.LOCK_SH)
    assert ("responses_total", "/predict") not in worker.samples()
    os.close(stopped)

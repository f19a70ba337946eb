"""Measure the service alone: in process, with default settings, batches, workers."""

import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import requests

from benchmarks import images, wrk
from benchmarks.environments import ROOT
from benchmarks.load import Client
from benchmarks.peers import Request
from benchmarks.results import Results
from benchmarks.servers import SERVICE, Server, proportional_mib, running, start_service
from service.model.bundle import read_bundle
from service.model.engine import Engine

PREDICT = Request("/predict", images.SEVEN, "application/octet-stream")
# without compression, as wrk requests it
NPY = {"Content-Type": "application/x-npy", "Accept-Encoding": "identity"}
LARGE = 10_000  # digits in one request
BATCHES = (1, 8, 64, 512, 4096)
WORKERS = (1, 2, 4)
CLIENTS = (8, 64, 128, 256)
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # as the service sets it


def in_process(results: Results, rounds: int) -> None:
    """Measure `/predict` without a server, beside the bare graph; each round is a new process."""
    for number in range(1, rounds + 1):
        print(f"in process, round {number} of {rounds}", flush=True)
        completed = subprocess.run(
            [sys.executable, "-m", "benchmarks.in_process"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        )
        for name, times in json.loads(completed.stdout).items():
            results.add("in process µs", name.removesuffix("_us"), statistics.median(times))


def default_settings(results: Results, rounds: int) -> None:
    """Measure many clients on the service with default settings."""
    with running(start_service(workers=None)) as server:
        wrk.load(server.port, PREDICT, 8, 1)
        for number in range(1, rounds + 1):
            print(f"default settings, round {number} of {rounds}", flush=True)
            for clients in CLIENTS:
                run = wrk.load(server.port, PREDICT, clients, 2)
                results.add_run("defaults", SERVICE, clients, run)


def large_batch(results: Results, rounds: int) -> None:
    """Measure 10,000 digits in one request, and another client's latency meanwhile."""
    body = images.digits(LARGE)
    engine = Engine(read_bundle(ROOT / "models" / "mnist" / "1"))
    digits = np.load(io.BytesIO(body))[..., np.newaxis]
    with running(start_service()) as server:
        wrk.load(server.port, PREDICT, 8, 1)
        for number in range(1, rounds + 1):
            print(f"a batch of 10,000, round {number} of {rounds}", flush=True)
            alone = _other_client(server).summary()
            results.add("batch", "other p99 alone ms", alone.of(200)["p99_ms"])
            bare_s = seconds(lambda: engine.probabilities(digits))
            results.add("batch", "engine per s", LARGE / bare_s)
            batch_s = seconds(lambda: post(server, body))
            results.add("batch", "service per s", LARGE / batch_s)
            other = _other_client(server)
            end = time.monotonic() + 2
            while time.monotonic() < end:
                post(server, body)
            beside = other.summary()
            results.add("batch", "other p99 ms", beside.of(200)["p99_ms"])


def _other_client(server: Server) -> Client:
    """Start a client that sends a hundred requests a second for two seconds."""
    seven = ROOT / "tests" / "seven.png"
    return Client(server.port, body=seven, rate=100, seconds=2)


def batch_sizes(results: Results, rounds: int) -> None:
    """Measure the time of one request by the number of digits in it, beside the bare engine."""
    engine = Engine(read_bundle(ROOT / "models" / "mnist" / "1"))
    with running(start_service()) as server:
        for number in range(1, rounds + 1):
            print(f"batch sizes, round {number} of {rounds}", flush=True)
            for size in BATCHES:
                _one_size(results, engine, server, size)


def _one_size(results: Results, engine: Engine, server: Server, size: int) -> None:
    body = images.digits(size)
    digits = np.load(io.BytesIO(body))[..., np.newaxis]
    times = max(200 // size, 1)
    with requests.Session() as session:
        post(server, body, session)
        service_s = [seconds(lambda: post(server, body, session)) for _ in range(times)]
    engine_s = [seconds(lambda: engine.probabilities(digits)) for _ in range(times)]
    results.add("batch ms service", str(size), statistics.median(service_s) * 1e3)
    results.add("batch ms engine", str(size), statistics.median(engine_s) * 1e3)


def memory_by_workers(results: Results, rounds: int) -> None:
    """Measure the memory of the whole service and of one worker, after a thousand requests each."""
    for number in range(1, rounds + 1):
        for workers in WORKERS:
            print(f"memory, round {number} of {rounds}: {workers} workers", flush=True)
            with running(start_service(workers)) as server:
                wrk.load(server.port, PREDICT, 16 * workers, workers)
                each = [proportional_mib(worker) for worker in server.workers()]
                results.add("workers MiB", str(workers), server.memory_mib())
                results.add("worker MiB", str(workers), statistics.mean(each))


def cost_of_observability(results: Results, rounds: int) -> None:
    """Measure the rate with and without log, metrics and limits, side by side."""
    with (
        running(start_service()) as observed,
        running(start_service(module="benchmarks.unobserved", settings=ONE_THREAD)) as unobserved,
    ):
        for number in range(1, rounds + 1):
            print(f"cost of observability, round {number} of {rounds}", flush=True)
            for name, server in (("observed", observed), ("unobserved", unobserved)):
                run = wrk.load(server.port, PREDICT, 8, 2)
                results.add("observability", name, run.rate)


def post(server: Server, body: bytes, session: requests.Session | None = None) -> None:
    """Post a NumPy file to /predict."""
    url = f"http://127.0.0.1:{server.port}/predict"
    (session or requests).post(url, data=body, headers=NPY, timeout=60).raise_for_status()


def seconds(work: Callable[[], object]) -> float:
    """Return the time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin

"""Measure the service under overload and with slow clients."""

import math
import time

from benchmarks import images, wrk
from benchmarks.load import SEVEN, Client, predict
from benchmarks.peers import Request
from benchmarks.results import Results
from benchmarks.servers import Server, resident_mib, running, start_service
from benchmarks.slow_clients import SlowClients

PREDICT = Request("/predict", images.SEVEN, "application/octet-stream")
OVERLOAD_S = 10.0
SLOW = (("headers", 300), ("body", 300), ("last byte", 300), ("idle", 2000))


def overload(results: Results, rounds: int, seconds: float = OVERLOAD_S) -> None:
    """Measure one worker at twice its capacity, in an open loop."""
    for number in range(1, rounds + 1):
        print(f"overload, round {number} of {rounds}", flush=True)
        with running(start_service()) as server:
            wrk.load(server.port, PREDICT, 8, 1)
            capacity = wrk.load(server.port, PREDICT, 8, 3).rate
            results.add("overload", "capacity per s", capacity)
            _overload(results, server, 2 * capacity, seconds)


def _overload(results: Results, server: Server, rate: float, seconds: float) -> None:
    health = Client(server.port, path="/healthz", rate=50, seconds=seconds)
    load = Client(server.port, body=SEVEN, rate=rate, seconds=seconds).summary()
    served, rejected = load.of(200), load.of(503)
    for name, value in (
        ("served per s", served["rate"]),
        ("served p99 ms", served["p99_ms"]),
        ("refused per s", rejected["rate"]),
        ("refused p99 ms", rejected["p99_ms"]),
        ("slowest refusal ms", rejected["max_ms"]),
        ("healthz p99 ms", health.summary().of(200)["p99_ms"]),
        ("without a response", float(sum(load.failures.values()))),
        ("client behind ms", load.behind_ms),
    ):
        results.add("overload", name, value)


def slow_clients(results: Results, rounds: int) -> None:
    """Measure the effect of slow clients on eight ordinary ones and on a worker's memory."""
    for kind, count in SLOW:
        with running(start_service()) as server:
            wrk.load(server.port, PREDICT, 8, 1)
            for number in range(1, rounds + 1):
                print(f"{count} clients, {kind}, round {number} of {rounds}", flush=True)
                _beside(results, server, kind, count)


def _beside(results: Results, server: Server, kind: str, count: int) -> None:
    worker = server.workers()[0]
    before = predict(server.port, clients=8, seconds=2)
    memory = resident_mib(worker)
    slow = SlowClients(server.port, kind, count)
    during = predict(server.port, clients=8, seconds=2)
    growth = resident_mib(worker) - memory
    slow.finish()
    time.sleep(0.5)
    subject = f"slow: {kind}"
    results.add(subject, "p99 before ms", before.of(200)["p99_ms"])
    # infinite where no response arrived
    results.add(subject, "p99 during ms", during.of(200)["p99_ms"] or math.inf)
    results.add(subject, "rate before", before.of(200)["rate"])
    results.add(subject, "rate during", during.of(200)["rate"])
    results.add(subject, "growth MiB", growth)

"""The same fuzz, bombs, drain and overload for any server."""

import asyncio
import http.client
import multiprocessing
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.client import closed_loop
from benchmarks.servers import STOP_TIMEOUT_S, Server, resident_mib, running
from torture.fuzz import mutated
from torture.seeds import Seed

_SEED = 8
_WARM = 500  # bodies after which memory is compared
_CHECK_EVERY = 100  # bodies, whether a process has died
_CLIENTS = 8
_PATIENCE_S = 60
_DYING_S = 1
_HEALTH_EVERY_S = 0.05
GROWTH = f"fuzz: memory at the end ÷ after {_WARM}"


@dataclass(frozen=True)
class Subject:
    """A server to test.

    Attributes:
        start: starts it.
        health: the path of its liveness.
        seeds: requests that it answers with 200; the first is the load.
        bombs: each builds a request, by what is in it.
    """

    start: Callable[[], Server]
    health: str
    seeds: list[Seed]
    bombs: Mapping[str, Callable[[], Seed]]


@dataclass
class _Watched:
    """A running server whose processes are watched; it is started again where it has exited."""

    subject: Subject
    server: Server
    died: int = 0
    restarts: int = 0
    processes: set[int] = field(default_factory=set)

    def warm_up(self) -> None:
        """Send each unchanged request."""
        for seed in self.subject.seeds:
            status = self.post(seed.path, seed.body, seed.headers)
            if status != 200:
                raise RuntimeError(f"The unchanged {seed.name} got {status}")
        self.processes = set(self.server.processes())

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Return the status of the response, 0 where there is none.

        Each request has a connection of its own: uvicorn closes one after an exception, without
        notice, and the next request on it would fail through no fault of its body.
        """
        address = ("127.0.0.1", self.server.port)
        with closing(http.client.HTTPConnection(*address, timeout=_PATIENCE_S)) as connection:
            try:
                connection.request("POST", path, body, dict(headers))
                response = connection.getresponse()
                response.read()
            except (http.client.HTTPException, OSError):
                return 0
            return response.status

    def check(self, is_answered: bool) -> None:
        """Count the processes that have died; one that did not answer may be about to."""
        with suppress(subprocess.TimeoutExpired):
            self.server.process.wait(0 if is_answered else _DYING_S)
        exited = self.server.process.returncode is not None
        now = set() if exited else set(self.server.processes())
        self.died += len(self.processes - now)
        if exited:
            self.restarts += 1
            self.server = self.subject.start()
            now = set(self.server.processes())
        self.processes = now


@contextmanager
def _watched(subject: Subject) -> Iterator[_Watched]:
    watched = _Watched(subject, subject.start())
    try:
        watched.warm_up()
        yield watched
    finally:
        watched.server.stop()


def fuzz(subject: Subject, count: int) -> dict[str, float | None]:
    """Send mutated bodies, the same mutations in the same order for each server."""
    rng = random.Random(_SEED)
    kinds = dict.fromkeys((0, 2, 4, 5), 0)
    with _watched(subject) as watched:
        warm = 0.0
        for index in range(count):
            seed = subject.seeds[index % len(subject.seeds)]
            body, headers = mutated(rng, seed, subject.seeds)
            status = watched.post(seed.path, body, headers)
            kinds[status // 100] = kinds.get(status // 100, 0) + 1
            if status == 0 or index % _CHECK_EVERY == 0:
                watched.check(status != 0)
            if index == _WARM:
                warm = watched.server.memory_mib()
        watched.check(is_answered=True)
        is_comparable = warm and not watched.restarts
        growth = watched.server.memory_mib() / warm if is_comparable else None
    return {
        "fuzz: bodies": count,
        "fuzz: answered with 200": kinds[2],
        "fuzz: refused with 4xx": kinds[4],
        "fuzz: answered with 5xx": kinds[5],
        "fuzz: not answered": kinds[0],
        "fuzz: processes that died": watched.died,
        GROWTH: growth,
    }


def bombs(subject: Subject, times: int) -> dict[str, float | None]:
    """Send each bomb a few times; the shortest time and the most memory count."""
    figures: dict[str, float | None] = {}
    kinds = dict.fromkeys((0, 2, 4, 5), 0)
    with _watched(subject) as watched:
        for name, build in subject.bombs.items():
            bomb, died, seconds, more = build(), watched.died, [], []
            for _ in range(times):
                before = {process: _reset_peak(process) for process in watched.processes}
                begin = time.perf_counter()
                status = watched.post(bomb.path, bomb.body, bomb.headers)
                seconds.append(time.perf_counter() - begin)
                more.append(sum(_peak(process) - before[process] for process in before))
                kinds[status // 100] += 1
                watched.check(status != 0)
            figures[f"{name}: ms"] = min(seconds) * 1000
            # what a process had when it died is not known
            figures[f"{name}: MiB more"] = max(more) if watched.died == died else None
    worst = {
        f"bombs, the worst: {unit}": max(
            value for name, value in figures.items() if name.endswith(unit) and value is not None
        )
        for unit in ("ms", "MiB more")
    }
    return {
        **figures,
        **worst,
        "bombs: refused with 4xx": kinds[4],
        "bombs: answered with 200": kinds[2],
        "bombs: answered with 5xx": kinds[5],
        "bombs: not answered": kinds[0],
        "bombs: processes that died": watched.died,
    }


def _reset_peak(process: int) -> float:
    """Forget the largest memory that a process has had; return what it has now."""
    try:
        Path(f"/proc/{process}/clear_refs").write_text("5")
        return resident_mib(process)
    except (OSError, IndexError):  # it has exited
        return 0.0


def _peak(process: int) -> float:
    try:
        return resident_mib(process, "VmHWM")
    except (OSError, IndexError):  # it has exited
        return 0.0


def drain(subject: Subject, times: int) -> dict[str, float | None]:
    """Stop the server by SIGTERM while clients send one request after the other."""
    before = cut = after = 0
    exits = []
    for _ in range(times):
        with running(subject.start()) as server:
            requests: list[tuple[float, int]] = []
            arguments = (server.port, subject.seeds[0], requests)
            clients = [threading.Thread(target=_client, args=arguments) for _ in range(_CLIENTS)]
            for client in clients:
                client.start()
            time.sleep(1)
            signalled = time.monotonic()
            server.stop()
            exits.append(time.monotonic() - signalled)
            for client in clients:
                client.join()
        before += sum(begun < signalled for begun, _ in requests)
        cut += sum(begun < signalled and status != 200 for begun, status in requests)
        after += sum(begun >= signalled and status == 0 for begun, status in requests)
    return {
        "drain: signals": times,
        "drain: requests begun before the signal": before,
        "drain: of these not answered with 200": cut,
        "drain: begun later on an open connection and not answered": after,
        f"drain: longest seconds until the exit; killed after {STOP_TIMEOUT_S:.0f}": max(exits),
    }


def _client(port: int, seed: Seed, requests: list[tuple[float, int]]) -> None:
    """Record begin and status of requests, status 0 without an answer, until none connects."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    while True:
        try:
            if connection.sock is None:
                connection.connect()
        except OSError:
            return
        begin = time.monotonic()
        try:
            connection.request("POST", seed.path, seed.body, seed.headers)
            response = connection.getresponse()
            response.read()
            requests.append((begin, response.status))
        except (http.client.HTTPException, OSError):
            requests.append((begin, 0))
            connection.close()


def overload(subject: Subject, counts: Sequence[int], seconds: float) -> dict[str, float | None]:
    """Send from many connections without a pause, and ask for the server's health meanwhile."""
    figures: dict[str, float | None] = {}
    spawn = multiprocessing.get_context("spawn")
    with running(subject.start()) as server, ProcessPoolExecutor(1, spawn) as pool:
        load = partial(_load, server.port, subject.seeds[0])
        alone = pool.submit(load, _CLIENTS, seconds).result()
        figures[f"{_CLIENTS} connections: answered with 200 per s"] = alone["served"] / seconds
        for count in counts:
            pending = pool.submit(load, count, seconds)
            times = []
            while not pending.done():
                begin = time.monotonic()
                times.append(_health_ms(server.port, subject.health))
                time.sleep(max(begin + _HEALTH_EVERY_S - time.monotonic(), 0))
            found = pending.result()
            every = found["served"] + found["refused"] + found["other"]
            named = {
                "answered with 200 per s": found["served"] / seconds,
                "answered with 200, %": found["served"] / every * 100,
                "refused with 503, %": found["refused"] / every * 100,
                "neither": found["other"],
                "p99 of those answered with 200, ms": found["p99"],
                "p99 of the health check, ms": float(np.quantile(times, 0.99)),
            }
            figures |= {f"{count} connections: {name}": value for name, value in named.items()}
    return figures


def _load(port: int, seed: Seed, connections: int, seconds: float) -> dict[str, float]:
    """Run in a process of its own."""
    headers = {"Host": "a", "Content-Length": str(len(seed.body)), **seed.headers}
    lines = [f"POST {seed.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    payload = "\r\n".join([*lines, "", ""]).encode() + seed.body
    responses = asyncio.run(closed_loop(port, payload, connections, seconds))
    statuses = responses.statuses
    served, refused = statuses.pop(200, 0), statuses.pop(503, 0)
    times = responses.times_ms()
    return {
        "served": served,
        "refused": refused,
        "other": statuses.total() + len(responses.failures),
        "p99": float(np.quantile(times, 0.99)) if times else float("nan"),
    }


def _health_ms(port: int, path: str) -> float:
    """Return the milliseconds of a health check, or of the timeout where none is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    begin = time.monotonic()
    try:
        connection.request("GET", path)
        healthy = connection.getresponse().status == 200
    except (http.client.HTTPException, OSError):
        healthy = False
    finally:
        connection.close()
    return (time.monotonic() - begin) * 1000 if healthy else _PATIENCE_S * 1000.0

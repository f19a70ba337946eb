"""Faults of processes, disks, bundles, the clock, memory and Redis, under steady load.

Each client has at most one request in flight. A request that fails is the fault's own if its
connection belonged to a process that was killed; every other one is a failure beyond.
"""

import io
import json
import os
import random
import resource
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import requests

from benchmarks.servers import free_port
from service.model.checksums import write_manifest
from torture.clock import set_clock
from torture.faulty import WORKERS, Tested, client_ports, service
from torture.row import Figure, Row
from torture.seeds import Seed

KILLS_S = 60
STOPPED_S = 10
CLOCK_S = 40  # longer than gunicorn's timeout of a worker
_SEED = 18
_SPARE = 100 * 2**20  # bytes that a limited worker may take besides
_LARGE, _SENDERS = 900, 4  # digits of a request: their activations take 78 MB
_IDLE = 100  # connections
_MOST_MS = 5_000
_REDIS_MS = 35_000  # flask-limiter tries again after 1, 2, 4 … 32 s
_LISTED = 3  # failures of a fault that are printed
_METRICS = Seed("metrics", "/metrics", b"")

Fault = Callable[[Tested, float], float]  # returns the seconds until the service had recovered


def run(share: float) -> list[Figure]:
    """Try one fault after the other; each begins once the one before has been recovered from."""
    figures: list[Figure] = []
    with service({}) as tested:
        for name, fault in FAULTS.items():
            figures += _try(name, fault, tested, share)
    if not shutil.which("redis-server"):
        print("  Redis is not tried, because there is no redis-server.", flush=True)
        return figures
    redis = _Redis()
    storage = f"redis://127.0.0.1:{redis.port}"
    limits = {"CONVSCOPE_RATE_LIMIT": "100000/second", "CONVSCOPE_RATE_LIMIT_STORAGE": storage}
    try:
        with service(limits) as tested:
            figures += _try("Redis stopped, killed", redis, tested, share, _REDIS_MS)
    finally:
        redis.stop()
    return figures


def _try(
    name: str, fault: Fault, tested: Tested, share: float, most_ms: int = _MOST_MS
) -> list[Figure]:
    print(f"  {name} …", flush=True)
    # each scrape opens files, which is impossible without descriptors
    with tested.loaded([] if fault is _descriptors else [_METRICS]) as load:
        time.sleep(0.5)
        recovered_s = fault(tested, share)
        time.sleep(0.5)
    beyond, idle = load.beyond(), load.idle()
    for reason, count in Counter(each.reason for each in beyond).most_common(_LISTED):
        print(f"    {count} times: {reason}", flush=True)
    return [
        Figure(f"{name}: requests", load.requests()),
        Figure(f"{name}: refused as overloaded, to be sent again", len(load.refused)),
        Figure(f"{name}: failed", len(load.failures) - idle),
        Figure(f"{name}: idle connections closed", idle),
        Figure(f"{name}: failed beyond those in flight on the victim", len(beyond), 0),
        Figure(f"{name}: recovered after: ms", recovered_s * 1000, most_ms),
    ]


def _kill(tested: Tested, share: float) -> float:
    """Kill one or both workers at random moments."""
    rng = random.Random(_SEED)
    longest, end = 0.0, time.monotonic() + KILLS_S * share
    while time.monotonic() < end:
        victims = rng.sample(tested.server.workers(), rng.choice((1, 1, 2)))
        for victim in victims:
            tested.kill(victim)
        longest = max(longest, tested.recovery_s(victims))
        time.sleep(rng.random())
    return longest


def _stop(tested: Tested, share: float) -> float:
    """Stop a worker, and continue it."""
    victim = tested.server.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    time.sleep(max(STOPPED_S * share, 1))
    os.kill(victim, signal.SIGCONT)
    return tested.recovery_s()


def _disk_full(tested: Tested, share: float) -> float:
    """Let every write to a file fail, also those of a worker that starts meanwhile."""
    return _without_writes(
        tested,
        share,
        lambda is_full: tested.limit(resource.RLIMIT_FSIZE, 0 if is_full else None),
    )


def _read_only(tested: Tested, share: float) -> float:
    """Take away write permission from the folder of temporary files and metrics."""

    def change(is_read_only: bool) -> None:
        for path in (tested.folder / "tmp", *(tested.folder / "tmp").rglob("*")):
            mode = path.stat().st_mode | stat.S_IWUSR
            path.chmod(mode & ~stat.S_IWUSR if is_read_only else mode)

    return _without_writes(tested, share, change)


def _without_writes(tested: Tested, share: float, change: Callable[[bool], None]) -> float:
    change(True)
    time.sleep(max(10 * share, 1))
    victim = tested.server.workers()[0]
    tested.kill(victim)
    time.sleep(max(10 * share, 3))
    change(False)
    begin = time.time()
    size = (tested.folder / "tmp" / "log").stat().st_size

    def is_written() -> bool:
        published = (tested.folder / "tmp").glob("convscope-metrics-*/*.json")
        recent = [path for path in published if path.stat().st_mtime > begin]
        is_logged = (tested.folder / "tmp" / "log").stat().st_size > size
        return is_logged and len(recent) == WORKERS

    return tested.recovery_s([victim], is_written)


def _bundles(tested: Tested, share: float) -> float:
    """Truncate, delete and replace the files of the default model, and restore them."""
    folder = tested.folder / "models" / "mnist" / "1"
    kept = tested.folder / "kept"
    longest = 0.0
    for damage in (_truncate, shutil.rmtree, _overwrite, _replace):
        shutil.copytree(folder, kept)
        damage(folder)
        time.sleep(max(5 * share, 1))
        tested.server.process.send_signal(signal.SIGHUP)
        time.sleep(max(5 * share, 2))
        shutil.rmtree(folder, ignore_errors=True)
        kept.rename(folder)
        tested.server.process.send_signal(signal.SIGHUP)
        healed = tested.recovery_s(is_ready=lambda: "reload_failed 0.0" in tested.get("/metrics"))
        longest = max(longest, healed)
    return longest


def _truncate(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)


def _overwrite(folder: Path) -> None:
    """Replace what files hold by zeros, in place."""
    for path in folder.iterdir():
        if path.is_file():
            path.write_bytes(bytes(path.stat().st_size))


def _replace(folder: Path) -> None:
    """Replace the folder by one whose manifest differs, and whose values are the same."""
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    manifest = json.loads((other / "manifest.json").read_text())
    write_manifest(other, {**manifest, "replaced": True})
    shutil.rmtree(folder)
    other.rename(folder)


def _clock(tested: Tested, share: float) -> float:
    """Set the wall clock an hour ahead, two hours back, and right again."""
    for seconds in (3600, -3600):
        set_clock(tested.folder / "clock", seconds)
        time.sleep(CLOCK_S * share)
    set_clock(tested.folder / "clock", 0)
    return tested.recovery_s()


def _descriptors(tested: Tested, share: float) -> float:
    """Leave workers a few file descriptors, which idle connections take; release them."""
    for pid in tested.server.workers():
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        most = len(list(Path(f"/proc/{pid}/fd").iterdir())) + 8
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))
    idle = [socket.create_connection(("127.0.0.1", tested.server.port)) for _ in range(_IDLE)]
    time.sleep(max(9 * share, 2))  # unless they are released, the service closes them after 10 s
    for each in idle:
        each.close()
    recovered_s = tested.recovery_s()
    tested.limit(resource.RLIMIT_NOFILE, None)
    return recovered_s


def _memory(tested: Tested, share: float) -> float:
    """Limit the memory of a worker, and send requests that need more."""
    victim = tested.server.workers()[0]
    _, hard = resource.prlimit(victim, resource.RLIMIT_AS)
    size = int(Path(f"/proc/{victim}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(victim, resource.RLIMIT_AS, (size + _SPARE, hard))
    digits = io.BytesIO()
    np.save(digits, np.zeros((_LARGE, 28, 28), np.uint8))
    ports = set(client_ports(victim))

    def send(_: int) -> None:
        url = f"http://127.0.0.1:{tested.server.port}/activations?layers=conv2d&format=npz"
        headers = {"Content-Type": "application/x-npy"}
        with suppress(requests.RequestException):  # the worker may die of it
            requests.post(url, digits.getvalue(), headers=headers, timeout=60)

    with ThreadPoolExecutor(_SENDERS) as pool:
        pending = [pool.submit(send, i) for i in range(max(int(40 * share), 2 * _SENDERS))]
        while not all(each.done() for each in pending):
            with suppress(OSError):  # it has died
                ports |= client_ports(victim)
    tested.load.lose(ports)
    recovered_s = tested.recovery_s()
    tested.limit(resource.RLIMIT_AS, None)
    return recovered_s


class _Redis:
    """A Redis in which a service counts requests: stopped, continued, killed and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process = self._start()

    def __call__(self, tested: Tested, share: float) -> float:
        """Do so; return the seconds until the service counts in it again."""
        seconds = max(5 * share, 1.5)
        self._process.send_signal(signal.SIGSTOP)  # connections are accepted, nothing is answered
        time.sleep(seconds)
        self._process.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        self.stop()
        time.sleep(seconds)
        self._process = self._start()
        return tested.recovery_s(is_ready=self._counts)

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def _counts(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"DBSIZE\r\n")
            return connection.recv(99) != b":0\r\n"
        return False


FAULTS: dict[str, Fault] = {
    "kill -9 of workers": _kill,
    "SIGSTOP of a worker": _stop,
    "disk full": _disk_full,
    "read-only disk": _read_only,
    "bundle truncated, deleted, replaced": _bundles,
    "clock jumps": _clock,
    "no file descriptors": _descriptors,
    "memory limit": _memory,
}

ROW = Row(
    "After a fault the service recovers by itself; only requests in flight on the victim fail.", run
)

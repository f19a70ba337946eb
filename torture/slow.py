"""Clients that read large answers slowly, that leave in the middle of one, or that send nothing."""

import io
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from statistics import median

import numpy as np

from benchmarks.client import encode
from benchmarks.slow_clients import SlowClients
from torture.row import Figure, Row
from torture.seeds import digits, seeds
from torture.target import Target, target

_ROUNDS = 10
_SECONDS, _WARM_S = 4.0, 1.0  # of each kind in a round; in each of the rounds before
_WARM_ROUNDS = 2  # so that models are loaded, and as many threads and interpreters as are needed
_OTHERS = 4  # clients whose requests are timed
_RATE = 200.0  # requests a second that they send together
_SLOWER = 1.5
_GROWTH = 1.03
_IMAGES = 50  # their values are 7.5 MB; those of one image of the largest model 79 MB
_LARGEST = "efficientnet-lite0"
_READ, _PAUSE_S = 8_192, 0.1  # bytes that a slow client reads, and the time until it reads again
_ANSWER_S = 0.5  # time between two large answers of a worker
_END = b"\r\n0\r\n\r\n"  # of a body in chunks
_IDLE = 2_000
_SETTLED_S = 1.0  # until workers have noticed closed connections, and published their metrics
_RESET = struct.pack("ii", 1, 0)  # for SO_LINGER: closing resets the connection

Kinds = dict[str, Callable[[], AbstractContextManager[None]]]


def run(share: float) -> list[Figure]:
    """Time other clients' requests without slow clients and beside each kind, in turns.

    What computing a large answer costs the others is not what leaving costs: clients that leave are
    compared with clients that read the same answers to the end.
    """
    rounds, connections = max(round(_ROUNDS * share), 1), max(int(_IDLE * share), 100)
    with target() as tested:
        idle = f"{connections:,} idle connections"
        kinds: Kinds = {
            "nothing": nullcontext,
            "slow readers": lambda: _slow_readers(tested),
            idle: lambda: _idle(tested, connections),
            "clients that stay": lambda: _large_answers(tested, _stay),
            "clients that leave": lambda: _large_answers(tested, _leave),
        }
        for _ in range(_WARM_ROUNDS):
            _round(tested, kinds, _WARM_S)
        before = tested.usage()
        p99_ms: dict[str, list[float]] = {name: [] for name in kinds}
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", flush=True)
            order = sorted(kinds, reverse=number % 2 == 1)
            ordered = {name: kinds[name] for name in order}
            for name, each in _round(tested, ordered, max(_SECONDS * share, _WARM_S)).items():
                p99_ms[name].append(each)
        after = tested.usage()
    # the median of all rounds, because the machine may be busy in some
    ms = {name: median(each) for name, each in p99_ms.items()}
    stay, leave = ms["clients that stay"], ms["clients that leave"]
    return [
        Figure("p99 of other requests: ms", ms["nothing"]),
        *(
            Figure(f"p99 beside {name} ÷ without them", ms[name] / ms["nothing"], _SLOWER)
            for name in ("slow readers", idle)
        ),
        Figure("p99 beside large answers ÷ without them", stay / ms["nothing"]),
        Figure("p99 beside them if their clients leave ÷ if they stay", leave / stay, _SLOWER),
        Figure("memory afterwards ÷ before", after.memory_mib / before.memory_mib, _GROWTH),
        Figure("open files, more than before", after.files - before.files, 0),
        Figure("threads, more than before", after.threads - before.threads, 0),
        Figure("tasks, more than before", after.tasks - before.tasks, 0),
        Figure("faults", sum(tested.faults.values()), 0),
        *(Figure(f"of these: {fault}", number) for fault, number in tested.faults.items()),
    ]


def _round(tested: Target, kinds: Kinds, seconds: float) -> dict[str, float]:
    """Return the p99 of other clients' requests beside each kind, in milliseconds."""
    p99_ms = {}
    for name, slow in kinds.items():
        with slow():
            p99_ms[name] = float(np.quantile(_others(tested, seconds), 0.99)) * 1000
        time.sleep(_SETTLED_S)
    return p99_ms


def _others(tested: Target, duration: float) -> list[float]:
    """Send requests at a fixed rate over connections to every worker; return their seconds."""
    workers = tested.server.workers()
    images = digits(_OTHERS)
    connections = [tested.connect_to(workers[i % len(workers)]) for i in range(_OTHERS)]
    begin, period = time.perf_counter(), _OTHERS / _RATE

    def client(index: int) -> list[float]:
        seconds = []
        due = begin + index * period / _OTHERS
        while due < begin + duration:
            time.sleep(max(due - time.perf_counter(), 0))
            sent = time.perf_counter()
            connections[index].request("POST", "/predict", images[index])
            response = connections[index].getresponse()
            response.read()
            seconds.append(time.perf_counter() - sent)
            if response.status != 200:
                tested.note(f"another client got {response.status}")
            due += period
        connections[index].close()
        return seconds

    with ThreadPoolExecutor(_OTHERS) as pool:
        return [second for each in pool.map(client, range(_OTHERS)) for second in each]


@contextmanager
def _slow_readers(tested: Target) -> Iterator[None]:
    """Read large answers of every worker slowly; close half of the connections with a reset."""
    readers = [
        _ask(tested, worker, request)
        for worker in tested.server.workers()
        for request in (_many_images(), _many_images(), _largest_model())
    ]
    for reader in readers:  # so that the kernel does not read for them
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _READ)
    stopped = threading.Event()

    def read() -> None:
        while not stopped.wait(_PAUSE_S):
            for reader in readers:
                reader.recv(_READ)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        yield
        stopped.set()
        reading.result()
    for index, reader in enumerate(readers):
        _leave(reader, index % 2 == 0)


@contextmanager
def _large_answers(tested: Target, end: Callable[[socket.socket, bool], None]) -> Iterator[None]:
    """Ask every worker in turn for a large answer, and end each connection once it has begun."""
    stopped = threading.Event()

    def ask() -> None:
        count = 0
        while not stopped.wait(_ANSWER_S):
            for worker in tested.server.workers():
                end(_ask(tested, worker, _many_images()), count % 2 == 0)
            count += 1

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        yield
        stopped.set()
        asking.result()


@contextmanager
def _idle(tested: Target, count: int) -> Iterator[None]:
    """Hold connections that send nothing."""
    clients = SlowClients(tested.server.port, "idle", count)
    yield
    clients.finish()


def _many_images() -> bytes:
    """Return a request for every layer's values of many digits."""
    body = io.BytesIO()
    np.save(body, np.zeros((_IMAGES, 28, 28), np.uint8))
    path = "/activations?layers=all&format=npz"
    return encode("POST", path, body.getvalue(), "application/x-npy")


def _largest_model() -> bytes:
    """Return a request for every layer's values of one image of the largest model."""
    path = f"/activations?layers=all&format=npz&model={_LARGEST}"
    return encode("POST", path, seeds()[0].body, "image/png")


def _ask(tested: Target, worker: int, request: bytes) -> socket.socket:
    """Send a request to a worker; return the connection when its answer has begun."""
    asked: socket.socket = tested.connect_to(worker).sock
    asked.sendall(request)
    head = asked.recv(_READ)
    if not head.startswith(b"HTTP/1.1 200"):
        tested.note(f"a slow client got {head[:12]!r}")
    return asked


def _stay(asked: socket.socket, _: bool) -> None:
    """Read the answer to its end."""
    end = b""
    while not end.endswith(_END) and (data := asked.recv(2**18)):
        end = end[-len(_END) :] + data
    asked.close()


def _leave(asked: socket.socket, with_reset: bool) -> None:
    """Close a connection on which data are still to come."""
    if with_reset:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    else:
        asked.shutdown(socket.SHUT_RDWR)  # the kernel sends FIN, and a reset for what still comes
    asked.close()


ROW = Row("Slow, leaving and idle clients cost the others little, and the workers nothing.", run)

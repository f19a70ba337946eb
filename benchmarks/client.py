"""Generate HTTP load in a process of its own: in a closed loop, or in an open loop for overload.

Closed loop: a number of clients, each of which sends its next request after its response. Open
loop: a fixed rate of requests, independent of the responses. Latencies count from the time at which
a request was due, so that a client that falls behind does not hide a slow server.

`python -m benchmarks.client --help` prints its flags; it writes one line of JSON.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

TIMEOUT_S = 10.0  # of responses, after the last request
TICK_S = 0.001  # between two checks for requests that are due
MAX_CONNECTIONS = 4000
FIRST_CONNECTIONS = 128  # opened before an open loop starts


@dataclass
class Responses:
    """The responses and failures of all clients.

    Attributes:
        received: of each response: its arrival (monotonic seconds), status and latency in seconds.
        failures: the error of each request without a response.
        behind_s: the largest delay of a request after it was due.
    """

    received: list[tuple[float, int, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    behind_s: float = 0.0

    @property
    def statuses(self) -> Counter[int]:
        """Number of responses by status."""
        return Counter(status for _, status, _ in self.received)

    def times_ms(self, status: int = 200) -> list[float]:
        """Return the latency in milliseconds of each response with a status."""
        return [seconds * 1e3 for _, each, seconds in self.received if each == status]


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request in flight.

    Args:
        payload: the whole request.
        responses: where the responses are recorded.
        free: called when the connection can take another request.
    """

    def __init__(
        self, payload: bytes, responses: Responses, free: Callable[["Connection"], None]
    ) -> None:
        self._payload, self._responses, self._free = payload, responses, free
        self._transport: asyncio.Transport | None = None
        self._due: float | None = None  # of the request in flight
        self._buffer = b""

    @property
    def is_open(self) -> bool:
        """Whether it can take another request."""
        return self._transport is not None

    async def connect(self, port: int) -> None:
        """Open the connection."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", port)

    async def connect_and_send(self, port: int, due: float) -> None:
        """Open the connection and send a request that was due at that monotonic time."""
        try:
            await self.connect(port)
        except OSError as error:
            self._responses.failures.append(type(error).__name__)
            self._free(self)
        else:
            self.send(due)

    def send(self, due: float) -> None:
        """Send a request that was due at that monotonic time."""
        assert self._transport is not None  # noqa: S101
        self._due = due
        self._responses.behind_s = max(self._responses.behind_s, time.monotonic() - due)
        self._transport.write(self._payload)

    def data_received(self, data: bytes) -> None:
        """Record the response when it is complete."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or self._due is None:
            return
        head = head.lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) < length:
            return
        now = time.monotonic()
        self._responses.received.append((now, int(head[9:12]), now - self._due))
        self._buffer, self._due = b"", None
        if b"connection: close" in head:
            self.close()
        self._free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Record a failure where a response is missing."""
        was_waiting, self._due, self._transport, self._buffer = self._due, None, None, b""
        if was_waiting is not None:
            self._responses.failures.append(type(exc).__name__ if exc else "closed")
            self._free(self)

    def close(self) -> None:
        """Close the connection; a request in flight is a failure."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


async def closed_loop(port: int, payload: bytes, clients: int, seconds: float) -> Responses:
    """Send requests from a number of clients without pauses."""
    responses = Responses()
    end = time.monotonic() + seconds
    tasks: set[asyncio.Task[None]] = set()
    active = set[Connection]()

    def send_next(connection: Connection) -> None:
        if time.monotonic() >= end:
            active.discard(connection)
            connection.close()
        elif connection.is_open:
            connection.send(time.monotonic())
        else:
            task = asyncio.create_task(connection.connect_and_send(port, time.monotonic()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    for _ in range(clients):
        connection = Connection(payload, responses, send_next)
        active.add(connection)
        send_next(connection)
    while active and time.monotonic() < end + TIMEOUT_S:
        await asyncio.sleep(0.02)
    for connection in list(active):
        connection.close()
    await asyncio.sleep(0)
    return responses


class OpenLoop:
    """Requests at a fixed rate, on as many connections as needed.

    Args:
        port: of a server on 127.0.0.1.
        payload: the whole request.
    """

    def __init__(self, port: int, payload: bytes) -> None:
        self._port, self._payload = port, payload
        self._responses = Responses()
        self._idle: list[Connection] = []
        self._busy = set[Connection]()
        self._tasks = set[asyncio.Task[None]]()

    async def run(self, rate: float, seconds: float) -> Responses:
        """Send requests for a duration, then wait for the remaining responses."""
        for _ in range(FIRST_CONNECTIONS):
            connection = self._new_connection()
            await connection.connect(self._port)
            self._idle.append(connection)
        begin, count = time.monotonic(), 0
        while (elapsed := time.monotonic() - begin) < seconds:
            for _ in range(int(elapsed * rate) - count):
                count += 1
                self._send(begin + count / rate)
            await asyncio.sleep(TICK_S)
        end = time.monotonic() + TIMEOUT_S
        while self._busy and time.monotonic() < end:
            await asyncio.sleep(0.02)
        for connection in [*self._busy, *self._idle]:
            connection.close()
        await asyncio.sleep(0)
        return self._responses

    def _new_connection(self) -> Connection:
        return Connection(self._payload, self._responses, self._release)

    def _release(self, connection: Connection) -> None:
        self._busy.discard(connection)
        if connection.is_open:
            self._idle.append(connection)

    def _send(self, due: float) -> None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                self._busy.add(connection)
                connection.send(due)
                return
        if len(self._busy) >= MAX_CONNECTIONS:
            self._responses.failures.append("no connection left")
            return
        connection = self._new_connection()
        self._busy.add(connection)
        task = asyncio.create_task(connection.connect_and_send(self._port, due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def encode(method: str, path: str, body: bytes = b"", content_type: str = "") -> bytes:
    """Return a request's bytes."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if body:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def summarise(responses: Responses, seconds: float) -> dict[str, object]:
    """Return counts, and for each status the rate and the percentiles in milliseconds."""
    statuses = {}
    for status, count in sorted(responses.statuses.items()):
        times = responses.times_ms(status)
        p50, p99 = np.quantile(times, [0.5, 0.99])
        figures = {"p50_ms": p50, "p99_ms": p99, "max_ms": max(times)}
        statuses[str(status)] = {"count": count, "rate": count / seconds, **figures}
    failures = dict(Counter(responses.failures))
    return {"statuses": statuses, "failures": failures, "behind_ms": responses.behind_s * 1e3}


def main() -> None:
    """Send the load that the flags describe and print its summary."""
    parser = argparse.ArgumentParser(description="Send load to a server on 127.0.0.1.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/predict")
    parser.add_argument("--body", type=Path, help="a file to POST; without it the request is a GET")
    parser.add_argument("--content-type", default="application/octet-stream")
    parser.add_argument("--seconds", type=float, default=2.0)
    loop = parser.add_mutually_exclusive_group(required=True)
    loop.add_argument("--clients", type=int, help="closed loop: number of clients")
    loop.add_argument("--rate", type=float, help="open loop: requests per second")
    flags = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if flags.body:
        payload = encode("POST", flags.path, flags.body.read_bytes(), flags.content_type)
    else:
        payload = encode("GET", flags.path)
    if flags.clients:
        load = closed_loop(flags.port, payload, flags.clients, flags.seconds)
    else:
        load = OpenLoop(flags.port, payload).run(flags.rate, flags.seconds)
    json.dump(summarise(asyncio.run(load), flags.seconds), sys.stdout)


if __name__ == "__main__":
    main()

"""Clients for the benchmarks, all on one thread, so that they do not disturb each other."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

TIMED_OUT_S = 10.0  # that no answer may take


@dataclass
class Seen:
    """What clients met.

    Attributes:
        answers: of each answer, when it came (monotonic seconds), its status, its seconds.
        failures: what went wrong where there was no answer.
    """

    answers: list[tuple[float, int, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def statuses(self) -> dict[int, int]:
        """How often each came."""
        return dict(Counter(status for _, status, _ in self.answers))

    def seconds(self, status: int = 200) -> list[float]:
        """How long the answers of a status took."""
        return [seconds for _, found, seconds in self.answers if found == status]

    def p99(self, status: int = 200) -> float:
        """99 of 100 answers of that status took no longer, seconds."""
        return float(np.quantile(self.seconds(status) or [np.nan], 0.99))


class Client(asyncio.Protocol):
    """One kept connection, made anew where it was closed."""

    def __init__(self, port: int, body: bytes, seen: Seen) -> None:
        self._port, self._seen = port, seen
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self._request = head.encode() + body
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._received = b""

    async def ask(self) -> None:
        """One request; what came of it is kept in `seen`."""
        begun = time.monotonic()
        try:
            head = await asyncio.wait_for(self._ask(), TIMED_OUT_S)
        except (OSError, TimeoutError) as error:
            self.close()
            self._seen.failures.append(repr(error))
            return
        now = time.monotonic()
        self._seen.answers.append((now, int(head[9:12]), now - begun))
        if b"connection: close" in head.lower():
            self.close()

    async def _ask(self) -> bytes:
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        self._received, self._answer = b"", loop.create_future()
        self._transport.write(self._request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        """The answer is whole once its head and as many bytes as that says are there."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._answer is None or self._answer.done():
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._answer.set_result(head)

    def connection_lost(self, error: Exception | None) -> None:
        """The server closed it: a failure only where an answer is due."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("closed without an answer"))

    def close(self) -> None:
        """Let go of the connection."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


async def without_pause(seen: Seen, port: int, body: bytes, clients: int, seconds: float) -> None:
    """Clients that ask again as soon as they have their answer."""
    end = time.monotonic() + seconds

    async def one() -> None:
        client = Client(port, body, seen)
        while time.monotonic() < end:
            await client.ask()
        client.close()

    await asyncio.gather(*(one() for _ in range(clients)))


async def paced(seen: Seen, port: int, body: bytes, rate: float, seconds: float) -> None:
    """Requests at a steady rate, whatever becomes of those before.

    Args:
        seen: where what comes of them is kept.
        port: of the service.
        body: of each request.
        rate: requests a second.
        seconds: for how long.
    """
    idle: list[Client] = []
    asked: set[asyncio.Task[None]] = set()

    async def one() -> None:
        client = idle.pop() if idle else Client(port, body, seen)
        await client.ask()
        idle.append(client)

    begun, sent = time.monotonic(), 0
    while (now := time.monotonic() - begun) < seconds:
        for _ in range(int(now * rate) - sent):
            task = asyncio.create_task(one())
            asked.add(task)
            task.add_done_callback(asked.discard)
            sent += 1
        await asyncio.sleep(0.001)
    await asyncio.gather(*asked)
    for client in idle:
        client.close()

"""Clients that send requests steadily while something is done to the service."""

import http.client
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from torture.seeds import Seed

CLIENTS = 6  # the first opens a connection for each request, the others keep theirs
_PAUSE_S = 0.005
_TIMEOUT_S = 60


class Failure(NamedTuple):
    """A request without a response, or with an error.

    Attributes:
        port: the client's, of the connection; 0 where there was none.
        began: when it was sent, `monotonic` seconds.
        reason: what came instead.
    """

    port: int
    began: float
    reason: str


class Load:
    """Clients with one request each in flight, from the beginning of the block to its end.

    Attributes:
        answered: of each response with 200 when it was complete, `monotonic` seconds.
        failures: the other requests.
        lost: the clients' ports of connections of processes that were killed, and when.
    """

    def __init__(self, port: int, requests: Sequence[Seed]) -> None:
        self.answered: list[float] = []
        self.failures: list[Failure] = []
        self.lost: dict[int, float] = {}
        self._port, self._requests = port, requests
        self._stopped = threading.Event()
        self._clients = [threading.Thread(target=self._client, args=(i,)) for i in range(CLIENTS)]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for client in self._clients:
            client.join()

    def lose(self, pid: int) -> None:
        """Note the connections that a process has now; it is killed, and loses them."""
        self.lost |= dict.fromkeys(client_ports(pid), time.monotonic())

    def idle(self) -> int:
        """Return how many requests were sent on a connection that was lost while it was idle."""
        return sum(each.began > self.lost.get(each.port, each.began) for each in self.failures)

    def beyond(self) -> list[Failure]:
        """Return the failures on connections that no killed process had."""
        return [each for each in self.failures if each.port not in self.lost]

    def _client(self, index: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        turn = index
        while not self._stopped.wait(_PAUSE_S):
            request = self._requests[turn % len(self._requests)]
            turn += 1
            began, port, reason = time.monotonic(), 0, ""
            try:
                if connection.sock is None:
                    connection.connect()
                port = connection.sock.getsockname()[1]
                method = "POST" if request.body else "GET"
                connection.request(method, request.path, request.body or None, request.headers)
                response = connection.getresponse()
                data = response.read()
                if response.status != 200:
                    reason = f"{request.path}: {response.status} {data[:300]!r}"
            except (http.client.HTTPException, OSError) as error:
                reason = f"{request.path}: {error!r}"
            if not reason:
                self.answered.append(time.monotonic())
            else:
                self.failures.append(Failure(port, began, reason))
            if reason or index == 0:
                connection.close()
        connection.close()


def client_ports(pid: int) -> set[int]:
    """Return the clients' ports of the connections that a process has."""
    sockets = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            sockets.add(os.readlink(file))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[2].rpartition(":")[2], 16) for row in rows if f"socket:[{row[9]}]" in sockets}

"""Clients that send requests steadily while something is done to the service."""

import http.client
import threading
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from torture.seeds import Seed

CLIENTS = 6  # the first opens a connection for each request, the others keep theirs
_PAUSE_S = 0.005
_TIMEOUT_S = 60
_OVERLOADED, _SLUG = 503, b"problem:overloaded"


class Failure(NamedTuple):
    """A request without a response, or with an error.

    Attributes:
        port: the client's, of the connection; 0 where there was none.
        began: when it was sent, `monotonic` seconds.
        status: of the response; 0 where there was none.
        reason: the error, or the status and the body.
    """

    port: int
    began: float
    status: int
    reason: str


class Load:
    """Clients with one request each in flight, from the beginning of the block to its end.

    Attributes:
        answered: of each response with 200 when it was complete, `monotonic` seconds.
        refused: of each response that says that the service is overloaded, likewise.
        failures: the other requests.
        lost: the clients' ports of connections of processes that were killed, and when.
    """

    def __init__(self, port: int, requests: Sequence[Seed]) -> None:
        self.answered: list[float] = []
        self.refused: list[float] = []
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

    def requests(self) -> int:
        """Return how many requests have ended."""
        return len(self.answered) + len(self.refused) + len(self.failures)

    def lose(self, ports: Iterable[int]) -> None:
        """Note the connections of a process that is killed, by the clients' ports."""
        self.lost |= dict.fromkeys(ports, time.monotonic())

    def idle(self) -> int:
        """Return how many requests were sent on a connection that was lost while it was idle."""
        return sum(self._is_idle(each) for each in self.failures)

    def beyond(self) -> list[Failure]:
        """Return the failures that were not in flight on a process that was killed."""
        return [
            each
            for each in self.failures
            if not (self._is_idle(each) or each.began <= self.lost.get(each.port, 0))
        ]

    def _is_idle(self, failure: Failure) -> bool:
        is_later = failure.began > self.lost.get(failure.port, failure.began)
        return is_later and not failure.status

    def _client(self, index: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        turn = index
        while not self._stopped.wait(_PAUSE_S):
            request = self._requests[turn % len(self._requests)]
            turn += 1
            began, port, status, reason = time.monotonic(), 0, 0, ""
            try:
                if connection.sock is None:
                    connection.connect()
                port = connection.sock.getsockname()[1]
                method = "POST" if request.body else "GET"
                connection.request(method, request.path, request.body or None, request.headers)
                response = connection.getresponse()
                data = response.read()
                status = response.status
                if status == _OVERLOADED and response.getheader("Retry-After") and _SLUG in data:
                    self.refused.append(time.monotonic())  # it may send the request again
                    continue
                if status != 200:
                    reason = f"{request.path}: {status} {data[:300]!r}"
            except (http.client.HTTPException, OSError) as error:
                reason = f"{request.path}: {error!r}"
            if not reason:
                self.answered.append(time.monotonic())
            else:
                self.failures.append(Failure(port, began, status, reason))
            if reason or index == 0:
                connection.close()
        connection.close()

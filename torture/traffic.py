"""Clients that send requests without a pause, while something happens to the service."""

import http.client
import select
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

_TIMEOUT_S = 60
_SLOW_S = 0.02  # between the headers and the body of a slow client


class Request(NamedTuple):
    """What clients send.

    Attributes:
        path: with the query.
        body: an image.
        check: gets the body of a response; returns what is wrong with it, "" where nothing is.
    """

    path: str
    body: bytes
    check: Callable[[bytes], str]


def show_progress(text: str) -> None:
    """Replace the line that says how far a row is."""
    sys.stderr.write(f"\r{text}")


class Load:
    """Clients, each with connections of its own, until the block ends or the service refuses them.

    A third of them keep a connection, a third make one for each request, and a third send the body
    a moment after the headers.

    Attributes:
        answered: responses that are as they should be.
        closed: keep-alive connections that the service had closed while they were idle; the
            request was sent again on another one.
        faults: whatever else happened, with the number of times.
    """

    def __init__(self, port: int, clients: int, requests: Sequence[Request]) -> None:
        self.answered = self.closed = 0
        self.faults: Counter[str] = Counter()
        self._port, self._requests = port, requests
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(index,)) for index in range(clients)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join()

    def join(self) -> None:
        """Wait until the service has refused every client."""
        for thread in self._threads:
            thread.join()

    def _run(self, index: int) -> None:
        """Send requests; each client begins with another one."""
        connection = None
        turn = index
        while not self._stopped.is_set():
            turn += 1
            request = self._requests[turn % len(self._requests)]
            if connection is not None and _is_closed(connection):
                self._count_closed()
                connection = None
            is_kept = connection is not None
            connection = connection or self._connection()
            try:
                status, body, may_keep = _exchange(connection, request, is_slow=index % 3 == 2)
            except ConnectionRefusedError:
                return
            except (http.client.HTTPException, OSError) as error:
                connection.close()
                connection = None
                if is_kept and isinstance(error, ConnectionError):
                    self._count_closed()
                    turn -= 1  # the same request again, on a connection of its own
                else:
                    self._note(f"no response ({error!r})")
                continue
            if index % 3 == 0 or not may_keep:
                connection.close()
                connection = None
            wrong = request.check(body) if status == 200 else f"status {status}"
            self._note(wrong)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)

    def _count_closed(self) -> None:
        with self._lock:
            self.closed += 1

    def _note(self, wrong: str) -> None:
        with self._lock:
            if wrong:
                self.faults[wrong] += 1
            else:
                self.answered += 1


def _exchange(
    connection: http.client.HTTPConnection, request: Request, *, is_slow: bool
) -> tuple[int, bytes, bool]:
    """Return the status and the body of a response, and whether its connection may be kept."""
    connection.putrequest("POST", request.path)
    connection.putheader("Content-Type", "image/png")
    connection.putheader("Content-Length", str(len(request.body)))
    if is_slow:
        connection.endheaders()
        time.sleep(_SLOW_S)
        connection.send(request.body)
    else:
        connection.endheaders(request.body)
    response = connection.getresponse()
    body = response.read()
    return response.status, body, not response.will_close


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Return whether the service has closed an idle connection."""
    readable = select.poll()
    readable.register(connection.sock, select.POLLIN)
    return bool(readable.poll(0))

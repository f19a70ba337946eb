"""Clients that send requests without a pause, while something happens to the service."""

import http.client
import select
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
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
        turn = index
        with closing(
            http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        ) as connection:
            while not self._stopped.is_set():
                if _is_closed(connection):
                    self._count_closed()
                    connection.close()
                is_kept = connection.sock is not None  # else it connects again
                request = self._requests[turn % len(self._requests)]
                try:
                    status, body = _exchange(connection, request, is_slow=index % 3 == 2)
                except ConnectionRefusedError:
                    return
                except (http.client.HTTPException, OSError) as error:
                    connection.close()
                    if is_kept and isinstance(error, ConnectionError):
                        self._count_closed()  # the same request again, on a new connection
                    else:
                        self._note(f"no response ({error!r})")
                    continue
                if index % 3 == 0:
                    connection.close()
                self._note(request.check(body) if status == 200 else f"status {status}")
                turn += 1

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
) -> tuple[int, bytes]:
    """Return the status and the body of a response."""
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
    return response.status, response.read()


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Return whether the service has closed an idle connection."""
    if connection.sock is None:
        return False
    readable = select.poll()
    readable.register(connection.sock, select.POLLIN)
    return bool(readable.poll(0))

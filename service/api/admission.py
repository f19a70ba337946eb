"""Back-pressure: so many requests at once, so many waiting, the others refused at once.

Only POST is work. How many requests may wait is held by `worker.py`, before one costs anything;
whose turn it is, here. A large body is read before its request waits for its turn, so that a slow
client holds none of the places where work is done.
"""

import re
import threading
from collections import deque
from time import perf_counter

from flask import Flask, g, request

from service.api import metrics
from service.errors import DeadlineExceeded, MalformedRequest
from service.settings import Settings

DEADLINE = "Request-Timeout"  # header
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?([eE][-+]?\d{1,3})?", re.ASCII)


class Turns:
    """So many at once, the others in the order in which they came.

    A semaphore lets whoever comes just then go before those who wait: some would wait long.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._line: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    def take(self, timeout: float = -1) -> bool:
        """Wait for a place, no longer than `timeout` seconds (-1: for ever); whether it came."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Lock()
            turn.acquire()
            self._line.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self._lock:
            if turn in self._line:
                self._line.remove(turn)
                return False
        return True  # it came at the last moment

    def give_back(self) -> None:
        """Leave the place to the next."""
        with self._lock:
            if self._line:
                self._line.popleft().release()
            else:
                self._free += 1


class Admission:
    """The places of one worker."""

    def __init__(self, settings: Settings) -> None:
        self._at_work = Turns(settings.threads)

    def enter(self) -> None:
        """Before a request is worked on: read it and wait for its turn.

        Raises:
            DeadlineExceeded: its time is over.
            MalformedRequest: its time is no time.
        """
        if request.method != "POST" or request.url_rule is None:
            return
        timeout = _timeout()
        with metrics.phase("read"):
            request.get_data()
        with metrics.waiting.track_inprogress():
            g.at_work = self._wait(timeout)
        if not g.at_work:
            metrics.refused.labels("deadline").inc()
            raise DeadlineExceeded(
                f"The {timeout:g} s of {DEADLINE} were over before work on the request began."
            )
        metrics.in_flight.inc()

    def _wait(self, timeout: float | None) -> bool:
        """Whether its turn came in time."""
        if timeout is None:
            return self._at_work.take()
        left = timeout - (perf_counter() - g.begun)
        return left > 0 and self._at_work.take(min(left, threading.TIMEOUT_MAX))

    def leave(self, _: BaseException | None) -> None:
        """When it is answered, however."""
        if g.pop("at_work", False):
            metrics.in_flight.dec()
            self._at_work.give_back()


def register(app: Flask, settings: Settings) -> None:
    """Bound what each worker takes on."""
    admission = Admission(settings)
    app.before_request(admission.enter)
    app.teardown_request(admission.leave)


def _timeout() -> float | None:
    """The seconds that the client gives; None: any."""
    given = request.headers.get(DEADLINE)
    if given is None:
        return None
    if not _SECONDS.fullmatch(given):
        raise MalformedRequest(f"{DEADLINE}: {given!r} is no number of seconds such as 2.5.")
    return float(given)

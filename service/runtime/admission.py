"""Decides which requests a worker accepts. Knows no server and no clock.

A request runs in one of three lanes:

short   in the event loop, one after another; nearly all requests
long    on a thread: batches, large pictures, occlusion, sheets
read    on a thread: pages, weights, reports
"""

from collections import Counter
from typing import Literal

from service.errors import Overloaded

Lane = Literal["short", "long", "read"]

SMALL_BODY = 65_536  # bytes: bounded by the connection limit, so not counted
_SMOOTHING = 0.05  # weight of the latest call in the mean duration of a short call
_LONGEST_S = 0.01  # a short call that takes longer met a pause of the machine
_OVERLOADED = "The service is overloaded. Retry after the seconds that Retry-After gives."


class Admission:
    """The limits of one worker.

    Args:
        threads: requests of the long lane, and of the read lane, that run at once.
        queue: requests of either lane that may wait for a thread.
        max_wait_s: seconds that a short request may be expected to wait.
        max_buffered: bytes of large request and response bodies held at once.
    """

    def __init__(self, threads: int, queue: int, max_wait_s: float, max_buffered: int) -> None:
        self._threads, self._queue = threads, queue
        self._max_wait_s, self._max_buffered = max_wait_s, max_buffered
        self._active: Counter[Lane] = Counter()
        self._call_s = 0.0005
        self._buffered = 0

    @property
    def running(self) -> int:
        """Requests that a thread works on."""
        return min(self._active["long"], self._threads)

    @property
    def waiting(self) -> int:
        """Requests that wait: short ones for the event loop, long ones for a thread."""
        return self._active["short"] + self._active["long"] - self.running

    def enter(self, lane: Lane) -> None:
        """Accept a request; `leave` must follow.

        The short queue is limited by the time that it takes to work off, not by its length: 256
        clients that wait for their answers are no overload, a queue that only grows is.

        Raises:
            Overloaded: the lane is full.
        """
        if lane == "short":
            is_full = self._active[lane] * self._call_s > self._max_wait_s
        else:
            is_full = self._active[lane] >= self._threads + self._queue
            self.check_buffer(0)
        if is_full:
            raise Overloaded(_OVERLOADED)
        self._active[lane] += 1

    def leave(self, lane: Lane) -> None:
        """Free the place of a request that `enter` accepted."""
        self._active[lane] -= 1

    def observe(self, seconds: float) -> None:
        """Record how long the event loop was busy with one short call."""
        self._call_s += _SMOOTHING * (min(seconds, _LONGEST_S) - self._call_s)

    def calls_within(self, seconds: float) -> int:
        """How many short calls fit into that time; at least one."""
        return max(1, int(seconds / self._call_s))

    def check_buffer(self, more: int) -> None:
        """Raise `Overloaded` where that many more bytes must not be buffered."""
        if self._buffered and self._buffered + more > self._max_buffered:
            raise Overloaded(_OVERLOADED)

    def hold(self, size: int) -> None:
        """Count bytes as buffered."""
        self._buffered += size

    def free(self, size: int) -> None:
        """Bytes that `hold` counted are no longer buffered."""
        self._buffered -= size

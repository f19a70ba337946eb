"""Decide which requests a worker accepts. Does not know the server or a clock."""

from collections import Counter

from service.environ import Lane
from service.errors import Overloaded
from service.settings import Settings

OVERLOADED = "The service is overloaded; retry after the number of seconds in Retry-After."
_SHORT_S = 0.02  # waiting time below which an overload has ended
_SMOOTHING = 0.02  # weight of the latest calls in the mean duration of a short one
_LONGEST_S = 0.01  # a longer duration of a short call is a pause of the machine, and is clipped


class Admission:
    """The limits of one worker.

    Args:
        settings: hold the limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._threads, self._queue = settings.threads, settings.queue
        self._max_wait_s = settings.max_wait_ms / 1000
        self._max_buffered = max(settings.max_buffer_bytes, settings.max_body_bytes)
        self._buffered = 0
        self._active: Counter[Lane] = Counter()
        self._call_s, self._is_overloaded = 0.0005, False

    def load(self) -> tuple[int, int]:
        """Return the number of requests that run on threads, and of those that wait."""
        running = min(self._active["long"], self._threads)
        return running, self._active["short"] + self._active["long"] - running

    def enter(self, lane: Lane) -> None:
        """Accept a request; `leave` must follow.

        The short lane is limited by its waiting time, not by its length: 256 clients that wait for
        their responses are not an overload, but a queue that keeps growing is. Once the waiting
        time has exceeded the limit, half the limit applies until the queue is short again: a queue
        that never empties delays every request and raises no throughput.

        Raises:
            Overloaded: the lane is full.
        """
        if lane == "short":
            wait_s = self._active[lane] * self._call_s
            is_full = wait_s > self._max_wait_s / (2 if self._is_overloaded else 1)
            self._is_overloaded = is_full or (self._is_overloaded and wait_s > _SHORT_S)
        else:
            is_full = self._active[lane] >= self._threads + self._queue
            self.hold(0)
        if is_full:
            raise Overloaded(OVERLOADED)
        self._active[lane] += 1

    def leave(self, lane: Lane) -> None:
        """Count a request that `enter` accepted as done."""
        self._active[lane] -= 1

    def observe(self, seconds: float) -> None:
        """Update the mean duration of a short call."""
        self._call_s += _SMOOTHING * (min(seconds, _LONGEST_S) - self._call_s)

    def calls_within(self, seconds: float) -> int:
        """Return how many short calls fit into a duration; at least one."""
        return max(1, int(seconds / self._call_s))

    def hold(self, size: int, *, is_forced: bool = False) -> None:
        """Count bytes as buffered; `free` must follow.

        Raises:
            Overloaded: the buffers are full, and the bytes are not `is_forced`.
        """
        if self._buffered + size > self._max_buffered and not is_forced:
            raise Overloaded(OVERLOADED)
        self._buffered += size

    def free(self, size: int) -> None:
        """Stop counting bytes as buffered."""
        self._buffered -= size

"""Decides which requests a worker accepts. Knows no server and no clock."""

from collections import Counter

from service.environ import Lane
from service.errors import Overloaded
from service.settings import Settings

OVERLOADED = "The service is overloaded; retry after the seconds that Retry-After gives."
_SHORT_S = 0.02  # of work: a queue that is no overload
_SMOOTHING = 0.02  # weight of the latest calls in the mean duration of a short one
_LONGEST_S = 0.01  # a short call that took longer met a pause of the machine


class Admission:
    """The limits of one worker, as its settings have them."""

    def __init__(self, settings: Settings) -> None:
        self._threads, self._queue = settings.threads, settings.queue
        self._max_wait_s = settings.max_wait_ms / 1000
        self._max_buffered = max(settings.max_buffer_bytes, settings.max_body_bytes)
        self._buffered = 0
        self._active: Counter[Lane] = Counter()
        self._call_s, self._is_overloaded = 0.0005, False

    def load(self) -> tuple[int, int]:
        """Return how many requests threads work on, and how many wait for a thread or the loop."""
        running = min(self._active["long"], self._threads)
        return running, self._active["short"] + self._active["long"] - running

    def enter(self, lane: Lane) -> None:
        """Accept a request; `leave` must follow.

        The short lane is limited by the time that it takes to work off, not by its length: 256
        clients that wait for their answers are no overload, a queue that only grows is. Once it
        grew too long half of it is enough, until it is short again: a queue that never empties
        makes every request wait and helps none.

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
        """Free the place of a request that `enter` accepted."""
        self._active[lane] -= 1

    def observe(self, seconds: float) -> None:
        """Record what one short call took of the event loop's time."""
        self._call_s += _SMOOTHING * (min(seconds, _LONGEST_S) - self._call_s)

    def calls_within(self, seconds: float) -> int:
        """Return how many short calls fit into that time; at least one."""
        return max(1, int(seconds / self._call_s))

    def hold(self, size: int, *, is_forced: bool = False) -> None:
        """Count bytes as buffered until `free`; raise `Overloaded` where they are too many."""
        if self._buffered + size > self._max_buffered and not is_forced:
            raise Overloaded(OVERLOADED)
        self._buffered += size

    def free(self, size: int) -> None:
        """Bytes that were counted are no longer buffered."""
        self._buffered -= size

"""Shares the event loop between short calls and everything else."""

import asyncio
from collections import deque
from time import perf_counter

from service.runtime.admission import Admission

SLICE_S = 0.002  # of short calls, after which the loop looks at its sockets again


class Slices:
    """Lets so many short calls begin in each iteration of the event loop, in FIFO order.

    Without it all that came in at once would run before any socket is looked at again: with 256
    connections health would wait for 256 calls.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._queue: deque[asyncio.Future[None]] = deque()
        self._is_active = False
        self._began = 0.0
        self._calls = self._calls_left = 0

    async def wait(self) -> None:
        """Return when one more call may run."""
        loop = asyncio.get_running_loop()
        if not self._is_active:
            self._begin(loop)
        if self._calls_left:
            self._calls_left -= 1
            return
        turn = loop.create_future()
        self._queue.append(turn)
        await turn

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_active, self._began = True, perf_counter()
        self._calls = self._calls_left = self._admission.calls_within(SLICE_S)
        loop.call_soon(self._end, loop)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        """The next iteration: let those begin that wait."""
        self._is_active = False
        if not self._queue:
            return
        self._admission.observe((perf_counter() - self._began) / self._calls)
        self._begin(loop)
        while self._queue and self._calls_left:
            self._calls_left -= 1
            turn = self._queue.popleft()
            if not turn.done():  # its request may have been cancelled
                turn.set_result(None)

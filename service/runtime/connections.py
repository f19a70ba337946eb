"""Limits on one connection: what uvicorn, which parses and writes, leaves open for ever."""

import asyncio
import time
from collections.abc import Iterable
from itertools import chain
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.runtime.request import COMPLETE

MAX_HEAD = 65_536  # bytes of a request line and headers
HEAD_S = 10.0  # from the connection, or a request's first byte, to the end of its headers
UNREAD_S = 20.0  # that a client may leave a piece of a response unread
MAX_JOINED = 16_384  # bytes of a write that waits for the next
MAX_REQUESTS = 1000  # of one connection, so that clients spread over restarted workers


class JoinedWrites:
    """A transport that sends what is written in one iteration of the event loop in one piece.

    uvicorn writes headers and body one after the other: two system calls, and the client wakes
    twice.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Write soon; what is large at once, which spares a copy and lets flow control see it."""
        if len(data) >= MAX_JOINED:
            self._flush()
            self._transport.write(data)
            return
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        """Close once everything is written."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.write(b"".join(pieces))


class Connection(HttpToolsProtocol):
    """One client's connection."""

    max_connections = 1000  # of this worker; `server.py` sets it
    head_since: float | None = None  # since when headers are awaited; None: they are complete
    unread_since: float | None = None  # since when a response waits for its client
    requests = 0
    _head_bytes = _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Abort what is beyond the limit, so that file descriptors never run out."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
        transport.set_write_buffer_limits(high=0)  # "paused" then means that something is unread
        self.head_since = time.monotonic()
        if len(self.connections) > self.max_connections:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Refuse headers that do not end."""
        self._received = len(data)
        super().data_received(data)
        if self.head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("The request's headers are too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.head_since, self._head_bytes = time.monotonic(), 0

    def on_headers_complete(self) -> None:
        """Its headers are complete; an error makes uvicorn answer 400."""
        may_be_too_large = self._head_bytes + self._received > MAX_HEAD
        if may_be_too_large and sum(map(len, chain(*self.headers))) > MAX_HEAD:
            raise ValueError("headers too large")
        super().on_headers_complete()
        self.head_since = None
        self.requests += 1
        if self.requests >= MAX_REQUESTS:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Its body is complete: the adapter need not watch the time."""
        self.scope[COMPLETE] = True  # type: ignore[literal-required]
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not read as fast as the response is written."""
        self.unread_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has read what was written."""
        self.unread_since = None
        super().resume_writing()


def abort_stalled(connections: Iterable[Connection]) -> None:
    """Abort connections whose client does not end its headers or leaves its response unread."""
    now = time.monotonic()
    for each in connections:
        if now - (each.head_since or now) > HEAD_S or now - (each.unread_since or now) > UNREAD_S:
            each.transport.abort()

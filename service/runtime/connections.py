"""Limit each connection where uvicorn sets no limit: headers, unread responses, requests."""

import asyncio
import select
import time
from collections.abc import Iterable
from itertools import chain
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.runtime.request import COMPLETE

MAX_HEAD = 65_536  # bytes of a request line and headers
HEAD_S = 10.0  # timeout of a request's headers
UNREAD_S = 20.0  # timeout of a client that does not read its response
MAX_JOINED = 16_384  # bytes; smaller writes are joined with the next ones
MAX_REQUESTS = 1000  # per connection, so that clients move to workers that were started later


class JoinedWrites:
    """A transport that joins the writes of one iteration of the event loop.

    uvicorn writes headers and body separately, which costs two system calls and wakes the client
    twice.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Write at the end of the iteration; write large data at once, without copying it."""
        if len(data) >= MAX_JOINED:
            self._flush()
            self._transport.write(data)
            return
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def write_eof(self) -> None:
        """Write the remaining data and announce that no more follows."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Write the remaining data and close."""
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
    head_since: float | None = None  # start of the wait for headers; None: they are complete
    unread_since: float | None = None  # start of the wait for the client to read; None: none
    requests = 0
    max_requests = MAX_REQUESTS
    _head_bytes = _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Abort connections above the limit, so that file descriptors never run out."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
        transport.set_write_buffer_limits(
            high=0
        )  # writing pauses whenever the client has not read everything
        self.head_since = time.monotonic()
        if len(self.connections) > self.max_connections:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Reject headers that are too large."""
        self._received = len(data)
        super().data_received(data)
        if self.head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response(
                    f"The request's headers are larger than the limit of {MAX_HEAD:,} bytes."
                )

    def on_message_begin(self) -> None:
        """Start the timeout of a request's headers."""
        super().on_message_begin()
        self.head_since, self._head_bytes = time.monotonic(), 0

    def on_headers_complete(self) -> None:
        """Check the size of the headers and Host; uvicorn responds with 400 to an exception."""
        may_be_too_large = self._head_bytes + self._received > MAX_HEAD
        if may_be_too_large and sum(map(len, chain(*self.headers))) > MAX_HEAD:
            raise ValueError("headers too large")
        hosts = [name for name, _ in self.headers if name == b"host"]
        if len(hosts) != 1 and (hosts or self.parser.get_http_version() != "1.0"):
            raise ValueError("not exactly one Host")  # RFC 9112, 3.2
        super().on_headers_complete()
        self.head_since = None
        self.requests += 1
        if self.requests >= self.max_requests:
            self.cycle.keep_alive = False

    def drain(self) -> bool:
        """Make the next response the last, and return whether a request for it may still come."""
        self.max_requests = 0
        if self.transport.is_closing():
            return False
        if self.cycle is None or self.cycle.response_complete:
            return True
        if not self.cycle.response_started:
            self.cycle.keep_alive = False
        return bool(self.cycle.keep_alive)

    def close_if_idle(self) -> bool:
        """Close an idle connection, and return whether a request is arriving instead.

        One is where headers are incomplete, and where bytes wait in the socket: to close it then
        would reset the connection.
        """
        if self.transport.is_closing() or (self.cycle and not self.cycle.response_complete):
            return False
        unread = select.poll()
        unread.register(self.transport.get_extra_info("socket"), select.POLLIN)
        if self.head_since is not None or unread.poll(0):
            return True
        self.transport.write_eof()  # at once; `close` alone waits for the loop's next iteration
        self.transport.close()
        return False

    def on_message_complete(self) -> None:
        """Mark the body as complete, so that the adapter sets no timeout."""
        self.scope[COMPLETE] = True  # type: ignore[literal-required]
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Start the timeout of a client that does not read its response."""
        self.unread_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Stop the timeout of an unread response."""
        self.unread_since = None
        super().resume_writing()


def abort_stalled(connections: Iterable[Connection]) -> None:
    """Abort connections whose client exceeds the timeout of headers or of an unread response."""
    now = time.monotonic()
    for each in connections:
        if now - (each.head_since or now) > HEAD_S or now - (each.unread_since or now) > UNREAD_S:
            each.transport.abort()

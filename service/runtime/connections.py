"""Limits on what one connection may do: how long it may be silent, how much it may send.

uvicorn parses and writes; what it leaves open for ever is closed here.
"""

import asyncio
import time
from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 65_536  # bytes of a request line and headers
HEAD_S = 10.0  # from the connection, or a request's first byte, to the end of its headers
UNREAD_S = 20.0  # that a client may leave a piece of a response unread
MAX_REQUESTS = 100  # of one connection: clients that stay spread over restarted workers
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class Connection(HttpToolsProtocol):
    """One client's connection."""

    max_connections = 1000  # of one worker; `server.py` sets it
    head_since: float | None = None  # since when headers are awaited; None: they are complete
    unread_since: float | None = None  # since when a response waits for its client
    requests = 0
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Close at once what is beyond the limit, so that descriptors never run out."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # "paused" then means: something is unread
        self.head_since = time.monotonic()
        if len(self.connections) > self.max_connections:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Refuse headers that do not end."""
        super().data_received(data)
        if self.head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.head_since, self._head_bytes = time.monotonic(), 0

    def on_headers_complete(self) -> None:
        """Its headers are complete."""
        self.head_since = None
        self.requests += 1
        super().on_headers_complete()
        if self.requests >= MAX_REQUESTS:
            self.cycle.keep_alive = False

    def pause_writing(self) -> None:
        """The client does not read as fast as the response is written."""
        self.unread_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has read what was written."""
        self.unread_since = None
        super().resume_writing()


def close_stalled(connections: Iterable[Connection]) -> None:
    """Close connections whose client is silent in its headers or leaves its response unread."""
    now = time.monotonic()
    for each in list(connections):
        if each.head_since is not None and now - each.head_since > HEAD_S:
            each.transport.abort()
        elif each.unread_since is not None and now - each.unread_since > UNREAD_S:
            each.transport.abort()

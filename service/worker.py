"""gunicorn's threaded worker as ConvScope runs it: one loop, in which requests come in and line up.

The loop receives small requests whole: however slowly a client sends, it holds no thread. The body
of a large one is read by a thread.

A request that has come whole is answered by a thread while the loop stands back: two threads of
Python only fight for the GIL. One that is not done within a moment (a large batch, a huge picture)
goes on beside the loop, and the next has its turn.

Health and metrics have threads of their own. A request that finds no place is refused in the loop:
were it to wait for a thread to say so, it would wait behind all that came before.
"""

import re
import select
import selectors
import socket
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

BEAT_S = 0.5
_SHORT_S = 0.005  # as long as the loop stands back for a request
_WINDOW_S = 1.0  # in which is counted how much is too much: as long as clients are told to wait
_TOO_MUCH = 0.3  # share refused: about what one place to wait leaves where all could just be done
_HEAD = 65_536  # bytes of a request that the loop receives at most
_LENGTH = re.compile(rb"(?i)\r\nContent-Length:[ \t]*(\d{1,18})[ \t]*\r\n")
_LAST = re.compile(rb"(?i)HTTP/1\.0\r\n|\r\nConnection:[ \t]*close[ \t]*\r\n")
_CODED = re.compile(rb"(?i)\r\nTransfer-Encoding:")
_EXPECT = re.compile(rb"(?i)\r\nExpect:")
_STATUSES = {
    errors.LimitRequestLine: 414,
    errors.LimitRequestHeaders: 431,
    errors.ExpectationFailed: 417,
    errors.UnsupportedTransferCoding: 501,
}
_TURN_S = 2e-4  # that a thread keeps the GIL while another wants it
_REQUEST_S = 30  # from a small request's first byte to its last
_SILENT_S = 20  # that a client may neither send its body nor take its answer, while a thread waits
_SILENT = struct.pack("ll", _SILENT_S, 0)  # a C timeval
_LAST_WAIT_S = 2.0  # for a client to be done, when stopping or when its connection ends
_KEPT_REQUESTS = 100  # on one connection: a worker that has come anew gets its share in time


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Answers with threads; between requests it sees to what the arbiter wants."""

    sockets: list[Any]
    _next_beat = 0.0
    _overloaded = False
    _window_ends = 0.0
    _asked = _refused = 0  # work, in this window

    def init_process(self) -> None:
        """Have threads take turns often: the loop needs the GIL again after every system call."""
        sys.setswitchinterval(_TURN_S)
        self._line: deque[Any] = deque()  # connections whose request has come whole
        self._taken = Counter[str]()  # places by kind: what a thread has or what waits for one
        self._watched: dict[Any, float] = {}  # until when the loop waits for a client
        super().init_process()

    def notify(self) -> None:
        """Called at least every second."""
        super().notify()
        now = time.monotonic()
        if now < self._next_beat:
            return
        self._next_beat = now + BEAT_S
        for conn in [conn for conn, until in self._watched.items() if until < now]:
            self._unwatch(conn)
            self._let_go(conn)
        if self.alive:
            self.wsgi.extensions["upkeep"]()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """See to all that has come in, then to the first in the line."""
        super().wait_for_and_dispatch_events(0 if self._line else timeout)
        if self._line:
            self.wsgi.extensions["waiting"].dec()
            self._answer(self._line.popleft())

    def enqueue_req(self, conn: Any) -> None:
        """Take a connection's next request on, once enough has come of it, or refuse it."""
        more = _receive(conn)
        if more == b"":  # closed
            self._let_go(conn)
            return
        before = getattr(conn, "received", b"")
        conn.received = (before + (more or b"")).lstrip(b"\r\n")  # RFC 9112, 2.2
        if _is_worth_waiting(conn.received):
            if not before:
                seconds = _REQUEST_S if conn.received else self.cfg.keepalive
                conn.until = time.monotonic() + seconds
            self._watch(conn, self.enqueue_req, conn.until)
            return
        conn.arrived = time.perf_counter()
        conn.requests = getattr(conn, "requests", 0) + 1
        conn.kind = self._kind(conn.received)
        if not self._has_place(conn):
            self._refuse(conn)
            return
        self._taken[conn.kind] += 1
        if conn.kind != "health" and _missing(conn.received) == 0:
            self._line.append(conn)
            self.wsgi.extensions["waiting"].inc()
        else:  # a thread waits for the rest
            super().enqueue_req(conn)

    def _kind(self, request: bytes) -> str:
        """`work`, of which little is done at once; `read`, pages and the like; or `health`."""
        if request.startswith(b"POST "):
            return "work"
        return "health" if self.wsgi.extensions["health"].match(request) else "read"

    def _has_place(self, conn: Any) -> bool:
        """Whether one more request of its kind may wait.

        Many may when they come all at once. When more work comes than can be done, a line helps
        nobody: it never empties, and all that are answered have waited for its whole length.
        """
        if conn.kind == "health":
            return True
        settings = self.app.settings
        is_full = self._taken[conn.kind] >= settings.threads + settings.queue
        if conn.kind == "read":
            return not is_full
        waits = any(other.kind == "work" for other in self._line)
        has_place = not is_full and not (self._is_overloaded(conn.arrived) and waits)
        self._asked += 1
        self._refused += not has_place
        if is_full and not self._overloaded:
            self._begin_window(conn.arrived, overloaded=True)
        return has_place

    def _is_overloaded(self, now: float) -> bool:
        """Whether more work comes than can be done, since a request had to be refused."""
        if self._overloaded and now >= self._window_ends:
            self._begin_window(now, self._refused > _TOO_MUCH * self._asked)
        return self._overloaded

    def _begin_window(self, now: float, overloaded: bool) -> None:
        self._overloaded, self._window_ends = overloaded, now + _WINDOW_S
        self._asked = self._refused = 0

    def _answer(self, conn: Any) -> None:
        answer = self.tpool.submit(self.handle, conn)
        try:
            answer.exception(_SHORT_S)
        except TimeoutError:
            answer.add_done_callback(
                lambda done: self.method_queue.defer(self.finish_request, conn, done)
            )
        else:
            self.finish_request(conn, answer)

    def handle(self, conn: Any) -> Any:
        """Go on, on a thread, with what the loop has received."""
        self.wsgi.extensions["arrived"].set(conn.arrived)
        if not conn.initialized:
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _SILENT)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SILENT)
        conn.init()
        conn.parser.unreader.unread(conn.received)
        conn.received = b""
        conn.data_ready = True
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Let go of a kept connection now and then, and at once while draining.

        Else every client would stay with the worker that it met first, however busy that is.
        """
        if self._is_last(conn):
            req.force_close()
        keep: bool = super().handle_request(req, conn)
        return keep

    def _is_last(self, conn: Any) -> bool:
        return bool(self.app.control.draining or conn.requests >= _KEPT_REQUESTS)

    def finish_request(self, conn: Any, done: Any) -> None:
        """A thread is through with it: wait for the connection's next request, or end it."""
        self._taken[conn.kind] -= 1
        if done.exception() is None and done.result():
            self.enqueue_req(conn)
        else:
            self._end(conn)

    def handle_error(self, _: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Say what gunicorn found wrong as this service says it."""
        if isinstance(exc, errors.ParseException):
            status = _STATUSES.get(type(exc), 400)
            self.log.warning("A request of %s cannot be read: %s", addr[0] if addr else "?", exc)
        else:
            status = 500
            self.log.error("A request failed", exc_info=exc)
        with suppress(OSError):
            client.send(self.wsgi.extensions["unreadable"](status, str(exc)), socket.MSG_DONTWAIT)

    def _refuse(self, conn: Any) -> None:
        missing = _missing(conn.received)
        last = missing != 0 or bool(_LAST.search(conn.received)) or self._is_last(conn)
        try:
            answer = self.wsgi.extensions["refusal"](conn.received, last)
            conn.sock.send(answer, socket.MSG_DONTWAIT)
        except OSError:
            last = True
        conn.received = b""
        if last:
            self._end(conn, _LAST_WAIT_S if missing == 0 else _REQUEST_S)
        else:
            self.enqueue_req(conn)

    def _end(self, conn: Any, seconds: float = _LAST_WAIT_S) -> None:
        """End a connection once the client is done: earlier, it may lose the answer."""
        conn.until = time.monotonic() + seconds
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._let_go(conn)
        else:
            self._watch(conn, self._pass_over, conn.until)

    def _pass_over(self, conn: Any) -> None:
        if _receive(conn) == b"":
            self._let_go(conn)
        else:
            self._watch(conn, self._pass_over, conn.until)

    def _let_go(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def _watch(self, conn: Any, then: Callable[[Any], None], until: float) -> None:
        """Wait in the loop, not on a thread, for what the client sends."""
        conn.sock.setblocking(False)
        self._watched[conn] = until if self.alive else min(until, time.monotonic() + _LAST_WAIT_S)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn, then)
        )

    def _on_readable(self, conn: Any, then: Callable[[Any], None], _: Any) -> None:
        self._unwatch(conn)
        then(conn)

    def _unwatch(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        del self._watched[conn]

    def set_accept_enabled(self, enabled: bool) -> None:
        """When stopping, accept who waits already, then refuse.

        A socket that is only left alone goes on taking connections, which are reset at the end.
        """
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        last = time.monotonic() + _LAST_WAIT_S
        self._watched = {conn: min(until, last) for conn, until in self._watched.items()}
        for listener in self.sockets:
            while select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            listener.close()
        self.sockets = []


def _receive(conn: Any) -> bytes | None:
    """What has come of a connection's next request, b"" where it was closed; None: nothing yet."""
    if conn.parser and (held := conn.parser.unreader.take_buffered()):
        return bytes(held)  # with the end of the request before
    try:
        received: bytes = conn.sock.recv(_HEAD, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""
    return received


def _is_worth_waiting(request: bytes) -> bool:
    """Whether the loop should wait for more of it: small, not whole, and the client will send it.

    What is no HTTP goes on, for a thread to say so.
    """
    if b"\r\n\r\n" not in request:
        return len(request) < _HEAD and (not request or request[:1].isalpha())
    missing = _missing(request)
    is_small = missing is not None and 0 < missing <= _HEAD - len(request)
    return is_small and not _EXPECT.search(request)


def _missing(request: bytes) -> int | None:
    """How many bytes are still to come of it (below 0: they are another's); None: not known."""
    head, found, body = request.partition(b"\r\n\r\n")
    if not found or _CODED.search(head):
        return None
    length = _LENGTH.search(head + b"\r\n")
    return (int(length[1]) if length else 0) - len(body)

"""gunicorn as ConvScope runs it: tells that it will stop before it stops, reloads in place.

SIGTERM  not ready at once, new connections refused after the grace, every request that came before
         that answered, exit 0. SIGINT and SIGQUIT stop at once.
SIGHUP   the workers load models and keys anew while they go on answering.
"""

import logging
import os
import re
import selectors
import shutil
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import Application
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from service.control import Control
from service.errors import BundleError, SettingsError
from service.settings import Settings

log = logging.getLogger("gunicorn.error")
BEAT_S = 0.5
_PAUSE_S = 1.0  # before a worker that cannot load is tried again
_HEAD = 65_536  # bytes looked at of a request that is refused
_LENGTH = re.compile(rb"(?i)\r\nContent-Length:[ \t]*(\d{1,18})")
_TURN_S = 2e-4
_LAST_WAIT_S = 2.0  # when stopping, for connections that have sent nothing yet
_KEPT_REQUESTS = 100  # on one connection: a worker that has come anew gets its share in time


class Server(Application):  # type: ignore[misc]  # gunicorn ships no types
    """The arbiter's and the workers' common part: the settings and the page they share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.control = Control()
        super().__init__()

    def init(self, parser: object, opts: object, args: object) -> None:
        """No flags: every setting comes from the environment."""

    def load_config(self) -> None:
        """Read `gunicorn.conf.py` beside this file."""
        self.load_config_from_file(str(Path(__file__).with_name("gunicorn.conf.py")))

    def run(self) -> None:
        """Serve until told to stop."""
        with _metrics_folder():
            DrainingArbiter(self).run()

    def load(self) -> Flask:
        """Build the app in the worker, after the fork: nothing that computes is ever forked."""
        from service.app import create_app  # after the fork

        try:
            app = create_app(self.settings, self.control)
        except (BundleError, SettingsError) as error:
            log.critical("Cannot serve: %s", error)
            if not self.control.started:
                sys.exit(Arbiter.APP_LOAD_ERROR)
            time.sleep(_PAUSE_S)  # the other workers go on with what they have
            sys.exit(1)
        self.control.start()
        return app


class DrainingArbiter(Arbiter):  # type: ignore[misc]
    """Stops in two steps, and leaves reloading to the workers.

    gunicorn's own SIGHUP starts other workers instead: a broken bundle would stop them all.
    """

    _stops_at: float | None = None

    def handle_term(self) -> None:
        """No more ready; stop when the balancer has had the time to notice."""
        if self._stops_at is None:
            self.app.control.drain()
            grace = self.app.settings.drain_grace
            self.log.info("No more ready; new connections are refused in %s s", grace)
            self._stops_at = time.monotonic() + grace

    def handle_hup(self) -> None:
        """Have every worker load models and keys anew."""
        self.app.control.ask_for_reload()

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """As always, but no longer than until it is time to stop."""
        if self._stops_at is not None:
            timeout = min(timeout, self._stops_at - time.monotonic())
            if timeout <= 0:
                raise StopIteration  # what gunicorn's own SIGTERM does
        signals: list[int] = super().wait_for_signals(timeout)
        return signals


class Worker(ThreadWorker):  # type: ignore[misc]
    """Answers with threads; between requests it sees to what the arbiter wants.

    A request that finds no place is refused here, where requests come in: were it to wait for a
    thread to say so, it would wait behind all that came before.
    """

    sockets: list[Any]
    pending_conns: deque[Any]
    _next_beat = 0.0
    _taken = 0  # places, by work that a thread has or that waits for one

    def init_process(self) -> None:
        """Have threads take turns often: the loop needs the GIL again after every system call."""
        sys.setswitchinterval(_TURN_S)
        super().init_process()

    def notify(self) -> None:
        """Called at least every second."""
        super().notify()
        if self.alive and time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_S
            self.wsgi.extensions["upkeep"]()

    def enqueue_req(self, conn: Any) -> None:
        """Give the connection to a thread, once something has come; refuse work without a place."""
        if not (conn.parser and conn.parser.unreader.buf.getvalue()):  # else a thread has read it
            try:
                head = conn.sock.recv(_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._watch(conn, self.on_pending_socket_readable)
                return
            except OSError:
                head = b""
            conn.is_work = head.startswith(b"POST ")
            settings = self.app.settings
            if conn.is_work and self._taken >= settings.threads + settings.queue:
                self._refuse(conn, head)
                return
        self._taken += conn.is_work
        super().enqueue_req(conn)

    def finish_request(self, conn: Any, done: Any) -> None:
        """A thread is through with it."""
        self._taken -= conn.is_work
        super().finish_request(conn, done)

    def _refuse(self, conn: Any, head: bytes) -> None:
        with suppress(OSError):
            conn.sock.recv(len(head), socket.MSG_DONTWAIT)
            conn.sock.send(self.wsgi.extensions["refusal"](head), socket.MSG_DONTWAIT)
            if not _is_whole(head):  # closed before the client is done, it may lose the answer
                conn.sock.shutdown(socket.SHUT_WR)
                self._watch(conn, self._pass_over)
                return
        self.nr_conns -= 1
        conn.close()

    def _watch(self, conn: Any, then: Callable[[Any, Any], None]) -> None:
        """Wait in the loop, not on a thread, for what the client sends."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + (self.cfg.keepalive if self.alive else _LAST_WAIT_S)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(then, conn))

    def _pass_over(self, conn: Any, client: Any) -> None:
        """Read on until the client is done."""
        try:
            more = client.recv(_HEAD)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self.nr_conns -= 1
            conn.close()

    def set_accept_enabled(self, enabled: bool) -> None:
        """When stopping, accept who waits already, then refuse.

        A socket that is only left alone goes on taking connections, which are reset at the end.
        """
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, time.monotonic() + _LAST_WAIT_S)
        for listener in self.sockets:
            before = -1
            while before < self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()
        self.sockets = []

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Let go of a kept connection now and then, and at once while draining.

        Else every client would stay with the worker that it met first, however busy that is.
        """
        conn.requests = getattr(conn, "requests", 0) + 1
        if self.app.control.draining or conn.requests >= _KEPT_REQUESTS:
            req.force_close()
        keep: bool = super().handle_request(req, conn)
        return keep


def _is_whole(request: bytes) -> bool:
    """Whether nothing more is to come of it, as far as its head says."""
    head, _, body = request.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return length is not None and len(body) >= int(length[1])


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """The files in which workers count, so that any of them can tell for all."""
    owner = os.getpid()
    folder = tempfile.mkdtemp(prefix="convscope-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # where prometheus_client looks
    try:
        yield
    finally:
        if os.getpid() == owner:  # workers, being forks, come by here too
            shutil.rmtree(folder, ignore_errors=True)

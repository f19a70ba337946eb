"""gunicorn's arbiter and worker, configured for ConvScope.

SIGTERM  drains: readiness fails at once; after the grace period the listener closes, every
         accepted request is answered, and the process exits with 0.
SIGINT, SIGQUIT  stop at once.
SIGHUP   reloads models and keys in every worker, which keeps serving meanwhile.
"""

import asyncio
import ctypes
import gc
import logging
import os
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.sharedctypes import RawValue
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOL_SOCKET, socket

import uvicorn
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from service.control import Control
from service.errors import BundleError, SettingsError
from service.runtime.adapter import Adapter, Application
from service.runtime.connections import Connection, abort_stalled
from service.settings import Settings

log = logging.getLogger("gunicorn.error")
_TICK = 5  # uvicorn's ticks (0.1 s) between two checks for reloads, metrics, stalled connections
_PAUSE_S = 1.0  # before a worker that cannot load is replaced
_HANDSHAKE_S = 0.2  # a drain waits this long for handshakes that have begun
_LAST_REQUEST_S = 1.0  # and this long for one more request of each connection
_UNREAD_S = 0.1  # and this long for one that has begun to arrive when its connection is closed
_BACKLOG = 2048  # connections that may wait to be accepted
_GC_THRESHOLD = 50_000  # new objects after which Python collects cycles
_SO_ATTACH_FILTER = 26  # Linux; the module `socket` does not define it
_MEMORY = "/dev/shm"  # noqa: S108 - a folder in memory (Linux); gunicorn makes safe names
_ARENA_MAX = -8  # glibc's M_ARENA_MAX
_SPARE_FILES = 64  # file descriptors for everything but connections


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's application: its configuration, and what a worker loads."""

    def __init__(
        self, settings: Settings, load_app: Callable[[Control], Adapter], logger_class: type
    ) -> None:
        """Listen; connections wait until a worker accepts them.

        Raises:
            SettingsError: the address cannot be bound.
        """
        self.settings, self.control = settings, RawValue(Control)
        self._listener = listen(settings.host, settings.port).detach()
        self._load_app, self._logger_class = load_app, logger_class
        super().__init__()

    def load_config(self) -> None:
        """Configure gunicorn from the service's settings."""
        # of gunicorn's own listener, errors are retried for seconds
        self.cfg.set("bind", f"fd://{self._listener}")
        self.cfg.set("workers", self.settings.workers)
        self.cfg.set("worker_class", Worker)
        self.cfg.set("logger_class", self._logger_class)
        self.cfg.set(
            "keepalive", 75
        )  # longer than a load balancer's, so that it never reuses a closed connection
        if os.access(_MEMORY, os.W_OK):  # a worker's sign of life must not depend on a disk
            self.cfg.set("worker_tmp_dir", _MEMORY)
        self.cfg.set("control_socket_disable", True)  # may deadlock at fork (gunicorn #3509, #3529)

    def load(self) -> Adapter:
        """Build the application in a worker; exit with 4 where the first worker cannot load."""
        try:
            adapter = self._load_app(self.control)
        except (BundleError, SettingsError) as error:
            log.critical("Cannot serve: %s", error)
            if not self.control.started:
                sys.exit(Arbiter.APP_LOAD_ERROR)
            time.sleep(_PAUSE_S)  # the other workers keep serving what they have loaded
            sys.exit(1)
        self.control.started = True
        return adapter

    def run(self) -> None:
        """Serve until a signal stops the service."""
        DrainingArbiter(self).run()


def listen(host: str, port: int) -> socket:
    """Return a listening socket.

    Raises:
        SettingsError: the address cannot be bound.
    """
    listener = socket(AF_INET6 if ":" in host else AF_INET)
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = f"HOST {host!r} with PORT {port} cannot be listened on ({error.strerror})"
        raise SettingsError(
            f"{reason}. Set HOST to an address of this machine and PORT to a free port, or stop "
            "the program that uses it."
        ) from error
    return listener


class DrainingArbiter(Arbiter):  # type: ignore[misc]
    """An arbiter that drains before it stops, and reloads without replacing its workers."""

    _stops_at = float("inf")

    def handle_term(self) -> None:
        """Fail readiness, and stop after the grace period."""
        if not self.app.control.draining:
            self.app.control.draining = True
            self._stops_at = time.monotonic() + self.app.settings.drain_grace
            self.log.info("Draining: the listener closes in %s s", self.app.settings.drain_grace)

    def handle_hup(self) -> None:
        """Request a reload of models and keys from every worker."""
        self.app.control.reloads += 1

    def spawn_worker(self) -> int | None:
        """Start a worker; where the system refuses, log it: gunicorn tries again every second."""
        try:
            pid: int = super().spawn_worker()
        except OSError as error:
            if not self.app.control.started:
                raise
            self.log.error("A worker was not started: %s", error)
            return None
        return pid

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """Wait for signals, at most until the grace period ends."""
        remaining = self._stops_at - time.monotonic()
        if remaining <= 0:
            self.app.control.stopping = True
            raise StopIteration  # as gunicorn's own handler of SIGTERM does
        signals: list[int] = super().wait_for_signals(min(timeout, remaining))
        return signals


class Worker(UvicornWorker):  # type: ignore[misc]  # uvicorn-worker ships no types
    """gunicorn's side of a worker process."""

    # the application decides which proxies it trusts, and writes the access log
    CONFIG_KWARGS = {  # noqa: RUF012 - as uvicorn-worker declares it
        "loop": "asyncio",
        "http": Connection,
        "backlog": 16,  # of asyncio: connections that a worker accepts per iteration
        "ws": "none",
        "lifespan": "off",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
    }

    def run(self) -> None:
        """Serve until gunicorn stops the worker."""
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        _share_heap()
        adapter: Adapter = self.wsgi
        gc.freeze()  # what is loaded now is permanent: scanning it takes milliseconds
        gc.set_threshold(_GC_THRESHOLD)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = min(max(adapter.settings.max_connections + _SPARE_FILES, soft), hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        Connection.max_connections = min(adapter.settings.max_connections, limit - _SPARE_FILES)
        self.config.app = adapter
        self.config.callback_notify = None  # uvicorn's fails while the wall clock is set back
        server = DrainingServer(self.config, adapter.app, self.app.control, self.notify)
        asyncio.run(server.serve(sockets=self.sockets))


class DrainingServer(uvicorn.Server):
    """uvicorn's server with a shutdown that resets no connection.

    Args:
        config: uvicorn's.
        app: the application.
        control: states whether the whole service stops, or this worker alone.
        notify: informs the arbiter that the worker is alive.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        app: Application,
        control: Control,
        notify: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._app, self._control, self._notify = app, control, notify
        self._failing: set[Callable[[], None]] = set()  # so that each failure is logged once

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Set a larger backlog than the number of connections that asyncio accepts at once."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(_BACKLOG)

    async def on_tick(self, counter: int) -> bool:
        """Write the log, publish metrics, start reloads and abort stalled connections."""
        if counter % _TICK == 0:
            self._notify()
            abort_stalled(self._connections())
        self._write(self._app.flush)
        if counter % _TICK == 0:
            self._write(self._app.tick)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Accept the pending connections, close the listener, answer every accepted request.

        A worker that stops alone leaves the pending connections to the others.
        """
        loop = asyncio.get_running_loop()
        if self._control.stopping:
            for listener in sockets or []:
                _refuse_handshakes(listener)
            await asyncio.sleep(_HANDSHAKE_S)
        for listener in sockets or []:
            loop.remove_reader(listener.fileno())
        await asyncio.sleep(0.01)  # closing the server drops connections that asyncio is accepting
        if self._control.stopping:
            for each in [each for listener in sockets or [] for each in _accept_waiting(listener)]:
                await loop.connect_accepted_socket(
                    lambda: Connection(self.config, self.server_state, {}, loop), each
                )
        await self._wait_while(Connection.drain, _LAST_REQUEST_S)
        await self._wait_while(Connection.close_if_idle, _UNREAD_S)
        await super().shutdown(sockets)
        self._write(self._app.flush)
        self._write(self._app.tick)

    async def _wait_while(self, is_pending: Callable[[Connection], bool], seconds: float) -> None:
        """Wait until nothing is pending on any connection, or the time is over."""
        end = time.monotonic() + seconds
        while sum(map(is_pending, self._connections())) and time.monotonic() < end:
            await asyncio.sleep(0.01)

    def _write(self, write: Callable[[], None]) -> None:
        """Write log lines or metrics; a full disk must not stop the service."""
        try:
            write()
        except OSError as error:
            if write not in self._failing:
                log.error("Log lines or metrics were not written: %s", error)
            self._failing.add(write)
        else:
            self._failing.discard(write)

    def _connections(self) -> list[Connection]:
        return [each for each in self.server_state.connections if isinstance(each, Connection)]


def _share_heap() -> None:
    """Let all threads allocate from one heap, where the C library is glibc.

    One for each thread would keep what the thread has freed, and grow for hours.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_ARENA_MAX, 1)


def _refuse_handshakes(listener: socket) -> None:
    """Make the kernel drop new connections, which `close` would reset after the last `accept`.

    The client sends the packet again after a second, and its connection is refused.
    Attaches a packet filter (Linux, socket(7)) that drops packets with the flag SYN, and no others:
    a client whose handshake has begun may already have sent its request.
    """
    load_flags, drop_if_syn = (0x30, 0, 0, 13), (0x45, 0, 1, 0x02)
    drop, accept = (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)
    program = [struct.pack("HBBI", *step) for step in (load_flags, drop_if_syn, drop, accept)]
    code = ctypes.create_string_buffer(b"".join(program))
    with suppress(OSError):  # other systems do not support it
        listener.setsockopt(
            SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code))
        )


def _accept_waiting(listener: socket) -> Iterator[socket]:
    """Accept the connections in the kernel's backlog, which `close` would reset."""
    with suppress(BlockingIOError):
        while True:
            accepted, _ = listener.accept()
            accepted.setblocking(False)
            yield accepted

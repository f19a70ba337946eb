"""gunicorn's arbiter and worker as ConvScope runs them.

SIGTERM  readiness fails at once; after the grace period the listener closes, every accepted request
         is answered, exit 0. SIGINT and SIGQUIT stop at once.
SIGHUP   the workers reload models and keys while they go on answering.
"""

import asyncio
import logging
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from socket import socket
from typing import Any

import uvicorn
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from service.control import Control
from service.errors import BundleError, SettingsError
from service.runtime.adapter import Adapter
from service.runtime.connections import Connection, close_stalled
from service.settings import Settings

log = logging.getLogger("gunicorn.error")
TICK = 5  # of uvicorn's ticks of 0.1 s: reloads, gauges, stalled connections
_PAUSE_S = 1.0  # before a worker that cannot load is replaced again
_FIRST_REQUEST_S = 1.0  # for the request of a connection that was accepted last
_SPARE_DESCRIPTORS = 64  # for files, listeners and logs


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's application: its configuration, and what a worker loads.

    Args:
        settings: the service's.
        load_app: builds the ASGI application in a worker.
        logger_class: gunicorn's logger, with the service's format.
    """

    def __init__(
        self,
        settings: Settings,
        load_app: Callable[[Control], Adapter],
        logger_class: type,
    ) -> None:
        self.settings, self.control = settings, Control()
        self._load_app, self._logger_class = load_app, logger_class
        super().__init__()

    def load_config(self) -> None:
        """Configure gunicorn; every value that can vary is a setting of the service."""
        for name, value in {
            "bind": f"{self.settings.host}:{self.settings.port}",
            "workers": self.settings.workers,
            "worker_class": Worker,
            "logger_class": self._logger_class,
            "keepalive": 75,  # longer than a load balancer's idle time: it never meets a closed one
            "timeout": 30,
            "graceful_timeout": 30,
            "control_socket_disable": True,  # known to deadlock around fork (gunicorn #3509, #3529)
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Adapter:
        """Build the application; exit 4 where the first worker cannot."""
        try:
            adapter = self._load_app(self.control)
        except (BundleError, SettingsError) as error:
            log.critical("Cannot serve: %s", error)
            if not self.control.started:
                sys.exit(Arbiter.APP_LOAD_ERROR)
            time.sleep(_PAUSE_S)  # the other workers go on with what they have
            sys.exit(1)
        self.control.start()
        return adapter

    def run(self) -> None:
        """Serve until a signal stops the service."""
        DrainingArbiter(self).run()


class DrainingArbiter(Arbiter):  # type: ignore[misc]
    """Stops in two steps, and leaves reloading to the workers.

    gunicorn's own SIGHUP starts other workers instead: a broken bundle would stop them all.
    """

    _stops_at: float | None = None

    def handle_term(self) -> None:
        """Fail readiness; stop when the load balancer has had the time to notice."""
        if self._stops_at is None:
            self.app.control.drain()
            grace = self.app.settings.drain_grace
            self.log.info("Draining: the listener closes in %s s", grace)
            self._stops_at = time.monotonic() + grace

    def handle_hup(self) -> None:
        """Have every worker reload models and keys."""
        self.app.control.request_reload()

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """Wait as gunicorn does, but no longer than until it is time to stop."""
        if self._stops_at is not None:
            timeout = min(timeout, self._stops_at - time.monotonic())
            if timeout <= 0:
                raise StopIteration  # what gunicorn's own SIGTERM does
        signals: list[int] = super().wait_for_signals(timeout)
        return signals


class Worker(UvicornWorker):
    """gunicorn's side of a worker process."""

    CONFIG_KWARGS = {  # noqa: RUF012 - uvicorn-worker's name and type
        "loop": "asyncio",
        "http": Connection,
        "ws": "none",
        "lifespan": "off",
        "proxy_headers": False,  # the application decides whom to believe
        "server_header": False,
        "access_log": False,  # the application writes it
    }

    def run(self) -> None:
        """Serve until gunicorn stops the worker."""
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        Connection.max_connections = _raise_descriptors(self.wsgi.max_connections)
        self.config.app = self.wsgi
        asyncio.run(DrainingServer(self.config).serve(sockets=self.sockets))


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which also accepts what waits when the listener closes."""

    async def on_tick(self, counter: int) -> bool:
        """Do what is due between requests."""
        adapter = self.config.app
        adapter.app.flush()
        if counter % TICK == 0:
            adapter.tick()
            close_stalled(self.server_state.connections)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop in such a way that no client that is connected is reset."""
        for listener in sockets or []:
            await self._accept_waiting(listener)
        for server in self.servers:
            server.close()
        last = time.monotonic() + _FIRST_REQUEST_S
        while self._is_request_awaited() and time.monotonic() < last:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)
        self.config.app.app.flush()
        self.config.app.tick()

    def _is_request_awaited(self) -> bool:
        connections: set[Any] = self.server_state.connections
        return any(each.cycle is None for each in connections)

    async def _accept_waiting(self, listener: socket) -> None:
        """Accept the connections that the kernel holds: closing the listener resets them."""
        loop = asyncio.get_running_loop()
        with suppress(BlockingIOError):
            while True:
                accepted, _ = listener.accept()
                accepted.setblocking(False)
                await loop.connect_accepted_socket(
                    lambda: Connection(self.config, self.server_state, self.lifespan.state, loop),
                    accepted,
                )


def _raise_descriptors(connections: int) -> int:
    """Let the process open enough files for its connections; how many it may really have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _SPARE_DESCRIPTORS
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed - _SPARE_DESCRIPTORS

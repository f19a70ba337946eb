"""The arbiter and its workers when the system refuses what they need."""

import asyncio
import errno
import logging
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvicorn

from service.control import Control
from service.runtime.server import DrainingArbiter, DrainingServer, Server
from service.settings import Settings


class Quiet(logging.Logger):
    """gunicorn's logger, without its handlers, which other tests would inherit."""

    def __init__(self, _):
        super().__init__("quiet")


class Idle:
    """An application with nothing to write."""

    def flush(self):
        """Write nothing."""

    def tick(self):
        """Publish nothing."""


class Failing(Idle):
    """An application whose log cannot be written."""

    def flush(self):
        """Fail as on a full disk."""
        raise OSError(errno.ENOSPC, "No space left on device")


def ticks(app, count, beat=lambda: None):
    """Run a worker's periodic work."""
    server = DrainingServer(uvicorn.Config(app=None), app, Control(), beat)

    async def run():
        for counter in range(count):
            assert not await server.on_tick(counter)

    with ThreadPoolExecutor(1) as threads:  # another test's browser may have a loop in this one
        threads.submit(asyncio.run, run()).result()


def test_an_arbiter_survives_where_no_worker_can_be_started(monkeypatch):
    """Once the service has started, it tries again later; a start fails at once."""

    def fail(**_):
        raise OSError(errno.EROFS, "Read-only file system")

    server = Server(Settings(workers=2), lambda _: None, Quiet)
    arbiter = DrainingArbiter(server)
    arbiter.pid = os.getpid()
    monkeypatch.setattr(tempfile, "mkstemp", fail)
    server.control.started = True
    arbiter.manage_workers()
    assert arbiter.WORKERS == {}
    server.control.started = False
    with pytest.raises(OSError, match="Read-only"):
        arbiter.manage_workers()


def test_a_worker_is_alive_whatever_the_wall_clock_says(monkeypatch):
    """It informs the arbiter at least once a second, also after the clock was set back."""
    beats = []
    wall = iter(range(10_000, 0, -1))
    monkeypatch.setattr(time, "time", lambda: next(wall))
    ticks(Idle(), 100, lambda: beats.append(0))
    assert len(beats) >= 10


def test_a_failure_to_write_is_logged_once(caplog):
    """Ten a second would fill what space the disk has left."""
    ticks(Failing(), 10)
    assert [record.getMessage() for record in caplog.records] == [
        "Log lines or metrics were not written: [Errno 28] No space left on device"
    ]

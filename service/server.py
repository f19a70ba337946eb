"""gunicorn as ConvScope runs it: tells that it will stop before it stops, reloads in place.

SIGTERM  not ready at once, new connections refused after the grace, every request that came before
         that answered, exit 0. SIGINT and SIGQUIT stop at once.
SIGHUP   the workers load models and keys anew while they go on answering.
"""

import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from gunicorn.app.base import Application
from gunicorn.arbiter import Arbiter

from service.control import Control
from service.errors import BundleError, SettingsError
from service.settings import Settings

log = logging.getLogger("gunicorn.error")
_PAUSE_S = 1.0  # before a worker that cannot load is tried again


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

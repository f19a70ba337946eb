"""What a worker sees to between requests: loading anew when asked, telling what it is."""

import logging
import threading
from collections.abc import Mapping

from service.api import metrics
from service.models import Model
from service.state import State

log = logging.getLogger(__name__)


class Upkeep:
    """To be called about once a second; never takes long."""

    def __init__(self, state: State, asked_before: int) -> None:
        """Set out.

        Args:
            state: what is loaded.
            asked_before: how often loading was asked for before `state` was loaded.
        """
        self._state = state
        self._asked = asked_before
        self._told: Mapping[str, Model] = {}
        self._tell_errors()
        self()

    def __call__(self) -> None:
        """See to it."""
        models = self._state.models.loaded
        metrics.tell_of_worker(models, self._told)
        self._told = models
        asked = self._state.control.reloads
        if asked != self._asked:
            self._asked = asked
            threading.Thread(target=self._reload, name="reload").start()

    def _reload(self) -> None:
        self._state.reload()
        failed = bool(self._state.errors)
        metrics.reloads.labels("failed" if failed else "done").inc()
        self._tell_errors()
        there = self._state.models.loaded.values()
        log.info("Loaded: %s", ", ".join(f"{m.bundle.name} {m.bundle.version}" for m in there))

    def _tell_errors(self) -> None:
        errors = self._state.errors
        metrics.reload_failed.set(bool(errors))
        for error in errors:
            log.error("Stays as it was: %s", error)

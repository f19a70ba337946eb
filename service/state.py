"""The models and keys of a worker, which can be reloaded while it serves requests."""

import logging
import threading
from collections import deque
from typing import Literal

from service.control import Control
from service.errors import SettingsError
from service.keys import Keys
from service.model.registry import Models
from service.settings import Settings

log = logging.getLogger(__name__)


class State:
    """The models and keys.

    Attributes:
        errors: the errors of the last load or reload; empty where it succeeded.
        results: the result of each reload that the metrics have not counted yet.

    Raises:
        SettingsError: the keys file is invalid.
        BundleError: the default model is missing or cannot be loaded.
    """

    def __init__(self, settings: Settings, control: Control) -> None:
        self._reloads = control.reloads  # read first: a reload requested meanwhile is not lost
        self.control = control
        self.models = Models(
            settings.models_dir,
            settings.default_model,
            lenient=control.started,
            memory_limit=settings.model_memory * 2**20,
        )
        self.keys = Keys(settings.api_keys_file)
        self.results: deque[Literal["done", "failed"]] = deque()
        self._lock = threading.Lock()  # one reload at a time
        self._set_errors(self.models.errors)

    def reload_if_requested(self) -> None:
        """Start a reload on a thread where one was requested since the last one began.

        Those that are requested while one runs are one reload, once it has ended.
        """
        if self.control.reloads != self._reloads and not self._lock.locked():
            self._reloads = self.control.reloads
            threading.Thread(target=self.reload, name="reload").start()

    def reload(self) -> None:
        """Reload models and keys; where that fails, keep the current ones and set `errors`."""
        with self._lock:
            self.models.reload()
            errors = list(self.models.errors)
            try:
                self.keys.reload()
            except SettingsError as error:
                errors.append(str(error))
            self._set_errors(errors)
            self.results.append("failed" if errors else "done")
        newest = self.models.newest()
        log.info("Serving: %s", ", ".join(f"{each.name} {each.number}" for each in newest))

    def _set_errors(self, errors: list[str]) -> None:
        self.errors = tuple(errors)
        for error in errors:
            log.error("Reload failed, keeping the current version: %s", error)

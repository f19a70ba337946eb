"""What a worker serves at the moment: models and keys, reloaded while requests go on."""

import logging
import threading
from collections import deque
from collections.abc import Iterator
from typing import Literal

from service.control import Control
from service.errors import SettingsError
from service.keys import Keys
from service.models import Models
from service.settings import Settings

log = logging.getLogger(__name__)
Result = Literal["done", "failed"]


class State:
    """Models, keys, and what the arbiter wants.

    Attributes:
        models: the loaded models.
        keys: the API keys.
        control: draining and reloads, as the arbiter has them.
        errors: why the last load left something as it was; empty where all went well.
    """

    def __init__(self, settings: Settings, control: Control) -> None:
        """Load everything.

        Raises:
            SettingsError: the keys cannot be used.
            BundleError: a model cannot be loaded, or is not there.
        """
        self._generation = control.reloads  # before loading: what changes meanwhile is reloaded
        self.control = control
        self.models = Models(settings.models_dir, settings.default_model, lenient=control.started)
        self.keys = Keys(settings.api_keys_file)
        self.errors = tuple(self.models.errors)
        self._results: deque[Result] = deque()
        self._log_errors()

    def reload_if_requested(self) -> None:
        """Start a reload on a thread where the arbiter requested one since the last."""
        if self.control.reloads != self._generation:
            self._generation = self.control.reloads
            threading.Thread(target=self.reload, name="reload").start()

    def reload(self) -> None:
        """Reload; what fails stays as it was, and `errors` says why."""
        with self._lock:
            self.models.reload()
            errors = list(self.models.errors)
            try:
                self.keys.reload()
            except SettingsError as error:
                errors.append(str(error))
            self.errors = tuple(errors)
            self._results.append("failed" if errors else "done")
        self._log_errors()
        loaded = self.models.loaded.values()
        log.info("Loaded: %s", ", ".join(f"{m.bundle.name} {m.bundle.version}" for m in loaded))

    def take_results(self) -> Iterator[Result]:
        """How each reload went that has ended since the last call."""
        while self._results:
            yield self._results.popleft()

    def _log_errors(self) -> None:
        for error in self.errors:
            log.error("Reload failed, keeping the current version: %s", error)

    _lock = threading.Lock()  # one reload at a time

"""What a worker serves at the moment: models and keys, loaded anew while requests go on."""

import threading

from service.control import Control
from service.errors import SettingsError
from service.keys import Keys
from service.models import Models
from service.settings import Settings


class State:
    """Models, keys, and what the arbiter wants.

    Attributes:
        models: what is loaded.
        keys: which are known.
        control: what the arbiter wants.
        errors: why the last loading left something as it was; empty where all went well.
    """

    def __init__(self, settings: Settings, control: Control) -> None:
        """Load everything.

        Raises:
            SettingsError: the keys cannot be used.
            BundleError: a model cannot, or is not there.
        """
        self.control = control
        self.models = Models(settings.models_dir, settings.default_model, lenient=control.started)
        self.keys = Keys(settings.api_keys_file)
        self.errors = tuple(self.models.errors)
        self._one_at_a_time = threading.Lock()

    def reload(self) -> None:
        """Load anew; whatever fails stays as it was, and `errors` says why."""
        with self._one_at_a_time:
            self.models.reload()
            errors = list(self.models.errors)
            try:
                self.keys.reload()
            except SettingsError as error:
                errors.append(str(error))
            self.errors = tuple(errors)

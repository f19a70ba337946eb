"""gunicorn's logger, in the service's format."""

import logging
import sys
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from service.logs import JsonFormatter, TextFormatter, is_text
from service.settings import Settings


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn ships no types
    """Formats gunicorn's events and those of every other logger alike, on stderr."""

    def setup(self, cfg: Any) -> None:
        """Give gunicorn's handlers the format, and the rest of the program a handler."""
        super().setup(cfg)
        formatter = TextFormatter() if is_text(Settings.from_env()) else JsonFormatter()
        root = logging.getLogger()
        root.handlers = [logging.StreamHandler(sys.stderr)]
        root.setLevel(logging.INFO)
        for log in (root, self.error_log):
            for handler in log.handlers:
                handler.setFormatter(formatter)

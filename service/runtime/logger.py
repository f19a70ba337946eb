"""Format gunicorn's log lines as the service's."""

import logging
import sys
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from service.logs import JsonFormatter, TextFormatter, is_text
from service.settings import Settings


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn ships no types
    """A logger that writes all events to stderr in the service's format."""

    def setup(self, cfg: Any) -> None:
        """Set the format of gunicorn's handlers and of the root logger's."""
        super().setup(cfg)
        formatter = TextFormatter() if is_text(Settings.from_env()) else JsonFormatter()
        root = logging.getLogger()
        root.handlers = [logging.StreamHandler(sys.stderr)]
        root.setLevel(logging.INFO)
        for log in (root, self.error_log):
            for handler in log.handlers:
                handler.setFormatter(formatter)

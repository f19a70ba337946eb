"""`python -m service`: check the settings, then serve with gunicorn in this very process."""

import logging
import sys
from pathlib import Path

from flask import Flask
from gunicorn.app.base import Application
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from service.errors import BundleError, SettingsError
from service.settings import Settings

log = logging.getLogger("gunicorn.error")


class Server(Application):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn with `gunicorn.conf.py`, that says in one line why a bundle is refused."""

    def init(self, parser: object, opts: object, args: object) -> None:
        """No flags: every setting comes from the environment."""

    def load_config(self) -> None:
        """Read `gunicorn.conf.py` beside this file."""
        self.load_config_from_file(str(Path(__file__).with_name("gunicorn.conf.py")))

    def load(self) -> Flask:
        """Build the app in the worker, after the fork: nothing that computes is ever forked."""
        from service.app import create_app  # after the fork

        try:
            return create_app()
        except BundleError as error:
            log.critical("Cannot serve: %s", error)
            sys.exit(Arbiter.APP_LOAD_ERROR)


def main() -> None:
    """Serve until told to stop; exit 2 where a setting cannot be used, 4 where a bundle fails."""
    try:
        Settings.from_env()
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    try:
        Server().run()
    except HaltServer as stop:  # two workers that fail at once: the second goes uncaught
        sys.exit(stop.exit_status)


if __name__ == "__main__":
    main()

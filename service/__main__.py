"""`python -m service`: check the settings, then serve with gunicorn in this very process."""

import sys

from gunicorn.errors import HaltServer

from service.errors import SettingsError
from service.keys import Keys
from service.server import Server
from service.settings import Settings


def main() -> None:
    """Serve until told to stop; exit 2 where a setting cannot be used, 4 where a bundle fails."""
    try:
        settings = Settings.from_env()
        Keys(settings.api_keys_file)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    try:
        Server(settings).run()
    except HaltServer as stop:  # two workers that fail at once: the second goes uncaught
        sys.exit(stop.exit_status)


if __name__ == "__main__":
    main()

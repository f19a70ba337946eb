"""Run the service: `python -m service` checks the settings, then serves with gunicorn."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gunicorn.errors import HaltServer

from service.control import Control
from service.errors import SettingsError
from service.keys import Keys
from service.runtime.adapter import Adapter
from service.runtime.admission import Admission
from service.runtime.logger import Logger
from service.runtime.server import Server
from service.settings import Settings


def main() -> None:
    """Serve until a signal stops the process.

    Exits with 2 where a setting is invalid, with 4 where a bundle cannot be loaded.
    """
    try:
        settings = Settings.from_env()
        Keys(settings.api_keys_file)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    # each worker keeps one core busy: threads of BLAS would compete with the other workers
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with _metrics_folder() as folder:
        try:
            Server(settings, lambda control: _adapter(settings, control, folder), Logger).run()
        except HaltServer as stop:  # gunicorn does not catch it where two workers fail at once
            sys.exit(stop.exit_status)


def _adapter(settings: Settings, control: Control, folder: Path) -> Adapter:
    """Build the ASGI application; called in each worker."""
    # Imported here, after the fork: LiteRT and BLAS start threads, which a fork would not copy.
    from service.app import Service

    admission = Admission(settings)
    return Adapter(Service(settings, control, folder, admission.load), admission, settings)


@contextmanager
def _metrics_folder() -> Iterator[Path]:
    """Create the folder in which workers publish their metrics; remove it at the end."""
    owner = os.getpid()
    folder = tempfile.mkdtemp(prefix="convscope-metrics-")
    try:
        yield Path(folder)
    finally:
        if os.getpid() == owner:  # workers are forks and run this line too
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

"""`python -m service`: check the settings, then serve with gunicorn in this very process."""

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
    """Serve until told to stop; exit 2 where a setting cannot be used, 4 where a bundle fails."""
    try:
        settings = Settings.from_env()
        Keys(settings.api_keys_file)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    # a worker is busy on one core: threads of BLAS would only compete with the other workers
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with _metrics_folder() as folder:
        try:
            Server(settings, lambda control: _adapter(settings, control, folder), Logger).run()
        except HaltServer as stop:  # two workers that fail at once: the second goes uncaught
            sys.exit(stop.exit_status)


def _adapter(settings: Settings, control: Control, folder: Path) -> Adapter:
    """What a worker serves, built in the worker."""
    from service.app import Service

    admission = Admission(settings)
    return Adapter(Service(settings, control, folder, admission.load), admission, settings)


@contextmanager
def _metrics_folder() -> Iterator[Path]:
    """A folder in which workers publish their counts, so that any of them can answer for all."""
    owner = os.getpid()
    folder = tempfile.mkdtemp(prefix="convscope-metrics-")
    try:
        yield Path(folder)
    finally:
        if os.getpid() == owner:  # workers, being forks, come by here too
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

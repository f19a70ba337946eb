"""Run the service: `python -m service` checks the settings, then serves with gunicorn."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from service.control import Control
from service.errors import BundleError, SettingsError
from service.keys import Keys
from service.settings import Settings

if TYPE_CHECKING:
    from service.runtime.adapter import Adapter


def main() -> None:
    """Serve until a signal stops the process.

    Exits with 2 where a setting is invalid, such as a port in use; with 4 where a bundle cannot be
    loaded.
    """
    # each worker keeps one core busy: threads of BLAS would compete with the other workers
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        settings = Settings.from_env()
        Keys(settings.api_keys_file)
        _verify_bundle(settings)
        _serve(settings)
    except (SettingsError, BundleError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(2 if isinstance(error, SettingsError) else 4)


def _verify_bundle(settings: Settings) -> None:
    """Verify the bundle that every worker loads first, before there is any worker or listener.

    A failure is one line after half a second; in a worker it would be one of gunicorn's many.
    """
    # Imported after the environment is set: NumPy's BLAS would start threads before the fork.
    from service.model.bundle import newest, read_bundle

    read_bundle(newest(settings.models_dir, settings.default_model))


def _serve(settings: Settings) -> None:
    """Run gunicorn until a signal stops it.

    Raises:
        SettingsError: the address cannot be bound.
    """
    # gunicorn reads this variable when it is imported, and fails where it is empty
    os.environ["WEB_CONCURRENCY"] = str(settings.workers)
    from gunicorn.errors import HaltServer

    from service.runtime.logger import Logger
    from service.runtime.server import Server

    with _metrics_folder() as folder:
        try:
            Server(settings, lambda control: _adapter(settings, control, folder), Logger).run()
        except HaltServer as stop:  # gunicorn does not catch it where two workers fail at once
            sys.exit(stop.exit_status)


def _adapter(settings: Settings, control: Control, folder: Path) -> "Adapter":
    """Build the ASGI application; called in each worker."""
    # Imported here, after the fork: LiteRT and BLAS start threads, which a fork would not copy.
    from service.app import Service
    from service.runtime.adapter import Adapter
    from service.runtime.admission import Admission

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

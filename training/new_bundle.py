"""Create a bundle's folder whole or not at all, whatever ends the export."""

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.model.bundle import versions
from training.errors import ExportError

log = logging.getLogger(__name__)

_PREFIX = ".export-"  # a hidden folder is no model


@contextmanager
def new_bundle(models: Path, name: str, version: int | None) -> Iterator[tuple[Path, int]]:
    """Lend an empty folder that becomes `models/<name>/<version>` if nothing fails.

    Args:
        models: the folder of all bundles.
        name: the model's name.
        version: a new one; None for the highest existing one plus one.

    Raises:
        ExportError: the name is not allowed, the version exists, or a file cannot be written.
    """
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name[0] == ".":
        raise ExportError(f"The name {name!r} must be letters, digits, '-', '_' and '.'.")
    version = version or max(versions(models, name), default=0) + 1
    target = models / name / str(version)
    if target.exists():
        raise ExportError(f"{target} exists already; choose another --version.")
    try:
        models.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(models)
        with tempfile.TemporaryDirectory(dir=models, prefix=_PREFIX) as folder, _locked(folder):
            bundle = Path(folder) / "bundle"
            bundle.mkdir()
            yield bundle, version
            target.parent.mkdir(exist_ok=True)
            bundle.rename(target)
    except OSError as error:
        raise ExportError(
            f"{target} cannot be written ({error}). Nothing was written; free space or correct "
            "the permissions, then export again."
        ) from error
    log.info("Wrote %s", target)


@contextmanager
def _locked(folder: str | Path) -> Iterator[None]:
    """Lock a folder; the system unlocks it when the process ends, also where it is killed.

    Raises:
        BlockingIOError: another process has locked it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(models: Path) -> None:
    """Remove the folders of exports that were killed."""
    for folder in models.glob(f"{_PREFIX}*"):
        try:
            with _locked(folder):
                shutil.rmtree(folder)
        except BlockingIOError:  # an export that runs
            continue

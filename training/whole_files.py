"""Write files whole or not at all, whatever ends the process."""

from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under another name, then give it its own; where that fails, none is left.

    Args:
        path: of the file; an earlier one stays until the new one is complete.
        write: writes the file of the path that it gets, which has the same suffix.
    """
    partial = path.with_name(f".partial-{path.name}")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

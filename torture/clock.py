"""`python -m torture.clock`: the service, with a wall clock that another process can set.

The clock is that of Python's `time.time`, which gunicorn, uvicorn, limits and the service read; the
monotonic clock stays as it is. The file that CLOCK names has the seconds to add, a double.
"""

import mmap
import os
import struct
import time
from pathlib import Path

CLOCK = "CLOCK"  # the environment variable
_SECONDS = struct.Struct("d")


def set_clock(file: Path, seconds: float) -> None:
    """Set the wall clock of a service that has this file, ahead or back."""
    with file.open("r+b") as opened:  # not replaced: the service has mapped it
        opened.write(_SECONDS.pack(seconds))


def main() -> None:
    """Serve with the clock of the file."""
    with Path(os.environ[CLOCK]).open("rb") as file:
        added = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    wall = time.time
    time.time = lambda: wall() + _SECONDS.unpack_from(added)[0]
    from service.__main__ import main as serve  # after the clock, which modules import by name

    serve()


if __name__ == "__main__":
    main()

"""What the arbiter tells its workers, in a page of memory that every fork shares."""

import mmap
import struct

_DRAINING, _STARTED, _RELOADS = 0, 1, 8  # offsets, bytes
_COUNT = struct.Struct("Q")


class Control:
    """Made before the workers are forked. The arbiter writes, but for `started`; workers read."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def draining(self) -> bool:
        """Whether the service is about to stop, so that nobody should send it more."""
        return bool(self._page[_DRAINING])

    def drain(self) -> None:
        """From now on it is."""
        self._page[_DRAINING] = 1

    @property
    def started(self) -> bool:
        """Whether any worker has loaded everything: what is wrong now was right before."""
        return bool(self._page[_STARTED])

    def start(self) -> None:
        """From now on one has."""
        self._page[_STARTED] = 1

    @property
    def reloads(self) -> int:
        """How often loading anew was asked for."""
        count: int = _COUNT.unpack_from(self._page, _RELOADS)[0]
        return count

    def ask_for_reload(self) -> None:
        """Ask every worker to load anew what can change."""
        _COUNT.pack_into(self._page, _RELOADS, self.reloads + 1)

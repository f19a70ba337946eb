"""What the arbiter tells its workers, in memory that every fork shares."""

from ctypes import c_uint64
from multiprocessing.sharedctypes import RawArray

_DRAINING, _STARTED, _RELOADS = range(3)


class Control:
    """Created before the workers are forked. The arbiter writes all but `started`."""

    def __init__(self) -> None:
        self._shared = RawArray(c_uint64, 3)

    @property
    def draining(self) -> bool:
        """Whether the service is about to stop: clients should go to another replica."""
        return bool(self._shared[_DRAINING])

    def drain(self) -> None:
        """Mark the service as draining."""
        self._shared[_DRAINING] = 1

    @property
    def started(self) -> bool:
        """Whether any worker has loaded everything, so that what is there worked once."""
        return bool(self._shared[_STARTED])

    def start(self) -> None:
        """Mark the service as started."""
        self._shared[_STARTED] = 1

    @property
    def reloads(self) -> int:
        """How many reloads were requested."""
        return int(self._shared[_RELOADS])

    def request_reload(self) -> None:
        """Request that every worker reload models and keys."""
        self._shared[_RELOADS] += 1

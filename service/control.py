"""The state that the arbiter and its workers share; imports nothing of the service."""

from ctypes import Structure, c_bool, c_uint64


class Control(Structure):
    """A structure in shared memory.

    Attributes:
        draining: whether the service is draining; readiness then fails.
        stopping: whether the grace period is over, so that every worker stops.
        started: whether a worker has loaded every bundle, so that a later failure is not fatal.
        reloads: the number of reloads that were requested.
    """

    draining: bool
    stopping: bool
    started: bool
    reloads: int
    _fields_ = (
        ("draining", c_bool),
        ("stopping", c_bool),
        ("started", c_bool),
        ("reloads", c_uint64),
    )

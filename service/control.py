"""The state that the arbiter and its workers share; imports nothing of the service."""

from ctypes import Structure, c_bool, c_uint64


class Control(Structure):
    """A structure in shared memory.

    Attributes:
        draining: whether the service is draining; readiness then fails.
        started: whether a worker has loaded every bundle, so that a later failure is not fatal.
        reloads: the number of reloads that were requested.
    """

    draining: bool
    started: bool
    reloads: int
    _fields_ = (("draining", c_bool), ("started", c_bool), ("reloads", c_uint64))

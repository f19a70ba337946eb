"""What the arbiter and its workers tell each other; imports nothing that computes."""

from ctypes import Structure, c_bool, c_uint64


class Control(Structure):
    """The state that they share: the server puts it into shared memory.

    Attributes:
        draining: the service is about to stop: clients should go to another replica.
        started: a worker has loaded everything, so that what is there worked once.
        reloads: how many reloads were requested.
    """

    draining: bool
    started: bool
    reloads: int
    _fields_ = (("draining", c_bool), ("started", c_bool), ("reloads", c_uint64))

"""Measure the phases of the current request; imports nothing of the service."""

from contextvars import ContextVar
from time import perf_counter
from typing import Literal

PhaseName = Literal["read", "decode", "preprocess", "infer", "encode"]


class Timings:
    """The durations of one request's phases.

    Attributes:
        began: when the request arrived, `perf_counter` seconds.
        phases: seconds by phase.
    """

    __slots__ = ("began", "phases")

    def __init__(self, began: float) -> None:
        self.began = began
        self.phases: dict[PhaseName, float] = {}


timings: ContextVar[Timings] = ContextVar("timings")


class phase:  # noqa: N801 - reads as a statement: `with phase("decode"):`
    """Add the time of a block to a phase of the current request."""

    __slots__ = ("_began", "_name")

    def __init__(self, name: PhaseName) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, *_: object) -> None:
        current = timings.get(None)
        if current is None:  # no request is being served
            return
        phases = current.phases
        phases[self._name] = phases.get(self._name, 0.0) + perf_counter() - self._began

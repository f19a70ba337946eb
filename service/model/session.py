"""Run one compiled graph with LiteRT, on any number of threads. Does not know images or bundles."""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event, Lock, Semaphore
from time import perf_counter
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from service.model.layer import Pair

Grown = Callable[[], None]
_is_initialized = Event()  # LiteRT has built this process's first graph and written its line
_measuring = Lock()  # one interpreter at a time is created, so that its memory can be measured
_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Session:
    """An interpreter. It returns copies, because the graph overwrites its values at every run."""

    def __init__(self, graph: bytes, outputs: Mapping[Pair, int]) -> None:
        self._interpreter: Any = open_interpreter(graph)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        details = self._interpreter.get_output_details()
        self._outputs = {pair: details[index]["index"] for pair, index in outputs.items()}
        self._interpreter.invoke()  # warm-up: the first run is slower

    def measure(self) -> float:
        """Return the seconds of the fastest of three runs."""
        times = []
        for _ in range(3):
            start = perf_counter()
            self._interpreter.invoke()
            times.append(perf_counter() - start)
        return min(times)

    def run(
        self, pixels: NDArray[np.float32], selection: Sequence[Pair]
    ) -> list[NDArray[np.float32]]:
        """Return the selected values, each float32 (1, …), for an input, float32 (1, H, W, C)."""
        graph, outputs = self._interpreter, self._outputs
        graph.set_tensor(self._input, pixels)
        graph.invoke()
        return [graph.get_tensor(outputs[pair]) for pair in selection]


class Sessions:
    """The interpreters of one graph, created as they are needed.

    An interpreter serves one thread at a time, and releases the GIL while it computes.

    Attributes:
        path: the graph's file.
        outputs: the index of each value among the graph's outputs.
        seconds: the graph's time for one image; 0 before the first interpreter.
        memory: bytes that the graph and its interpreters take.
    """

    def __init__(
        self,
        path: Path,
        outputs: Mapping[Pair, int],
        most: int | None = None,
        grown: Grown = lambda: None,
    ) -> None:
        """Read a graph; create no interpreter yet.

        Args:
            path: the compiled graph's file.
            outputs: the index of each value among its outputs.
            most: the number of interpreters that may exist at once; None: as many as threads run.
            grown: called after each creation of an interpreter.
        """
        self.outputs = outputs
        self.seconds = 0.0
        self.path = path
        self._graph = path.read_bytes()
        self.memory = len(self._graph)
        self._grown = grown
        self._created = 0
        self._idle: deque[Session] = deque()
        self._free = None if most is None else Semaphore(most)

    @property
    def is_busy(self) -> bool:
        """Return whether an interpreter is in use."""
        return self._created > len(self._idle)

    def acquire(self) -> Session:
        """Lend an interpreter; `release` must follow.

        It is the most recently used idle one, whose memory is cached, or a new one.

        Raises:
            ValueError, RuntimeError, IndexError: the graph does not load.
        """
        if self._free is not None:
            self._free.acquire()
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self._create()
        except BaseException:
            if self._free is not None:
                self._free.release()
            raise

    def release(self, session: Session) -> None:
        """Take an interpreter back."""
        self._idle.append(session)
        if self._free is not None:
            self._free.release()

    def _create(self) -> Session:
        with _measuring:
            before = resident_bytes()
            session = Session(self._graph, self.outputs)
            # other threads may have freed memory meanwhile; the weights alone take the file's size
            self.memory += max(resident_bytes() - before, len(self._graph))
            self._created += 1
        self.seconds = self.seconds or session.measure()
        self._grown()
        return session


def resident_bytes() -> int:
    """Return the memory of this process that is resident; 0 where the system does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def return_memory() -> None:
    """Return freed memory to the system, where the C library can; glibc keeps it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def open_interpreter(graph: bytes) -> Interpreter:
    """Return a new interpreter with one thread; its tensors are not allocated yet.

    LiteRT's C++ code writes a line to stderr when a process's first tensors are allocated, whatever
    its settings. stderr is redirected to the null device for that graph alone, because later
    redirections could discard lines of other threads.
    """
    if _is_initialized.is_set():
        return Interpreter(model_content=graph, num_threads=1)
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        interpreter = Interpreter(model_content=graph, num_threads=1)
        interpreter.allocate_tensors()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
    _is_initialized.set()
    return interpreter

"""Run a bundle's compiled graph with LiteRT: digits in, the values of any layer out."""

import os
from collections import deque
from collections.abc import Sequence
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from service.errors import BundleError
from service.model.bundle import GRAPH, Bundle, Golden, Layer, Stage

Pixels = NDArray[np.uint8] | NDArray[np.float32]
GOLDEN_TOLERANCE = 1e-4
# The number of digits converted to floats at once: so few stay in the processor's cache.
_BLOCK = 64
_MAX_BYTE = np.float32(255)
_is_initialized = Event()  # LiteRT has built this process's first graph and written its line


class Engine:
    """One model, ready to run on any thread.

    Attributes:
        bundle: the bundle with the graph.
        seconds: the graph's time for one image.

    An interpreter serves one thread at a time, so the engine creates as many as run concurrently:
    each takes a few milliseconds and about a megabyte. They release the GIL while they compute.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Load the graph and check its values for the bundle's golden digits.

        Raises:
            BundleError: the graph does not load, or its values differ from the manifest's.
        """
        self.bundle = bundle
        self._graph = (bundle.path / GRAPH).read_bytes()
        self._idle: deque[_Session] = deque()
        self._last = bundle.layers[-1]
        try:
            self._idle.append(_first_session(self._graph, bundle.layers))
        except (ValueError, RuntimeError, IndexError) as error:
            raise BundleError(
                f"{bundle.path / GRAPH} does not load ({error}); export the model again."
            ) from error
        for golden in bundle.golden:
            self._check(golden)
        self.seconds = self._idle[0].measure()

    def probabilities(self, digits: Pixels) -> NDArray[np.float32]:
        """Return the values of the last layer.

        Args:
            digits: (N, H, W, C), uint8 0–255 or float32 0–1.

        Returns:
            float32 (N, classes), each row adding up to 1.
        """
        name = self._last.name
        return self.run(digits, [(name, "post")])[name, "post"]

    def run(
        self, digits: Pixels, selection: Sequence[tuple[str, Stage]]
    ) -> dict[tuple[str, Stage], NDArray[np.float32]]:
        """Return the values of the selected layers for every digit.

        The graph runs on one digit at a time: a batch takes as long per image, and LiteRT would
        have to reallocate memory at every change of its size.

        Args:
            digits: (N, H, W, C), uint8 0–255 or float32 0–1.
            selection: (layer name, stage) pairs of this model.

        Returns:
            By pair, float32 (N, …) with the layer's output shape, channels last.
        """
        session = self._acquire()
        try:
            # One list per digit, because a call per value would take as long as copying it.
            rows = [
                session.run(pixels, selection)
                for first in range(0, len(digits), _BLOCK)
                for pixels in as_floats(digits[first : first + _BLOCK])[:, np.newaxis]
            ]
        finally:
            self._idle.append(session)
        if len(rows) == 1:
            return dict(zip(selection, rows[0], strict=True))
        return {
            pair: self._batch(pair, [row[i] for row in rows]) for i, pair in enumerate(selection)
        }

    def _batch(
        self, pair: tuple[str, Stage], values: list[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Concatenate the values of a layer, each (1, …)."""
        layer = self.bundle.layer(pair[0])
        shape = layer.output_shape if layer else ()
        return np.concatenate([np.empty((0, *shape), np.float32), *values])

    def _acquire(self) -> "_Session":
        """Return the most recently used idle interpreter, whose memory is cached, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return _Session(self._graph, self.bundle.layers)

    def _check(self, golden: Golden) -> None:
        selection = [stage_of(key) for key in golden.means]
        values = self.run(golden.digit[np.newaxis], selection)
        means = {key: float(values[stage_of(key)].mean()) for key in golden.means}
        worst = max(means, key=lambda key: abs(means[key] - golden.means[key]))
        difference = abs(means[worst] - golden.means[worst])
        probabilities = self.probabilities(golden.digit[np.newaxis])[0]
        if not difference <= GOLDEN_TOLERANCE or not np.allclose(
            probabilities, golden.probabilities, rtol=0, atol=GOLDEN_TOLERANCE
        ):
            raise BundleError(
                f"{self.bundle.path / GRAPH} does not compute the values in its manifest (largest "
                f"difference {difference:.3g}, in {worst}); export the model again."
            )


class _Session:
    """An interpreter. It returns copies, because the graph overwrites its values at every run."""

    def __init__(self, graph: bytes, layers: Sequence[Layer]) -> None:
        self._interpreter: Any = Interpreter(model_content=graph, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        details = self._interpreter.get_output_details()
        self._outputs = {
            (layer.name, stage): details[index]["index"]
            for layer in layers
            for stage, index in (("pre", layer.pre), ("post", layer.post))
        }
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
        self, pixels: NDArray[np.float32], selection: Sequence[tuple[str, Stage]]
    ) -> list[NDArray[np.float32]]:
        """Return the selected values, each float32 (1, …), for a digit, float32 (1, H, W, C)."""
        graph, outputs = self._interpreter, self._outputs
        graph.set_tensor(self._input, pixels)
        graph.invoke()
        return [graph.get_tensor(outputs[pair]) for pair in selection]


def _first_session(graph: bytes, layers: Sequence[Layer]) -> _Session:
    """Return an engine's first interpreter.

    LiteRT's C++ code writes a line to stderr for a process's first graph, whatever its settings.
    stderr is redirected to the null device for that graph alone, because later redirections could
    discard lines of other threads.
    """
    if _is_initialized.is_set():
        return _Session(graph, layers)
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        session = _Session(graph, layers)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
    _is_initialized.set()
    return session


def as_floats(digits: Pixels) -> NDArray[np.float32]:
    """Return the graph's input: uint8 0–255 as float32 0–1; float32 stays unchanged.

    Args:
        digits: of any shape.
    """
    if digits.dtype == np.float32:
        return digits.astype(np.float32, copy=False)
    floats = digits.astype(np.float32)
    floats /= _MAX_BYTE
    return floats


def stage_of(key: str) -> tuple[str, Stage]:
    """Parse a key such as `conv2d/pre` into the pair ("conv2d", "pre")."""
    name, _, stage = key.rpartition("/")
    return name, "pre" if stage == "pre" else "post"

"""Runs a bundle's compiled graph: digits in, the values of any layer out.

Knows the LiteRT runtime and nothing of pictures or HTTP. Values are the graph's own.
"""

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
_BLOCK = 64  # digits that are made floats at once: they stay in the processor's cache
_WHITE = np.float32(255)
_spoken = Event()  # LiteRT has written its line


class Engine:
    """One model, ready to run on any thread.

    Attributes:
        bundle: what it was built from.
        seconds: that the graph takes for one image.

    An interpreter serves one thread at a time, so there come to be as many as run at once: a few
    milliseconds, about a megabyte each. They release the GIL while they compute.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Load the graph and check that it still answers the bundle's golden digits.

        Raises:
            BundleError: the graph does not load, or does not compute what the manifest says.
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
        """What the last layer says.

        Args:
            digits: (N, H, W, C), uint8 0–255 or float32 0–1.

        Returns:
            float32 (N, classes), each row adding up to 1.
        """
        name = self._last.name
        return self.run(digits, [(name, "post")])[name, "post"]

    def run(
        self, digits: Pixels, wanted: Sequence[tuple[str, Stage]]
    ) -> dict[tuple[str, Stage], NDArray[np.float32]]:
        """The values of the wanted layers, for every digit.

        One digit at a time: a batch through the graph costs as much an image, and needs its
        memory reshaped at every change of size.

        Args:
            digits: (N, H, W, C), uint8 0–255 or float32 0–1.
            wanted: (layer name, stage) pairs of this model.

        Returns:
            By pair, float32 (N, …) with the layer's output shape, channels last.
        """
        session = self._take()
        try:
            # a new list a digit: a method's call for each value would cost as much as the copy
            rows = [
                session.run(pixels, wanted)
                for first in range(0, len(digits), _BLOCK)
                for pixels in as_floats(digits[first : first + _BLOCK])[:, np.newaxis]
            ]
        finally:
            self._idle.append(session)
        if len(rows) == 1:
            return dict(zip(wanted, rows[0], strict=True))
        return {pair: self._batch(pair, [row[i] for row in rows]) for i, pair in enumerate(wanted)}

    def _batch(
        self, pair: tuple[str, Stage], values: list[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Values of (1, …) each as one array."""
        layer = self.bundle.layer(pair[0])
        shape = layer.output_shape if layer else ()
        return np.concatenate([np.empty((0, *shape), np.float32), *values])

    def _take(self) -> "_Session":
        """The interpreter that was used last, whose memory is still at hand; else a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return _Session(self._graph, self.bundle.layers)

    def _check(self, golden: Golden) -> None:
        wanted = [stage_of(key) for key in golden.means]
        values = self.run(golden.digit[np.newaxis], wanted)
        found = {key: float(values[stage_of(key)].mean()) for key in golden.means}
        worst = max(found, key=lambda key: abs(found[key] - golden.means[key]))
        difference = abs(found[worst] - golden.means[worst])
        answer = self.probabilities(golden.digit[np.newaxis])[0]
        if not difference <= GOLDEN_TOLERANCE or not np.allclose(
            answer, golden.probabilities, rtol=0, atol=GOLDEN_TOLERANCE
        ):
            raise BundleError(
                f"{self.bundle.path / GRAPH} does not compute what its manifest says (largest "
                f"difference {difference:.3g}, in {worst}); export the model again."
            )


class _Session:
    """An interpreter. Values are copied out: the graph writes over them at every run."""

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
        self._interpreter.invoke()  # warms the graph up

    def measure(self) -> float:
        """Return the seconds of the fastest of three runs."""
        times = []
        for _ in range(3):
            began = perf_counter()
            self._interpreter.invoke()
            times.append(perf_counter() - began)
        return min(times)

    def run(
        self, pixels: NDArray[np.float32], wanted: Sequence[tuple[str, Stage]]
    ) -> list[NDArray[np.float32]]:
        """The wanted values, each float32 (1, …), for one digit, float32 (1, H, W, C)."""
        graph, outputs = self._interpreter, self._outputs
        graph.set_tensor(self._input, pixels)
        graph.invoke()
        return [graph.get_tensor(outputs[pair]) for pair in wanted]


def _first_session(graph: bytes, layers: Sequence[Layer]) -> _Session:
    """An engine's first interpreter.

    LiteRT's C++ writes a line to stderr for a process's first graph, whatever is set. It goes to
    nowhere, for that graph alone: once there are more threads, their lines would go with it.
    """
    if _spoken.is_set():
        return _Session(graph, layers)
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        session = _Session(graph, layers)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
    _spoken.set()
    return session


def as_floats(digits: Pixels) -> NDArray[np.float32]:
    """What the graph takes: uint8 0–255 becomes float32 0–1; float32 stays as it is.

    Args:
        digits: of any shape.
    """
    if digits.dtype == np.float32:
        return digits.astype(np.float32, copy=False)
    floats = digits.astype(np.float32)
    floats /= _WHITE
    return floats


def stage_of(key: str) -> tuple[str, Stage]:
    """A key such as `conv2d/pre` as the pair ("conv2d", "pre")."""
    name, _, stage = key.rpartition("/")
    return name, "pre" if stage == "pre" else "post"

"""Runs a bundle's compiled graph: digits in, the values of any layer out.

Knows the LiteRT runtime and nothing of pictures or HTTP. Values are the graph's own.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from service.bundle import GRAPH, Bundle, Golden, Layer, Stage
from service.errors import BundleError

Pixels = NDArray[np.uint8] | NDArray[np.float32]
LayerValues = Mapping[tuple[str, Stage], NDArray[np.float32]]
GOLDEN_TOLERANCE = 1e-4


class Engine:
    """One model, ready to run on any thread.

    An interpreter serves one thread at a time, so every thread makes its own on first use: a few
    milliseconds, about a megabyte. They release the GIL while they compute.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Load the graph and check that it still answers the bundle's golden digits.

        Raises:
            BundleError: the graph does not load, or does not compute what the manifest says.
        """
        self.bundle = bundle
        self._graph = (bundle.path / GRAPH).read_bytes()
        self._local = threading.local()
        self._last = bundle.layers[-1]
        try:
            self._interpreter()
        except (ValueError, RuntimeError, IndexError) as error:
            raise BundleError(
                f"{bundle.path / GRAPH} does not load ({error}); export the model again."
            ) from error
        for golden in bundle.golden:
            self._check(golden)

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
        session = self._interpreter()
        tensors = [(pair, session.outputs[pair]) for pair in wanted]
        pixels = digits if digits.dtype == np.float32 else digits / np.float32(255)
        values = {
            pair: np.empty((len(digits), *view().shape[1:]), np.float32) for pair, view in tensors
        }
        for index in range(len(digits)):
            session.input()[0] = pixels[index]
            session.invoke()
            for pair, view in tensors:
                values[pair][index] = view()[0]
        return values

    def _interpreter(self) -> "_Session":
        session: _Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _Session(self._graph, self.bundle.layers)
        return session

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
    """One thread's interpreter, with views of its input and outputs (no copies)."""

    def __init__(self, graph: bytes, layers: Sequence[Layer]) -> None:
        self._interpreter: Any = Interpreter(model_content=graph, num_threads=1)
        self._interpreter.allocate_tensors()
        self.invoke = self._interpreter.invoke
        self.invoke()  # warms the graph up, and only then have all outputs their memory
        self.input = self._interpreter.tensor(self._interpreter.get_input_details()[0]["index"])
        details = self._interpreter.get_output_details()
        self.outputs = {
            (layer.name, stage): self._interpreter.tensor(details[index]["index"])
            for layer in layers
            for stage, index in (("pre", layer.pre), ("post", layer.post))
        }


def stage_of(key: str) -> tuple[str, Stage]:
    """A key such as `conv2d/pre` as the pair ("conv2d", "pre")."""
    name, _, stage = key.rpartition("/")
    return name, "pre" if stage == "pre" else "post"

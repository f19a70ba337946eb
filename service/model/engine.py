"""Run a bundle's compiled graphs: images in, the values of any layer out."""

import math
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from service.errors import BundleError
from service.model.bundle import Bundle, Golden
from service.model.layer import Pair, pair_of
from service.model.session import Grown, Sessions

Pixels = NDArray[np.uint8] | NDArray[np.float32]
GOLDEN_TOLERANCE = 1e-4  # of values up to 1; of larger ones, relative
_BLOCK = 64 * 28 * 28  # values that are converted to floats at once: so few stay in the cache


class Engine:
    """One model, ready to run on any thread.

    A large model has two graphs: one with what a prediction needs, and one with every layer's
    values, which is slower and takes more memory. Of the second, one interpreter exists at a time,
    created when it is first used.

    Attributes:
        bundle: the bundle with the graphs.
        block: the number of images that are converted to floats at once. A batch of so many holds
            an interpreter for a short time and little memory.
    """

    def __init__(self, bundle: Bundle, grown: Grown = lambda: None) -> None:
        """Load the graph for predictions and check its values for the bundle's golden images.

        Args:
            bundle: the bundle with the graphs.
            grown: called on any thread when the model takes more memory.

        Raises:
            BundleError: the graph does not load, or its values differ from the manifest's.
        """
        self.bundle = bundle
        graphs = bundle.graphs
        self._normalise = bundle.input.normalisation.apply
        self.block = max(_BLOCK // math.prod(bundle.input_shape), 1)
        self._checking = Lock()
        all_values: dict[Pair, int] = {}
        for layer in bundle.layers:
            all_values |= {(layer.name, "pre"): layer.pre, (layer.name, "post"): layer.post}
        if graphs.predict is None:
            path = bundle.path / graphs.values.file
            self._values = self._predict = Sessions(path, all_values, grown=grown)
            self._check(self._predict)
            return
        needed = {pair_of(key): index for key, index in graphs.predict.outputs.items()}
        self._predict = Sessions(bundle.path / graphs.predict.file, needed, grown=grown)
        self._values = Sessions(bundle.path / graphs.values.file, all_values, 1, grown)
        self._check(self._predict)

    @property
    def memory(self) -> int:
        """Return the bytes that the model's interpreters take."""
        return sum(sessions.memory for sessions in {self._predict, self._values})

    @property
    def is_busy(self) -> bool:
        """Return whether an image is being computed."""
        return self._predict.is_busy or self._values.is_busy

    def seconds(self, *, every_layer: bool = False) -> float:
        """Return the time for one image: of a prediction, or of every layer's values.

        Infinite where the values' only interpreter does not exist yet, or may be busy.
        """
        if every_layer and self._values is not self._predict:
            return math.inf
        return self._predict.seconds

    def probabilities(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return the probability of each class.

        Args:
            pixels: (N, H, W, C), uint8 0–255 or float32 0–1.

        Returns:
            float32 (N, classes).
        """
        pair = self.bundle.probabilities
        return self.run(pixels, [pair])[pair]

    def run(self, pixels: Pixels, selection: Sequence[Pair]) -> dict[Pair, NDArray[np.float32]]:
        """Return the values of the selected layers for every image.

        A graph runs on one image at a time: a batch takes as long per image, and LiteRT would have
        to reallocate memory at every change of its size.

        Args:
            pixels: (N, H, W, C), uint8 0–255 or float32 0–1.
            selection: (layer name, stage) pairs of this model.

        Returns:
            By pair, float32 (N, …) with the layer's output shape, channels last.

        Raises:
            BundleError: the graph with all values does not load, or has other values than the
                manifest.
        """
        sessions = self._predict
        if sessions is not self._values and not sessions.outputs.keys() >= set(selection):
            sessions = self._values
            with self._checking:
                if not sessions.seconds:  # not used yet
                    self._check(sessions)
        return self._run(sessions, pixels, selection)

    def _run(
        self, sessions: Sessions, pixels: Pixels, selection: Sequence[Pair]
    ) -> dict[Pair, NDArray[np.float32]]:
        session = sessions.acquire()
        try:
            # One list per image, because a call per value would take as long as copying it.
            rows = [
                session.run(one, selection)
                for first in range(0, len(pixels), self.block)
                for one in self._normalise(pixels[first : first + self.block])[:, np.newaxis]
            ]
        finally:
            sessions.release(session)
        if len(rows) == 1:
            return dict(zip(selection, rows[0], strict=True))
        return {
            pair: self._batch(pair, [row[i] for row in rows]) for i, pair in enumerate(selection)
        }

    def _batch(self, pair: Pair, values: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Concatenate the values of a layer, each (1, …)."""
        layer = self.bundle.layer(pair[0])
        shape = layer.output_shape if layer else ()
        return np.concatenate([np.empty((0, *shape), np.float32), *values])

    def _check(self, sessions: Sessions) -> None:
        """Check the values of a graph for the golden images.

        Raises:
            BundleError: the graph does not load, or has other values.
        """
        try:
            sessions.release(sessions.acquire())  # a bundle may have no golden image
            for golden in self.bundle.golden:
                self._check_golden(sessions, golden)
        except (ValueError, RuntimeError, IndexError) as error:
            raise BundleError(
                f"{sessions.path} does not load ({error}); export the model again."
            ) from error

    def _check_golden(self, sessions: Sessions, golden: Golden) -> None:
        selection = [pair for pair in golden.means if pair in sessions.outputs]
        probabilities = self.bundle.probabilities
        values = self._run(sessions, golden.pixels[np.newaxis], [*selection, probabilities])
        differences = {
            pair: abs(float(values[pair].mean()) - golden.means[pair])
            / max(1, abs(golden.means[pair]))
            for pair in selection
        }
        worst = max(differences, key=differences.__getitem__, default=probabilities)
        is_right = all(difference <= GOLDEN_TOLERANCE for difference in differences.values())
        if not is_right or not np.allclose(
            values[probabilities][0], golden.probabilities, rtol=0, atol=GOLDEN_TOLERANCE
        ):
            raise BundleError(
                f"{sessions.path} does not compute the values in its manifest (largest "
                f"difference {differences.get(worst, 0):.3g}, in {'/'.join(worst)}); "
                "export the model again."
            )

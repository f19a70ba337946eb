"""BentoML: one worker; images as raw bodies (its root input), no access log."""

from pathlib import Path

import bentoml
import numpy as np
from PIL.Image import Image

from benchmarks.peers.digits import SIDE, Graph, predictions


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Digits:
    """The service: one graph."""

    def __init__(self):
        self.graph = Graph()

    @bentoml.api(route="/predict")
    async def predict(self, image: Image, /) -> list[dict]:
        """Classify one image."""
        digit = np.asarray(image.convert("L").resize((SIDE, SIDE)))
        return predictions(self.graph.probabilities(digit[np.newaxis]))

    @bentoml.api(route="/batch")
    async def batch(self, array: Path, /) -> list[dict]:
        """Classify each digit of a NumPy file."""
        return predictions(self.graph.probabilities(np.load(array)))

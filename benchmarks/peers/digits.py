"""Decode images and run the graph, the same for every peer, so that only servers differ."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

MODEL = Path(__file__).parents[2] / "models" / "mnist" / "1"
NPY = "application/x-npy"
SIDE = 28


def decode(data: bytes) -> NDArray[np.uint8]:
    """Decode an image file as tutorials do: grey, squeezed to 28 × 28.

    Returns:
        uint8 (1, 28, 28) in 0–255.
    """
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L").resize((SIDE, SIDE)))[np.newaxis]


def read(body: bytes, content_type: str | None) -> NDArray[np.uint8]:
    """Read the digits of a request body: one image file, or an array in NumPy's format.

    Returns:
        uint8 (N, 28, 28) in 0–255.
    """
    return np.load(io.BytesIO(body)) if content_type == NPY else decode(body)


def predictions(probabilities: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Return the label and the ten probabilities of each digit.

    Args:
        probabilities: float32 (N, 10).
    """
    return [{"label": str(row.argmax()), "probabilities": row.tolist()} for row in probabilities]


class Graph:
    """The model's LiteRT graph on one thread."""

    def __init__(self) -> None:
        self.interpreter: Any = Interpreter(str(MODEL / "graph.tflite"), num_threads=1)
        self.interpreter.allocate_tensors()
        layers = json.loads((MODEL / "manifest.json").read_text())["layers"]
        outputs = [output["index"] for output in self.interpreter.get_output_details()]
        self._input = self.interpreter.get_input_details()[0]["index"]
        self._probabilities = outputs[layers[-1]["post"]]
        self._convolutions = {
            layer["name"]: outputs[layer["post"]] for layer in layers if layer["kind"] == "Conv2D"
        }
        self.interpreter.invoke()

    def probabilities(self, digits: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the graph on each digit; the graph takes one at a time.

        Args:
            digits: uint8 (N, 28, 28) in 0–255.

        Returns:
            float32 (N, 10).
        """
        floats = digits[:, np.newaxis, :, :, np.newaxis].astype(np.float32)  # (N, 1, 28, 28, 1)
        floats /= 255
        return np.concatenate([self._run(pixels) for pixels in floats])

    def convolutions(self, digits: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return the feature maps of every convolution for one digit, float32 (1, H, W, C)."""
        self.probabilities(digits)
        return {
            name: self.interpreter.get_tensor(index) for name, index in self._convolutions.items()
        }

    def _run(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        self.interpreter.set_tensor(self._input, pixels)
        self.interpreter.invoke()
        values: NDArray[np.float32] = self.interpreter.get_tensor(self._probabilities)
        return values

"""The model: an image file or a tensor of digits in, probabilities out."""

import os
import sys

import triton_python_backend_utils as triton

sys.path[:0] = os.environ["PYTHONPATH"].split(":")  # the backend's stub leaves it out

from benchmarks.peers.digits import Graph, decode  # noqa: E402


class TritonPythonModel:
    """The name that Triton looks for."""

    def initialize(self, args):
        """Load the graph."""
        self.graph = Graph()

    def execute(self, requests):
        """Classify the image, or each digit of the tensor, of every request."""
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        image = triton.get_input_tensor_by_name(request, "image")
        if image is not None:
            digits = decode(image.as_numpy()[0])
        else:
            digits = triton.get_input_tensor_by_name(request, "digits").as_numpy()
        probabilities = self.graph.probabilities(digits)
        return triton.InferenceResponse([triton.Tensor("probabilities", probabilities)])

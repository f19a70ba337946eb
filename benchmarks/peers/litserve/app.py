"""LitServe: one API server, one worker, images as base64 in JSON as its guide sends them."""

import base64
import sys

import litserve

from benchmarks.peers.digits import NPY, Graph, predictions, read


class Digits(litserve.LitAPI):
    """The API: one graph."""

    def setup(self, device):
        """Load the graph in the worker."""
        self.graph = Graph()

    def decode_request(self, request):
        """Decode one image, or each digit of a NumPy array."""
        if "array" in request:
            return read(base64.b64decode(request["array"]), NPY)
        return read(base64.b64decode(request["image"]), None)

    def predict(self, digits):
        """Run the graph."""
        return self.graph.probabilities(digits)

    def encode_response(self, output):
        """Return the labels and probabilities."""
        return predictions(output)


if __name__ == "__main__":
    server = litserve.LitServer(Digits(api_path="/predict"), accelerator="cpu", fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )

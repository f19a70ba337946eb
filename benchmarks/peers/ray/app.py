"""Ray Serve: one replica; without its dashboard, which would compete for the processor."""

import sys
import time

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.peers.digits import Graph, predictions, read


@serve.deployment(num_replicas=1, max_ongoing_requests=100)
class Digits:
    """The deployment: one graph."""

    def __init__(self):
        self.graph = Graph()

    async def __call__(self, request: Request):
        """Classify one image, or each digit of a NumPy array."""
        digits = read(await request.body(), request.headers.get("content-type"))
        return predictions(self.graph.probabilities(digits))


if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Digits.bind(), route_prefix="/predict")
    while True:
        time.sleep(3600)

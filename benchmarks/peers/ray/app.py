"""Ray Serve: one replica; without its dashboard, which would compete for the processor."""

import sys
import time

import ray
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.requests import Request

from benchmarks.peers.digits import Graph, predictions, read


@serve.deployment(
    num_replicas=1,
    max_ongoing_requests=100,
    logging_config=LoggingConfig(enable_access_log=False),
)
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
    quiet = LoggingConfig(enable_access_log=False)
    options = {"host": "127.0.0.1", "port": int(sys.argv[1])}
    serve.start(http_options=options, logging_config=quiet)
    serve.run(Digits.bind(), route_prefix="/predict")
    while True:
        time.sleep(3600)

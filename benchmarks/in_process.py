"""Measure `/predict` in process, without a server, and the graph's bare invoke.

Needs only the service's dependencies. `python -m benchmarks.in_process` writes one line of
JSON with a value for each round.
"""

import io
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter

ROOT = Path(__file__).parents[1]
ROUNDS = 15
CALLS = 200  # in a round


def measure(rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return the microseconds of a call of `/predict` and of the bare graph, by round."""
    predict, graph = predict_call(), bare_graph().invoke
    for work in (predict, graph):
        microseconds(work)
    times: dict[str, list[float]] = {"predict_us": [], "graph_us": []}
    for _ in range(rounds):
        times["graph_us"].append(microseconds(graph))
        times["predict_us"].append(microseconds(predict))
    return times


def microseconds(work: Callable[[], object]) -> float:
    """Return the mean time of a call in microseconds."""
    begin = time.perf_counter()
    for _ in range(CALLS):
        work()
    return (time.perf_counter() - begin) / CALLS * 1e6


def bare_graph() -> Any:
    """Return the committed model's graph as a bare interpreter."""
    graph = Interpreter(str(ROOT / "models" / "mnist" / "1" / "graph.tflite"), num_threads=1)
    graph.allocate_tensors()
    return graph


def predict_call(body: bytes | None = None, query: str = "") -> Callable[[], bytes]:
    """Return a function that sends an image to `/predict` of the WSGI application.

    Args:
        body: the file; None for the image of a seven.
        query: of the URL.
    """
    from service.app import create_app

    app = create_app().wsgi_app
    body = (ROOT / "tests" / "seven.png").read_bytes() if body is None else body
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/predict",
        "RAW_URI": f"/predict?{query}" if query else "/predict",
        "SCRIPT_NAME": "",
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/octet-stream",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }

    def call() -> bytes:
        response = app({**environ, "wsgi.input": io.BytesIO(body)}, start_response)
        try:
            return b"".join(response)
        finally:
            if hasattr(response, "close"):
                response.close()

    def start_response(status: str, *_: object) -> Callable[[bytes], object]:
        if status != "200 OK":
            raise RuntimeError(f"/predict must respond with 200 OK, got {status}")
        return lambda _: None

    return call


def log_to_devnull() -> None:
    """Format and write every log line, as the running service does."""
    from service.logs import JsonFormatter

    handler = logging.FileHandler(os.devnull)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def main() -> None:
    """Print the times of each round."""
    log_to_devnull()
    json.dump(measure(), sys.stdout)


if __name__ == "__main__":
    main()

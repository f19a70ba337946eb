"""Helpers to test the running service: start it, load it, read its metrics."""

import http.client
import io
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import requests
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.operations import add_version as add_version
from tests.conftest import ROOT, start_server


def encode(image: Image.Image) -> bytes:
    """Encode an image as PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


SEVEN = (ROOT / "tests" / "seven.png").read_bytes()
# a small file with so many pixels that it is processed on a thread
LARGE = encode(Image.fromarray(np.pad(np.zeros((400, 100), np.uint8), 300, constant_values=255)))
PATIENCE_S = 60.0  # upper bound of every wait, also on a busy machine


@contextmanager
def running(
    stdout: int | IO[str] = subprocess.DEVNULL, **environ: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a service; yield process and URL, and stop it at the end."""
    process, url = start_server(stdout, **environ)
    try:
        yield process, url
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


class Load:
    """Clients that post without a pause, each on its own connection, until stopped or refused.

    Attributes:
        statuses: number of responses by status.
        failures: errors of requests without a response; a refused connection is not counted,
            because the server had not accepted it.
    """

    def __init__(self, url: str, clients: int, body: bytes = SEVEN) -> None:
        self.statuses: Counter[int] = Counter()
        self.failures: list[str] = []
        self._url, self._body = url, body
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._post) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join()

    def join(self) -> None:
        """Wait until every client has stopped."""
        for thread in self._threads:
            thread.join(timeout=PATIENCE_S)
            assert not thread.is_alive(), "a client did not stop"

    def _post(self) -> None:
        with requests.Session() as session:
            while not self._stopped.is_set():
                try:
                    response = session.post(
                        f"{self._url}/predict", data=self._body, timeout=PATIENCE_S
                    )
                except requests.RequestException as error:
                    if "Connection refused" in str(error):
                        return
                    self.failures.append(repr(error))
                    continue
                self.statuses[response.status_code] += 1
                if response.status_code == 503 and "Retry-After" not in response.headers:
                    self.failures.append("503 without Retry-After")


def connect(url: str) -> http.client.HTTPConnection:
    """Return an HTTP connection to a service; it connects at the first request."""
    return http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_S)


def heavy(count: int) -> dict[str, Any]:
    """Return the arguments of a request with `count` digits, about 0.1 ms of work each."""
    out = io.BytesIO()
    np.save(out, np.full((count, 28, 28), 7, np.uint8))
    headers = {"Content-Type": "application/x-npy"}
    return {"data": out.getvalue(), "headers": headers, "timeout": PATIENCE_S}


def samples(url: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the samples of /metrics by name and label values, in alphabetical order of labels."""
    text = requests.get(f"{url}/metrics", timeout=PATIENCE_S).text
    return {
        (sample.name, tuple(sample.labels[key] for key in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def until(condition: Callable[[], Any], patience: float = PATIENCE_S) -> Any:
    """Wait for a condition to become true; return its value."""
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, f"the condition is not true after {patience} s"
        time.sleep(0.05)
    return value


def workers(process: subprocess.Popen[str]) -> list[int]:
    """Return the process ids of a service's workers."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]

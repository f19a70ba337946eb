"""Fixtures of the container tests, which `make containers` runs and `make test` does not."""

import http.client
import logging
import math
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

collect_ignore_glob = [] if os.environ.get("CONTAINERS") else ["test_*.py"]

ROOT = Path(__file__).parents[2]
SEVEN = (ROOT / "tests" / "seven.png").read_bytes()
log = logging.getLogger(__name__)  # measurements, which `run` has pytest print
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def run(*command: str, environ: dict[str, str] | None = None) -> str:
    """Run a command; return its output.

    Raises:
        RuntimeError: the command failed; names exit code and output.
    """
    process = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    if process.returncode:
        output = f"{process.stdout}\n{process.stderr}"
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(command)}\n{output}")
    return process.stdout.strip()


def docker(*args: str) -> str:
    """Run `docker …`; return its output."""
    return run("docker", *args)


def state(container: str, path: str) -> str:
    """Return a value of `docker inspect`, such as `.State.ExitCode`."""
    return docker("inspect", "--format", f"{{{{{path}}}}}", container)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], seconds: float = 60) -> float:
    """Wait for a condition; return the seconds it took. A failed connection counts as false."""
    start_s = time.monotonic()
    while time.monotonic() - start_s < seconds:
        try:
            if condition():
                return time.monotonic() - start_s
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"the condition is not true after {seconds} s")


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Send a request; return status and body of the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Stack:
    """A project of `docker compose` with its own environment and files."""

    def __init__(self, environ: dict[str, str], files: tuple[str, ...] = ()) -> None:
        options = [part for file in ("docker-compose.yml", *files) for part in ("--file", file)]
        program = os.environ.get("COMPOSE", "docker compose").split()
        self._command = [*program, "--project-name", "convscope-test", *options]
        self._environ = {**os.environ, **environ}

    def compose(self, *args: str) -> str:
        """Run `docker compose …`; return its output."""
        return run(*self._command, *args, environ=self._environ)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers."""
        return self.compose("ps", "--quiet", service).split()

    def wait_until_healthy(self, service: str, seconds: float = 60) -> None:
        """Wait until every container of a service is healthy."""
        ids = self.containers(service)
        assert ids
        for container in ids:
            wait_for(lambda: state(container, ".State.Health.Status") == "healthy", seconds)  # noqa: B023

    def port(self, service: str, inside: int) -> int:
        """Return the published port of a port of a service's first container."""
        return int(self.compose("port", service, str(inside)).rsplit(":", 1)[1])


@dataclass
class Load:
    """Clients that post to `/predict` without end, each on its own keep-alive connection.

    Attributes:
        port: of the service, on 127.0.0.1.
        clients: number of connections.
        pause: seconds between a response and the client's next request.
        seconds: duration of each successful request.
        failures: errors of the other requests.
    """

    port: int
    clients: int = 8
    pause: float = 0.0
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._client) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self._stop.is_set():
            start_s = time.perf_counter()
            try:
                connection.request("POST", "/predict", SEVEN, {"Content-Type": "image/png"})
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            else:
                if response.status == 200:
                    self.seconds.append(time.perf_counter() - start_s)
                else:
                    self.failures.append(f"{response.status} {body[:200]!r}")
            self._stop.wait(self.pause)
        connection.close()

    @property
    def p99(self) -> float:
        """Return the 99th percentile of `seconds`, or infinity if no request succeeded."""
        return sorted(self.seconds)[int(0.99 * len(self.seconds))] if self.seconds else math.inf


@pytest.fixture(scope="session")
def image() -> str:
    """Build the service's image from the working tree; return its name."""
    start_s = time.monotonic()
    docker("build", "--target", "service", "--tag", "convscope-service", str(ROOT))
    log.info("service image built in %.0f s", time.monotonic() - start_s)
    return "convscope-service"


@pytest.fixture
def start(image: str, tmp_path: Path) -> Iterator[Callable[..., Stack]]:  # noqa: ARG001 - compose uses the image
    """Return a function that starts a stack in the background; remove every stack at the end."""
    stacks: list[Stack] = []

    def up(*args: str, files: tuple[str, ...] = (), before: str = "", **environ: str) -> Stack:
        stack = Stack({"PORT": str(free_port()), "EDGE_PORT": str(free_port()), **environ}, files)
        stacks.append(stack)
        stack.compose(*before.split(), "up", "--detach", *args)
        return stack

    yield up
    for stack in stacks:
        print(stack.compose("logs", "--tail=15"))  # pytest shows them if the test fails
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")

"""What the container tests share. `tests/containers/run` runs them, never `make test`."""

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
log = logging.getLogger(__name__)  # figures: `run` has pytest show them
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def run(*command: str, environ: dict[str, str] | None = None) -> str:
    """What a command prints; where it fails, the error says its exit code and all its output."""
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"exit code {done.returncode}: {' '.join(command)}\n{done.stdout}\n{done.stderr}"
        )
    return done.stdout.strip()


def docker(*args: str) -> str:
    """What `docker …` prints."""
    return run("docker", *args)


def state(container: str, what: str) -> str:
    """A value of `docker inspect`, such as `.State.ExitCode`."""
    return docker("inspect", "--format", f"{{{{{what}}}}}", container)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], object], seconds: float = 60) -> float:
    """The seconds until it is true; what is not there yet is not true."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        try:
            if what():
                return time.monotonic() - begun
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"not true within {seconds} s")


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Status and body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Stack:
    """One project of `docker compose`, with its own environment and files."""

    def __init__(self, environ: dict[str, str], files: tuple[str, ...] = ()) -> None:
        chosen = [part for file in ("docker-compose.yml", *files) for part in ("--file", file)]
        program = os.environ.get("COMPOSE", "docker compose").split()
        self._command = [*program, "--project-name", "convscope-test", *chosen]
        self._environ = {**os.environ, **environ}

    def compose(self, *args: str) -> str:
        """What `docker compose …` prints."""
        return run(*self._command, *args, environ=self._environ)

    def containers(self, service: str) -> list[str]:
        """The ids of its containers."""
        return self.compose("ps", "--quiet", service).split()

    def wait_until_healthy(self, service: str, seconds: float = 60) -> None:
        """Until every container of it is."""
        ids = self.containers(service)
        assert ids
        for container in ids:
            wait_for(lambda: state(container, ".State.Health.Status") == "healthy", seconds)  # noqa: B023

    def port(self, service: str, inside: int) -> int:
        """The port outside that leads to a port of its first container."""
        return int(self.compose("port", service, str(inside)).rsplit(":", 1)[1])


@dataclass
class Load:
    """Clients that ask `/predict` again and again, each on a connection that it keeps.

    Attributes:
        port: where.
        clients: how many.
        pause: seconds of each between an answer and the next request.
        seconds: how long each answered request took.
        failures: what went wrong with the others.
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
            begun = time.perf_counter()
            try:
                connection.request("POST", "/predict", SEVEN, {"Content-Type": "image/png"})
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            else:
                if answer.status == 200:
                    self.seconds.append(time.perf_counter() - begun)
                else:
                    self.failures.append(f"{answer.status} {body[:200]!r}")
            self._stop.wait(self.pause)
        connection.close()

    @property
    def p99(self) -> float:
        """The time that one request in a hundred takes longer than; s; infinite without answers."""
        return sorted(self.seconds)[int(0.99 * len(self.seconds))] if self.seconds else math.inf


@pytest.fixture(scope="session")
def image() -> str:
    """The service's image, built from this working tree."""
    begun = time.monotonic()
    docker("build", "--target", "service", "--tag", "convscope-service", str(ROOT))
    log.info("service image built in %.0f s", time.monotonic() - begun)
    return "convscope-service"


@pytest.fixture
def start(image: str, tmp_path: Path) -> Iterator[Callable[..., Stack]]:  # noqa: ARG001 - built first
    """Starts a stack, detached; takes it down at the end."""
    stacks: list[Stack] = []

    def up(*args: str, files: tuple[str, ...] = (), before: str = "", **environ: str) -> Stack:
        stack = Stack({"PORT": str(free_port()), "EDGE_PORT": str(free_port()), **environ}, files)
        stacks.append(stack)
        stack.compose(*before.split(), "up", "--detach", *args)
        return stack

    yield up
    for stack in stacks:
        print(stack.compose("logs", "--tail=15"))  # shown where a test fails
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")

"""The service that is tested: gunicorn, two workers, a real socket, every model of the folder."""

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.servers import Server, resident_mib, start_service

WORKERS = 2
_TIMEOUT_S = 60
_PROTOCOLS = ("/v1/", "/v2/")  # have errors of their own form


class Usage(NamedTuple):
    """What all workers hold together; files do not count the connection that is asked on."""

    memory_mib: float
    files: int
    threads: int
    tasks: int


@dataclass
class Target:
    """A running service, and one connection to it.

    Attributes:
        server: its processes.
        faults: what it must never do, with the number of times that it did.
    """

    server: Server
    faults: dict[str, int] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a request; return the status and the body, and note what must not be.

        Returns:
            Status 0 where the connection was closed without a response.
        """
        connection = self._connection or self.connect()
        self._connection = connection
        try:
            connection.request("POST", path, body, dict(headers))
            response = connection.getresponse()
            data = response.read()
        except (http.client.HTTPException, OSError) as error:
            self.note(f"no response ({type(error).__name__})")
            self._connection = None
            return 0, b""
        if response.status >= 500:
            self.note(f"status {response.status}")
        if response.getheader("X-Request-ID") is None:
            self.note("a response without X-Request-ID")
        if response.status >= 400 and not path.startswith(_PROTOCOLS):
            self._check_problem(response.getheader("Content-Type", ""), data)
        return response.status, data

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def note(self, fault: str) -> None:
        """Count a fault."""
        self.faults[fault] = self.faults.get(fault, 0) + 1

    def peak_mib(self) -> float:
        """Return the largest memory that a worker has had."""
        return max(resident_mib(worker, "VmHWM") for worker in self.server.workers())

    def memory_mib(self) -> float:
        """Return the memory of all workers."""
        return sum(resident_mib(worker) for worker in self.server.workers())

    def usage(self) -> Usage:
        """Return what the workers hold."""
        workers = self.server.workers()
        files = sum(len(list(Path(f"/proc/{worker}/fd").iterdir())) for worker in workers)
        threads = sum(len(list(Path(f"/proc/{worker}/task").iterdir())) for worker in workers)
        with closing(self.connect()) as connection:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        tasks = int(float(text.split("\nconvscope_tasks ")[1].split()[0]))
        return Usage(self.memory_mib(), files, threads, tasks)

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection; it connects at its first request."""
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=_TIMEOUT_S)

    def connect_to(self, worker: int) -> http.client.HTTPConnection:
        """Return a connection that a worker, one of `server.workers()`, has accepted."""
        while True:
            connection = self.connect()
            connection.connect()
            if self._acceptor(connection) == worker:
                return connection
            connection.close()

    def _acceptor(self, connection: http.client.HTTPConnection) -> int:
        """Wait until a worker has accepted a connection; return the worker."""
        ours = f":{connection.sock.getsockname()[1]:04X} "
        while True:
            for line in Path("/proc/net/tcp").read_text().splitlines():
                fields = line.split()
                if f"{fields[2]} ".endswith(ours) and fields[9] != "0":
                    link = f"socket:[{fields[9]}]"
                    for worker in self.server.workers():
                        if link in _links(worker):
                            return worker
            time.sleep(0.001)

    def _check_problem(self, kind: str, data: bytes) -> None:
        try:
            problem = json.loads(data)
        except ValueError:
            problem = None
        if kind != "application/problem+json" or not isinstance(problem, dict):
            self.note("an error that is no problem")
        elif "request_id" not in problem or "detail" not in problem:
            self.note("a problem without detail or request_id")


def _links(process: int) -> Iterator[str]:
    """Yield what the open files of a process are."""
    for path in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            yield str(path.readlink())


@contextmanager
def target(settings: Mapping[str, str] | None = None) -> Iterator[Target]:
    """Start the service; at the end, note workers that have died, and stop it."""
    server = start_service(WORKERS, settings)
    before = set(server.workers())
    tested = Target(server)
    try:
        yield tested
        for _ in before - set(server.workers()):
            tested.note("a worker that died")
    finally:
        tested.close()
        server.stop()

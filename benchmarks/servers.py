"""Start and stop servers; read the memory of their processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.environments import ENVIRONMENTS, PEERS_DIR, ROOT, NotMeasured, programs
from benchmarks.peers import Peer

SERVICE = "convscope"
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 40.0


@dataclass
class Server:
    """A running server.

    Attributes:
        port: where it listens on 127.0.0.1.
        process: the process that was started; it may have children.
        start_s: seconds from the start of the process until it was ready.
    """

    port: int
    process: subprocess.Popen[bytes]
    start_s: float = 0.0

    def processes(self) -> list[int]:
        """Return the ids of the started process and of all its descendants that run."""
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
            except OSError:  # the process has exited meanwhile
                continue
            children.setdefault(parent, []).append(int(stat.parent.name))
        ids = [self.process.pid]
        for process in ids:  # grows while it is walked
            ids += children.get(process, [])
        return [process for process in ids if _is_alive(process)]

    def workers(self) -> list[int]:
        """Return the ids of the started process's children."""
        pid = self.process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def memory_mib(self) -> float:
        """Return the memory of all its processes, shared pages counted once."""
        return sum(proportional_mib(process) for process in self.processes())

    def stop(self) -> None:
        """Stop the server by SIGTERM, and by SIGKILL what still runs after a timeout."""
        processes = self.processes()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_TIMEOUT_S)
        for process in processes:
            if _is_alive(process):
                os.kill(process, signal.SIGKILL)
        self.process.wait()


def proportional_mib(process: int) -> float:
    """Return the memory of one process, shared pages divided among those that share them."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except (OSError, ProcessLookupError):
        return 0.0
    return int(text.split("\nPss:")[1].split()[0]) / 1024


def resident_mib(process: int, field: str = "VmRSS") -> float:
    """Return the resident memory of one process; `VmHWM` for its peak."""
    text = Path(f"/proc/{process}/status").read_text()
    return int(text.split(f"{field}:")[1].split()[0]) / 1024


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_service(
    workers: int | None = 1,
    settings: Mapping[str, str] | None = None,
    module: str = "service",
    before: Sequence[str] = (),
) -> Server:
    """Start this service and wait until it is ready.

    Args:
        workers: how many; None for the default.
        settings: more environment variables.
        module: what Python runs.
        before: the command that runs Python; none by default.

    Raises:
        NotMeasured: the service does not become ready.
    """
    environ = {key: value for key, value in os.environ.items() if not key.startswith("CONVSCOPE_")}
    environ.pop("WEB_CONCURRENCY", None)
    port = free_port()
    if workers is not None:
        environ["WEB_CONCURRENCY"] = str(workers)
    environ |= {"PORT": str(port), "CONVSCOPE_DRAIN_GRACE": "0", **(settings or {})}
    command = [*before, sys.executable, "-m", module]
    return start_process(command, ROOT, environ, port, "/readyz", SERVICE)


def start_peer(peer: Peer) -> Server:
    """Start a peer in its own environment and wait until it is ready.

    Raises:
        NotMeasured: it cannot be installed or does not become ready.
    """
    ports = {"port": free_port(), "second_port": free_port(), "third_port": free_port()}
    environment = programs(peer)
    command = [word.format(bin=environment, **ports) for word in peer.command.split()]
    environ = {
        **os.environ,
        "PATH": f"{environment}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "MODEL": str(ROOT / "models" / "mnist" / "1" / "model.keras"),
        **{key: value.format(**ports) for key, value in peer.environ.items()},
    }
    folder = PEERS_DIR / peer.name
    return start_process(command, folder, environ, ports["port"], peer.ready, peer.name)


def start_process(
    command: list[str], folder: Path, environ: Mapping[str, str], port: int, ready: str, name: str
) -> Server:
    """Start a server and wait until it is ready; its output goes to `.bench/<name>.log`.

    Args:
        command: what to run.
        folder: where to run it.
        environ: all its environment variables.
        port: where it is going to listen on 127.0.0.1.
        ready: a path that answers 200 once it is ready.
        name: of its log.

    Raises:
        NotMeasured: it does not become ready.
    """
    ENVIRONMENTS.mkdir(exist_ok=True)
    path = ENVIRONMENTS / f"{name}.log"
    with path.open("wb") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
    server = Server(port, process)
    while process.poll() is None and time.perf_counter() - begin < START_TIMEOUT_S:
        try:
            if requests.get(f"http://127.0.0.1:{port}{ready}", timeout=5).ok:
                server.start_s = time.perf_counter() - begin
                return server
        except requests.RequestException:
            pass
        time.sleep(0.01)
    server.stop()
    raise NotMeasured(f"the server did not become ready; its output is in {path.relative_to(ROOT)}")


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Stop the server at the end of the block."""
    try:
        yield server
    finally:
        server.stop()


def _is_alive(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False

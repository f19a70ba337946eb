"""The service to which faults happen, with folders and a clock of its own."""

import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from benchmarks.environments import ROOT
from benchmarks.servers import Server, start_service
from torture.clock import CLOCK
from torture.load import Load
from torture.seeds import Seed, digits

WORKERS = 2
_PATIENCE_S = 60
_MODELS = ("mnist", "fashion", "shapes", "efficientnet-lite0")


@dataclass
class Tested:
    """The service, and what faults change.

    Attributes:
        server: its processes.
        folder: its own: `tmp` has metrics, log and temporary files, `models` the bundles, `clock`
            the seconds that its wall clock is ahead.
        load: the clients of the current fault.
    """

    server: Server
    folder: Path
    load: Load = field(init=False)

    @contextmanager
    def loaded(self, more: Sequence[Seed]) -> Iterator[Load]:
        """Send requests to every model and further ones during the block."""
        png = digits(1)[0]
        every = [
            Seed("activations", "/activations?layers=conv2d_1&format=npz", png),
            Seed("explain", "/explain?layer=conv2d_1&channel=3&row=4&column=5", png),
        ]
        names = [name for name in _MODELS if (self.folder / "models" / name).is_dir()]
        every += [Seed(name, f"/predict?model={name}", png) for name in names]
        with Load(self.server.port, [*every, *more]) as self.load:
            yield self.load

    def kill(self, worker: int) -> None:
        """Kill a worker, and note the connections that it loses."""
        os.kill(worker, signal.SIGSTOP)  # it accepts no more while its connections are noted
        self.load.lose(client_ports(worker))
        os.kill(worker, signal.SIGKILL)

    def limit(self, kind: int, soft: int | None) -> None:
        """Limit a resource of every process; with None, as much as it may have."""
        for pid in self.server.processes():
            _, hard = resource.prlimit(pid, kind)
            resource.prlimit(pid, kind, (hard if soft is None else soft, hard))

    def recovery_s(
        self, lost: Sequence[int] = (), is_ready: Callable[[], bool] = lambda: True
    ) -> float:
        """Return the seconds until every worker serves and has published its metrics.

        Args:
            lost: workers that must have been replaced.
            is_ready: what else must be.
        """
        begin = time.monotonic()
        while time.monotonic() < begin + _PATIENCE_S:
            workers = set(self.server.workers())
            if len(workers) == WORKERS and not workers & set(lost):
                metrics = self.get("/metrics")
                published = all(f'_resident_bytes{{pid="{each}"}}' in metrics for each in workers)
                if published and is_ready():
                    break
            time.sleep(0.05)
        return time.monotonic() - begin

    def get(self, path: str) -> str:
        """Return the text of a response over a new connection; none where there is no response."""
        try:
            return requests.get(f"http://127.0.0.1:{self.server.port}{path}", timeout=5).text
        except requests.RequestException:
            return ""


@contextmanager
def service(settings: Mapping[str, str]) -> Iterator[Tested]:
    """Start the service with folders of its own, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="convscope-faults-") as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        (folder / "clock").write_bytes(bytes(8))
        shutil.copytree(ROOT / "models", folder / "models")
        own = {
            "CONVSCOPE_MODELS_DIR": str(folder / "models"),
            "TMPDIR": str(folder / "tmp"),
            CLOCK: str(folder / "clock"),
        }
        log = ["sh", "-c", 'exec "$@" >>"$TMPDIR/log" 2>&1', "sh"]
        # root may write into read-only folders, unless it runs without that capability
        plain = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
        server = start_service(WORKERS, {**own, **settings}, "torture.clock", [*plain, *log])
        try:
            yield Tested(server, folder)
        finally:
            server.stop()


def client_ports(pid: int) -> set[int]:
    """Return the clients' ports of the connections that a process has."""
    sockets = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            sockets.add(str(file.readlink()))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ports = {int(row[2].rpartition(":")[2], 16) for row in rows if f"socket:[{row[9]}]" in sockets}
    return ports - {0}  # of the listening socket

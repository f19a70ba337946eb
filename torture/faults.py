"""Faults of processes, disks, bundles, the clock and memory, under steady load.

Each client has at most one request in flight. A request that fails is the fault's own if its
connection belonged to a process that was killed; every other one is a failure beyond.
"""

import os
import random
import resource
import shutil
import signal
import socket
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.environments import ROOT
from benchmarks.servers import Server, start_service
from torture.clock import CLOCK, set_clock
from torture.load import Load
from torture.row import Figure, Row
from torture.seeds import Seed, digits

KILLS_S = 60
STOPPED_S = 10
_WORKERS = 2
_SEED = 18
_IDLE = 100
_PATIENCE_S = 60
_MOST_MS = 5_000
_LISTED = 3  # failures of a fault that are printed
_MODELS = ("mnist", "fashion", "shapes", "efficientnet-lite0")


@dataclass
class Tested:
    """The service, and what faults change.

    Attributes:
        server: its processes.
        folder: its own: `tmp` has metrics, log and temporary files, `models` the bundles, `clock`
            the seconds that its wall clock is ahead.
    """

    server: Server
    folder: Path

    def load(self, *more: Seed) -> Load:
        """Return clients for every route and model, and further requests."""
        return Load(self.server.port, [*_requests(self.folder / "models"), *more])

    def recovery_s(
        self, lost: Sequence[int] = (), is_ready: Callable[[], bool] | None = None
    ) -> float:
        """Return the seconds until every worker serves and has published its metrics.

        Args:
            lost: workers that must have been replaced.
            is_ready: what else must be.
        """
        begin = time.monotonic()
        while time.monotonic() < begin + _PATIENCE_S:
            workers = set(self.server.workers())
            if len(workers) == _WORKERS and not workers & set(lost):
                metrics = self.get("/metrics")
                published = all(f'_resident_bytes{{pid="{each}"}}' in metrics for each in workers)
                if published and (is_ready is None or is_ready()):
                    break
            time.sleep(0.05)
        return time.monotonic() - begin

    def get(self, path: str) -> str:
        """Return the text of a response over a new connection; none where there is no response."""
        try:
            return requests.get(f"http://127.0.0.1:{self.server.port}{path}", timeout=5).text
        except requests.RequestException:
            return ""


def run(share: float) -> list[Figure]:
    """Try one fault after the other; each begins once the one before has been recovered from."""
    figures: list[Figure] = []
    with _service() as tested:
        for name, fault in FAULTS.items():
            print(f"  {name} …", flush=True)
            with tested.load() as load:
                time.sleep(0.5)
                recovered_s = fault(tested, load, share)
                time.sleep(0.5)
            figures += _figures(name, load, recovered_s)
    return figures


def _figures(name: str, load: Load, recovered_s: float) -> list[Figure]:
    beyond = load.beyond()
    for reason, count in Counter(each.reason for each in beyond).most_common(_LISTED):
        print(f"    {count} times: {reason}", flush=True)
    idle = load.idle()
    return [
        Figure(f"{name}: requests", len(load.answered) + len(load.failures)),
        Figure(f"{name}: failed", len(load.failures) - idle),
        Figure(f"{name}: idle connections closed", idle),
        Figure(f"{name}: failed beyond those in flight on the victim", len(beyond), 0),
        Figure(f"{name}: recovered after: ms", recovered_s * 1000, _MOST_MS),
    ]


@contextmanager
def _service() -> Iterator[Tested]:
    """Start the service with folders of its own, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="convscope-faults-") as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        (folder / "clock").write_bytes(bytes(8))
        shutil.copytree(ROOT / "models", folder / "models")
        settings = {
            "CONVSCOPE_MODELS_DIR": str(folder / "models"),
            "TMPDIR": str(folder / "tmp"),
            CLOCK: str(folder / "clock"),
        }
        # root may write into read-only folders, unless it runs without that capability
        plain = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
        log = ["sh", "-c", 'exec "$@" >>"$TMPDIR/log" 2>&1', "sh"]
        server = start_service(_WORKERS, settings, "torture.clock", [*plain, *log])
        try:
            yield Tested(server, folder)
        finally:
            server.stop()


def _requests(models: Path) -> list[Seed]:
    png = digits(1)[0]
    found = [name for name in _MODELS if (models / name).is_dir()]
    return [
        *(Seed(name, f"/predict?model={name}", png) for name in found),
        Seed("activations", "/activations?layers=conv2d_1&format=npz", png),
        Seed("explain", "/explain?layer=conv2d_1&channel=3&row=4&column=5", png),
        Seed("metrics", "/metrics", b""),
    ]


def _kill(tested: Tested, load: Load, share: float) -> float:
    """Kill one or both workers at random moments."""
    rng = random.Random(_SEED)
    longest, end = 0.0, time.monotonic() + KILLS_S * share
    while time.monotonic() < end:
        victims = rng.sample(tested.server.workers(), rng.choice((1, 1, 2)))
        for victim in victims:
            _kill_worker(victim, load)
        longest = max(longest, tested.recovery_s(victims))
        time.sleep(rng.random())
    return longest


def _kill_worker(victim: int, load: Load) -> None:
    os.kill(victim, signal.SIGSTOP)  # it accepts no more while its connections are noted
    load.lose(victim)
    os.kill(victim, signal.SIGKILL)


def _stop(tested: Tested, load: Load, share: float) -> float:
    """Stop a worker, and continue it."""
    victim = tested.server.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    time.sleep(max(STOPPED_S * share, 1))
    os.kill(victim, signal.SIGCONT)
    return tested.recovery_s()


def _disk_full(tested: Tested, load: Load, share: float) -> float:
    """Let every write to a file fail, also those of a worker that starts meanwhile."""
    return _without_writes(
        tested,
        load,
        share,
        lambda is_full: _limit(tested, resource.RLIMIT_FSIZE, 0 if is_full else None),
    )


def _read_only(tested: Tested, load: Load, share: float) -> float:
    """Take away write permission from the folder of temporary files and metrics."""

    def change(is_read_only: bool) -> None:
        for path in (tested.folder / "tmp", *(tested.folder / "tmp").rglob("*")):
            mode = path.stat().st_mode | stat.S_IWUSR
            path.chmod(mode & ~stat.S_IWUSR if is_read_only else mode)

    return _without_writes(tested, load, share, change)


def _without_writes(
    tested: Tested, load: Load, share: float, change: Callable[[bool], None]
) -> float:
    change(True)
    time.sleep(max(10 * share, 1))
    victim = tested.server.workers()[0]
    _kill_worker(victim, load)
    time.sleep(max(10 * share, 3))
    change(False)
    begin = time.time()
    size = (tested.folder / "tmp" / "log").stat().st_size

    def is_written() -> bool:
        published = (tested.folder / "tmp").glob("convscope-metrics-*/*.json")
        recent = [path for path in published if path.stat().st_mtime > begin]
        is_logged = (tested.folder / "tmp" / "log").stat().st_size > size
        return is_logged and len(recent) == _WORKERS

    return tested.recovery_s([victim], is_written)


def _limit(tested: Tested, kind: int, soft: int | None) -> None:
    """Limit a resource of every process; with None, as before."""
    for pid in tested.server.processes():
        _, hard = resource.prlimit(pid, kind)
        resource.prlimit(pid, kind, (hard if soft is None else soft, hard))


def _bundles(tested: Tested, load: Load, share: float) -> float:
    """Truncate, delete and replace the files of the default model, and restore them."""
    folder = tested.folder / "models" / "mnist" / "1"
    kept = tested.folder / "kept"
    longest = 0.0
    for damage in (_truncate, shutil.rmtree, _replace):
        shutil.copytree(folder, kept)
        damage(folder)
        time.sleep(max(5 * share, 1))
        tested.server.process.send_signal(signal.SIGHUP)
        time.sleep(max(5 * share, 2))
        shutil.rmtree(folder, ignore_errors=True)
        kept.rename(folder)
        tested.server.process.send_signal(signal.SIGHUP)
        healed = tested.recovery_s(is_ready=lambda: "reload_failed 0.0" in tested.get("/metrics"))
        longest = max(longest, healed)
    return longest


def _truncate(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)


def _replace(folder: Path) -> None:
    """Overwrite every file with zeros, in place."""
    for path in folder.iterdir():
        if path.is_file():
            path.write_bytes(bytes(path.stat().st_size))


def _clock(tested: Tested, load: Load, share: float) -> float:
    """Set the wall clock an hour ahead, two hours back, and right again."""
    for seconds in (3600, -3600):
        set_clock(tested.folder / "clock", seconds)
        time.sleep(40 * share)  # more than the timeout of a worker
    set_clock(tested.folder / "clock", 0)
    return tested.recovery_s()


def _descriptors(tested: Tested, load: Load, share: float) -> float:
    """Leave workers a few file descriptors, which idle connections take; release them."""
    for pid in tested.server.workers():
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        most = len(os.listdir(f"/proc/{pid}/fd")) + 8
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))
    idle = [socket.create_connection(("127.0.0.1", tested.server.port)) for _ in range(_IDLE)]
    time.sleep(max(9 * share, 2))  # unless they are released, the service closes them after 10 s
    for each in idle:
        each.close()
    recovered_s = tested.recovery_s()
    _limit(tested, resource.RLIMIT_NOFILE, None)
    return recovered_s


FAULTS: dict[str, Callable[[Tested, Load, float], float]] = {
    "kill -9 of workers": _kill,
    "SIGSTOP of a worker": _stop,
    "disk full": _disk_full,
    "read-only disk": _read_only,
    "bundle truncated, deleted, replaced": _bundles,
    "clock jumps": _clock,
    "no file descriptors": _descriptors,
}

ROW = Row(
    "After a fault the service recovers by itself; only requests in flight on the victim fail.", run
)

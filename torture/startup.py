"""Starts that must fail: a damaged bundle, a port in use, settings that are not allowed."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from benchmarks.environments import ROOT
from benchmarks.servers import free_port
from torture.row import Figure, Row

_MOST_S = 2.0
_WAIT_S = 15
_BUNDLE = ROOT / "models" / "mnist" / "1"
_SETTINGS = {
    "PORT": "x",
    "WEB_CONCURRENCY": "0",
    "CONVSCOPE_THREADS": "-1",
    "CONVSCOPE_MODELS_DIR": "/nowhere",
    "CONVSCOPE_DEFAULT_MODEL": "nobody",
    "CONVSCOPE_RATE_LIMIT": "many",
    "CONVSCOPE_CORS_ORIGINS": "a b",
    "CONVSCOPE_API_KEYS_FILE": "/nowhere",
    "CONVSCOPE_MISSPELT": "1",
}


def run(share: float) -> list[Figure]:
    """Start the service with each fault; it must end at once, with one line."""
    faults: list[str] = []
    longest, tried = 0.0, 0
    for name, environ in islice(_starts(), 0, None, max(round(1 / share), 1)):
        tried += 1
        seconds, code, causes = _start(environ)
        longest = max(longest, seconds)
        if not code:
            faults.append(f"{name}: it serves")
        elif len(causes) != 1:
            faults.append(f"{name}: {len(causes)} lines with a cause")
        if seconds > _MOST_S:
            faults.append(f"{name}: {seconds:.1f} s")
    return [
        Figure("faults tried", tried),
        Figure("seconds until the slowest has ended", longest, _MOST_S),
        Figure("that serve, take longer, or state not one cause", len(faults), 0),
        *(Figure(f"of these: {fault}", 1) for fault in faults),
    ]


def _starts() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield each fault with the environment of the start."""
    yield from ((f"{key}={value}", {key: value}) for key, value in _SETTINGS.items())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield "a port in use", {"PORT": str(taken.getsockname()[1])}
    changes: dict[str, Callable[[Path], object]] = {
        "missing": Path.unlink,
        "altered by a bit": _flip,
        "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
        "empty": lambda path: path.write_bytes(b""),
        "a folder": _make_folder,
    }
    for path in sorted(path for path in _BUNDLE.iterdir() if path.is_file()):
        for name, change in changes.items():
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(_BUNDLE, Path(folder) / "mnist" / "1")
                change(Path(folder) / "mnist" / "1" / path.name)
                yield f"{path.name} is {name}", {"CONVSCOPE_MODELS_DIR": folder}


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _start(changes: Mapping[str, str]) -> tuple[float, int, list[str]]:
    """Start the service; return the seconds until it ended, its exit code and the causes."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("CONVSCOPE_")}
    environ |= {"PORT": str(free_port()), "WEB_CONCURRENCY": "1", **changes}
    begin = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=_WAIT_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            output, _ = process.communicate()
            return _WAIT_S, 0, []
    seconds = time.monotonic() - begin
    causes = [line for line in output.splitlines() if line[:1] != "{" or '"critical"' in line]
    return seconds, process.returncode, causes


ROW = Row("A service that cannot serve says why, in one line, and ends at once.", run)

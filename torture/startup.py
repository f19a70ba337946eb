"""Start the service where it cannot serve: it says why, and what to do, and exits."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from benchmarks.environments import ROOT
from service.model.checksums import write_manifest
from service.model.manifest import MANIFEST
from torture.row import Figure, Row

_BUNDLE = Path("mnist") / "1"
_MOST_MS = 2000
_PATIENCE_S = 20
_SEED = 8
_REMEDIES = ("must be", "Set ", "set ", "Restore", "export", "Correct", "write ")
# A wrong value for every setting, and more where one can be wrong in several ways.
SETTINGS = {
    "HOST": ("203.0.113.7", "300.1.1.1"),
    "PORT": ("http", "-1", "65536", "9" * 40),
    "WEB_CONCURRENCY": ("0", "two"),
    "CONVSCOPE_THREADS": ("0", "129"),
    "CONVSCOPE_QUEUE": ("-1", "many"),
    "CONVSCOPE_MAX_WAIT_MS": ("0", "1s"),
    "CONVSCOPE_MAX_CONNECTIONS": ("0",),
    "CONVSCOPE_MAX_BUFFER_BYTES": ("65535", "24MB"),
    "CONVSCOPE_DRAIN_GRACE": ("-1", "301"),
    "CONVSCOPE_MODELS_DIR": ("/nowhere", "/dev/null"),
    "CONVSCOPE_DEFAULT_MODEL": ("other", "../mnist"),
    "CONVSCOPE_MODEL_MEMORY": ("0", "1G"),
    "CONVSCOPE_MAX_BODY_BYTES": ("1023",),
    "CONVSCOPE_MAX_PIXELS": ("783", "1.5"),
    "CONVSCOPE_MAX_IMAGES": ("0",),
    "CONVSCOPE_MAX_VALUES": ("0",),
    "CONVSCOPE_LOG_FORMAT": ("yaml",),
    "CONVSCOPE_API_KEYS_FILE": ("/nowhere", "/", "/dev/null"),
    "CONVSCOPE_RATE_LIMIT": ("5/fortnight", "0/second", "5"),
    "CONVSCOPE_RATE_LIMIT_STORAGE": ("file://x", "redis://", "redis://host:port"),
    "CONVSCOPE_CORS_ORIGINS": ("example.com", "https://a.example/path"),
    "CONVSCOPE_TRUSTED_PROXIES": ("-1", "11"),
    "CONVSCOPE_MAX_PIXEL": ("1000",),  # no setting
}


class Case(NamedTuple):
    """A start that must fail.

    Attributes:
        name: what is wrong.
        subject: what the line must name.
        break_: makes it wrong; gets the bundle's folder.
        settings: more settings.
    """

    name: str
    subject: str
    break_: Callable[[Path], object] = lambda _: None
    settings: Mapping[str, str] = MappingProxyType({})


def run(share: float) -> list[Figure]:
    """Start each case; time the exit, and read every line."""
    faults: dict[str, int] = {}
    slowest, cases = 0.0, 0
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as taken:
        committed = Path(name) / "committed"
        shutil.copytree(ROOT / "models" / _BUNDLE, committed)
        every = list(_cases(committed, str(taken.getsockname()[1])))
        chosen = every[:: round(1 / share)]
        for number, case in enumerate(chosen):
            models = Path(name) / str(number)
            shutil.copytree(committed, models / _BUNDLE)
            case.break_(models / _BUNDLE)
            seconds, found = _start(models, case)
            slowest, cases = max(slowest, seconds), cases + 1
            for fault in found:
                faults[fault] = faults.get(fault, 0) + 1
                print(f"{case.name}: {fault}", flush=True)
            shutil.rmtree(models)
            if number % 20 == 19:
                print(f"{cases} of {len(chosen)} starts, slowest {slowest:.2f} s", flush=True)
    names = ("exit code 0, or still running", "not exactly one line", "no cause or remedy")
    return [
        Figure("starts that cannot succeed", cases),
        Figure("slowest exit: ms", slowest * 1000, _MOST_MS),
        *(Figure(fault, faults.get(fault, 0), 0) for fault in names),
    ]


def _start(models: Path, case: Case) -> tuple[float, list[str]]:
    """Start the service; return the seconds until it exited, and what is wrong with the exit."""
    environ = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    environ |= {"PORT": "0", "CONVSCOPE_MODELS_DIR": str(models), **case.settings}
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.communicate()
        return _PATIENCE_S, ["exit code 0, or still running"]
    seconds, faults = time.perf_counter() - begin, []
    if process.returncode == 0:
        faults.append("exit code 0, or still running")
    if len(output.splitlines()) != 1:
        faults.append("not exactly one line")
    if case.subject not in output or not any(remedy in output for remedy in _REMEDIES):
        faults.append("no cause or remedy")
    return seconds, faults


def _cases(committed: Path, taken: str) -> Iterator[Case]:
    """Yield every case."""
    rng = Random(_SEED)
    paths = sorted(path for path in committed.rglob("*") if path.is_file())
    for path in paths:
        name = path.relative_to(committed).as_posix()
        # several, because most bits of the manifest are text that would be read as well
        for bit in rng.sample(range(8 * path.stat().st_size), 10 if name == MANIFEST else 1):
            yield Case(f"bit {bit} of {name}", name, partial(_flip, name, bit))
        yield Case(f"{name} missing", name, partial(_remove, name))
        for make in (Path.mkdir, os.mkfifo):
            yield Case(f"{make.__name__} {name}", name, partial(_replace, name, make))
        if name != MANIFEST:
            yield Case(f"{name} of another version", name, partial(_other_version, name))
    yield Case("manifest of another format", MANIFEST, _other_format)
    yield Case("port in use", taken, settings={"PORT": taken})
    for key, values in SETTINGS.items():
        for value in values:
            yield Case(f"{key}={value}", value if key == "HOST" else key, settings={key: value})


def _flip(name: str, bit: int, bundle: Path) -> None:
    raw = bytearray((bundle / name).read_bytes())
    raw[bit // 8] ^= 1 << bit % 8
    (bundle / name).write_bytes(raw)


def _remove(name: str, bundle: Path) -> None:
    (bundle / name).unlink()


def _replace(name: str, make: Callable[[Path], None], bundle: Path) -> None:
    """Put a folder or a pipe in a file's place: root may read any file, whatever its mode."""
    (bundle / name).unlink()
    make(bundle / name)


def _other_version(name: str, bundle: Path) -> None:
    """Change a file as a later export would; the manifest is that of the earlier one."""
    with (bundle / name).open("ab") as file:
        file.write(b"\n")


def _other_format(bundle: Path) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    write_manifest(bundle, {**manifest, "manifest": 3})


ROW = Row("Where the service cannot serve, it says why in one line, and exits at once.", run)

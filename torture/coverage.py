"""Fuzzing guided by coverage: libFuzzer, by Atheris, keeps the inputs that reach new code.

The row runs every target of `torture.fuzz_targets`. By hand, `python -m torture.coverage image`
runs one of them (further arguments are libFuzzer's), and `python -m torture.coverage merge` adds
the inputs that reach new code to the committed corpus.
"""

import json
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

from numpy.lib import format as npy_format

from benchmarks.environments import ENVIRONMENTS, ROOT, NotMeasured
from torture.row import Figure, Row

CORPUS = ROOT / "tests" / "fuzz" / "corpus"
FOUND = ENVIRONMENTS / "fuzz"  # new inputs of each target
FINDINGS = ENVIRONMENTS / "findings"  # inputs that are findings, named by their target
_RUNS, _SECONDS = 100_000, 60  # of each target, whichever it reaches first
_AT_ONCE = 2
_ADDED = 8  # inputs of a target that one merge adds: the smallest, so that the corpus stays small
_CPU_S = 1.0  # for one input; libFuzzer's own limit is of wall time, which other processes take too
_MEMORY_MIB = 1024
_LIMITS = ("-timeout=30", f"-rss_limit_mb={_MEMORY_MIB}", "-max_len=8192")
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 1e308, 0.5),
    *("", "x", "\0", [], {}, [[]], [0, -1]),
)
_PNG = b"\x89PNG\r\n\x1a\n"


def run(share: float) -> list[Figure]:
    """Run each target in a process of its own.

    Raises:
        NotMeasured: Atheris is not installed.
    """
    if find_spec("atheris") is None:
        raise NotMeasured(
            "Atheris is not installed; it has wheels for Linux on x86-64 only. Run the row there, "
            "after `make test`."
        )
    names = sorted(folder.name for folder in CORPUS.iterdir())
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        outputs = dict(zip(names, pool.map(lambda name: _search(name, share), names), strict=True))
    return [figure for name in names for figure in _figures(name, *outputs[name])]


def _search(name: str, share: float) -> tuple[int, str]:
    flags = (f"-runs={int(_RUNS * share)}", f"-max_total_time={max(int(_SECONDS * share), 1)}")
    status, output = _libfuzzer(name, "-print_final_stats=1", *flags, FOUND / name, CORPUS / name)
    print(f"  {name}: {'a finding' if status else 'no finding'}", flush=True)
    if status:
        print(output[-4000:], flush=True)
    return status, output


def _libfuzzer(name: str, *arguments: str | Path) -> tuple[int, str]:
    """Run a target's process; return its status, which is not 0 after a finding, and its output."""
    FOUND.joinpath(name).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        done = subprocess.run(
            [sys.executable, "-m", "torture.coverage", name, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": temporary},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    return done.returncode, done.stdout.decode(errors="replace")


def _figures(name: str, status: int, output: str) -> list[Figure]:
    edges, features = (re.findall(r"cov: (\d+) ft: (\d+)", output) or [(0, 0)])[-1]
    runs, peak = (
        int((re.findall(rf"stat::{key}:\s+(\d+)", output) or [0])[-1])
        for key in ("number_of_executed_units", "peak_rss_mb")
    )
    return [
        Figure(f"{name}: runs", runs),
        Figure(f"{name}: edges reached", int(edges), least=1),
        Figure(f"{name}: features (edges by how often they are taken)", int(features)),
        Figure(f"{name}: peak MiB", peak, _MEMORY_MIB),
        Figure(f"{name}: findings", int(status != 0), 0),
    ]


def _merge() -> None:
    """Add to the committed corpus the smallest inputs that reach edges which it does not."""
    for folder in sorted(CORPUS.iterdir()):
        before = set(folder.iterdir())
        status, output = _libfuzzer(folder.name, "-set_cover_merge=1", folder, FOUND / folder.name)
        if status:
            sys.exit(output[-4000:])
        added = sorted(set(folder.iterdir()) - before, key=lambda path: path.stat().st_size)
        for path in added[_ADDED:]:
            path.unlink()
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{folder.name}: {len(added[:_ADDED])} of {len(added)} added, now {size:,} bytes")


def _fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz a target in this process, until libFuzzer ends it."""
    import atheris  # has wheels for Linux on x86-64 only

    with atheris.instrument_imports(include=["service", "PIL", "werkzeug"]):
        from torture.fuzz_targets import TARGETS

    # all functions beside those that the service calls
    for function in list(npy_format.read_magic.__globals__.values()):
        if isinstance(function, FunctionType):
            atheris.instrument_func(function)
    target = TARGETS[name]

    def limited(data: bytes) -> None:
        begin = time.process_time()
        target(data)
        seconds = time.process_time() - begin
        if seconds > _CPU_S:
            raise TimeoutError(f"one input took {seconds:.1f} s")

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        changed = _change_json(rng, name, data) if rng.random() < 0.5 else None
        if changed is None or len(changed) > most:
            changed = atheris.Mutate(data, most)
        return _with_checksums(changed) if changed.startswith(_PNG) else changed

    FINDINGS.mkdir(parents=True, exist_ok=True)
    # libFuzzer starts the first word of its arguments again to merge
    command = f"{shlex.quote(sys.executable)} -m torture.coverage {name}"
    flags = [*_LIMITS, f"-artifact_prefix={FINDINGS}/{name}-", *arguments]
    atheris.Setup([command, *flags], limited, custom_mutator=mutate)
    atheris.Fuzz()


def _change_json(rng: random.Random, name: str, data: bytes) -> bytes | None:
    """Return an input with one to four changes to its JSON; None where it has none."""
    try:
        text, rest = _split(name, data)
        root = [json.loads(text)]
        for _ in range(rng.randint(1, 4)):
            _change(rng, root)
        return _join(name, json.dumps(root[0]).encode(), rest)
    except (ValueError, RecursionError, IndexError):
        return None


def _change(rng: random.Random, root: list[Any]) -> None:
    holder: Any = root
    key: Any = 0
    while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.8:
        holder = holder[key]
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    match holder[key], rng.randrange(4):
        case _, 0 if holder is not root:
            del holder[key]
        case int() | float() as number, 1 | 2:
            holder[key] = rng.choice((number + 1, -number, number * 1000, float(number)))
        case list() | str() as items, 1 | 2:
            holder[key] = rng.choice((items * 2, items[:-1], [items]))
        case dict() as items, 1 | 2:
            holder[key] = items | {rng.choice(("", "x", *items)): rng.choice(_VALUES)}
        case _:
            holder[key] = rng.choice(_VALUES)


def _split(name: str, data: bytes) -> tuple[bytes, bytes]:
    """Return the JSON of a target's input, and the bytes that follow it."""
    if name in ("weights", "score"):
        end = 8 + int.from_bytes(data[:8], "little")
        return data[8:end], data[end:]
    if name == "v2":
        length, _, body = data.partition(b"\n")
        end = int(length or len(body))
        return body[:end], body[end:]
    return data.removeprefix(b"\n"), b""


def _join(name: str, text: bytes, rest: bytes) -> bytes:
    if name in ("weights", "score"):
        return len(text).to_bytes(8, "little") + text + rest
    if name == "v2":
        return str(len(text)).encode() + b"\n" + text + rest
    return b"\n" + text if name == "v1" else text


def _with_checksums(png: bytes) -> bytes:
    """Return a PNG with the right checksum after each chunk, without which Pillow reads no more."""
    fixed, start = _PNG, len(_PNG)
    while start + 8 <= len(png):
        end = start + 8 + int.from_bytes(png[start : start + 4], "big")
        chunk = png[start:end]
        fixed += chunk + zlib.crc32(chunk[4:]).to_bytes(4, "big")
        start = end + 4
    return fixed


ROW = Row("Whatever bytes are decoded, they become values, or an error that says why not.", run)

if __name__ == "__main__":
    if sys.argv[1] == "merge":
        _merge()
    else:
        _fuzz(sys.argv[1], sys.argv[2:])

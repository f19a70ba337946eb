"""`python -m benchmarks.operations`: the service under signals, lost workers and too much to do.

The real service on this machine, its clients beside it on the same cores: only ratios tell.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import requests

from benchmarks.load import Seen, paced, without_pause

ROOT = Path(__file__).parents[1]
PORT = 8766
URL = f"http://127.0.0.1:{PORT}"
SEVEN = (ROOT / "tests" / "seven.png").read_bytes()
CLIENTS = 8
SLOW_CLIENTS = 300
FULL = 0.9  # of the rate before: it is whole again, within what rates vary by


def main() -> None:
    """Print every figure."""
    print("| what | measured |\n|---|---|")
    for what, measure in (
        ("SIGHUP each second for 20 s, a new version each time, one of them broken", reloads),
        ("`kill -9` of one of two workers", killed_worker),
        ("twice the rate that one worker can serve, for 10 s", overload),
        (f"beside {SLOW_CLIENTS} clients that send a byte a second, without `edge`", slow_clients),
    ):
        print(f"| {what} | {asyncio.run(measure())} |", flush=True)


@contextmanager
def service(models: Path = ROOT / "models", workers: int = 2) -> Iterator[subprocess.Popen[bytes]]:
    """The service, once every worker is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={
            **os.environ,
            "PORT": str(PORT),
            "WEB_CONCURRENCY": str(workers),
            "CONVSCOPE_MODELS_DIR": str(models),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while ready_workers() < workers:
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def ready_workers() -> float:
    """How many workers serve a model; 0 while nothing answers."""
    try:
        told = requests.get(f"{URL}/metrics", timeout=5).text
    except requests.RequestException:
        return 0
    lines = told.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("convscope_model_w"))


@asynccontextmanager
async def load(seconds: float, clients: int = CLIENTS) -> AsyncIterator[Seen]:
    """Clients that ask without pause meanwhile."""
    seen = Seen()
    task = asyncio.create_task(without_pause(seen, PORT, SEVEN, clients, seconds))
    yield seen
    await task


async def measured(work: Callable[..., Awaitable[None]], *arguments: float) -> Seen:
    """What clients meet who do that and nothing else."""
    seen = Seen()
    await work(seen, PORT, SEVEN, *arguments)
    return seen


async def reloads() -> str:
    """How many requests fail while versions come in, and which one is served in the end."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        add_version(models, 1)
        with service(models) as process:
            async with load(22) as seen:
                for version in range(2, 22):
                    add_version(models, version, broken=version == 10)
                    process.send_signal(signal.SIGHUP)
                    await asyncio.sleep(1)
            served = requests.get(f"{URL}/readyz", timeout=5).json()["models"][0]["version"]
    failed = len(seen.failures) + sum(n for status, n in seen.statuses.items() if status != 200)
    return f"{failed} of {len(seen.answers) + len(seen.failures)} failed; version {served} at last"


def add_version(models: Path, version: int, broken: bool = False) -> None:
    """Put another version of the committed model into a models folder, in one step."""
    made = models.parent / f"made-{version}"
    shutil.copytree(ROOT / "models" / "mnist" / "1", made)
    manifest = json.loads((made / "manifest.json").read_text())
    (made / "manifest.json").write_text(json.dumps({**manifest, "version": version}))
    if broken:
        (made / "graph.tflite").write_bytes(b"no graph")
    (models / "mnist").mkdir(parents=True, exist_ok=True)
    made.rename(models / "mnist" / str(version))


async def killed_worker() -> str:
    """How many requests fail with a worker, and when it is made up for."""
    with service() as process:
        async with load(20) as seen:
            await asyncio.sleep(8)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            os.kill(int(children.split()[0]), signal.SIGKILL)
            killed = time.monotonic()
    before = sum(killed - 5 <= when < killed for when, _, _ in seen.answers) / 5
    again = next((s for s in range(90) if rate(seen, killed + s / 10) >= FULL * before), None)
    took = "not within 9 s" if again is None else f"within {again / 10 + 1:.1f} s"
    return f"{len(seen.failures)} failed; {FULL:.0%} of the rate again {took}"


def rate(seen: Seen, begin: float) -> int:
    """Answers in the second from `begin` on."""
    return sum(begin <= when < begin + 1 for when, _, _ in seen.answers)


async def overload() -> str:
    """What becomes of the requests that are too many, and of the others."""
    with service(workers=1):
        await measured(without_pause, CLIENTS, 2)  # warms it up
        most = len((await measured(without_pause, CLIENTS, 5)).seconds(200)) / 5
        unloaded = await measured(paced, most / 10, 10)
        seen = await measured(paced, 2 * most, 10)
    statuses = ", ".join(f"{count} × {status}" for status, count in sorted(seen.statuses.items()))
    refused = max(seen.seconds(503), default=float("nan"))
    return (
        f"{statuses}, {len(seen.failures)} without an answer; p99 of the served "
        f"{seen.p99() * 1e3:.1f} ms, unloaded {unloaded.p99() * 1e3:.1f} ms: "
        f"{seen.p99() / unloaded.p99():.1f} ×; slowest 503 after {refused * 1e3:.0f} ms"
    )


async def slow_clients() -> str:
    """What others feel of them."""
    with service():
        before = await measured(without_pause, CLIENTS, 5)
        slow = [asyncio.create_task(dribble(15)) for _ in range(SLOW_CLIENTS)]
        await asyncio.sleep(2)
        during = await measured(without_pause, CLIENTS, 10)
        await asyncio.gather(*slow)
    statuses = ", ".join(f"{count} × {status}" for status, count in sorted(during.statuses.items()))
    return (
        f"p99 {before.p99() * 1e3:.0f} ms before; during: {statuses or 'no answer'}, "
        f"{len(during.failures)} without an answer in 10 s, p99 {during.p99() * 1e3:.0f} ms"
    )


async def dribble(seconds: float) -> None:
    """A client that sends a request a byte a second."""
    _, writer = await asyncio.open_connection("127.0.0.1", PORT)
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(SEVEN)}\r\n\r\n"
    end = time.monotonic() + seconds
    try:
        for byte in head.encode() + SEVEN:
            if time.monotonic() > end:
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(1)
    except ConnectionError:
        pass  # refused: it has what it deserves
    writer.transport.abort()


if __name__ == "__main__":
    main()

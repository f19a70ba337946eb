"""Count failed requests while versions roll out or a worker is killed.

Run as `python -m benchmarks.operations`.
"""

import asyncio
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import requests

from benchmarks.client import Responses, closed_loop, encode
from benchmarks.environments import ROOT
from benchmarks.images import SEVEN
from benchmarks.servers import running, start_service
from service.model.checksums import write_manifest

CLIENTS = 8
VERSIONS = range(2, 22)  # rolled out one a second
BROKEN = 10
RECOVERED = 0.9  # share of the former rate; rates vary by about a tenth
SETTLE_S = 2.0  # until the second worker is ready, too
PREDICT = encode("POST", "/predict", SEVEN, "application/octet-stream")


def main() -> None:
    """Print both measurements."""
    print("| event | measured |\n|---|---|")
    rollout = f"{len(VERSIONS)} versions, one a second by SIGHUP, one of them broken"
    print(f"| {rollout} | {asyncio.run(roll_out())} |", flush=True)
    print(f"| `kill -9` of one of two workers | {asyncio.run(kill_worker())} |")


@asynccontextmanager
async def load(port: int, seconds: float) -> AsyncIterator[Responses]:
    """Send requests during the block; the responses are complete after it."""
    responses = Responses()
    task = asyncio.create_task(closed_loop(port, PREDICT, CLIENTS, seconds))
    yield responses
    complete = await task
    responses.received[:], responses.failures[:] = complete.received, complete.failures


async def roll_out() -> str:
    """Count the requests that fail while versions roll out; report the version at the end."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        add_version(models, 1)
        with running(start_service(2, {"CONVSCOPE_MODELS_DIR": str(models)})) as server:
            await asyncio.sleep(SETTLE_S)
            async with load(server.port, len(VERSIONS) + 2) as responses:
                for version in VERSIONS:
                    add_version(models, version, broken=version == BROKEN)
                    server.process.send_signal(signal.SIGHUP)
                    await asyncio.sleep(1)
            ready = requests.get(f"http://127.0.0.1:{server.port}/readyz", timeout=5).json()
    total = len(responses.received) + len(responses.failures)
    failed = total - responses.statuses[200]
    return f"{failed} of {total} failed; version {ready['models'][0]['version']} serves at the end"


def add_version(models: Path, version: int, broken: bool = False) -> None:
    """Put another version of the committed model into a models folder, atomically.

    Args:
        models: the folder, which need not exist.
        version: of the copy.
        broken: whether its graph is damaged.
    """
    bundle = models.parent / f"bundle-{version}"
    shutil.copytree(ROOT / "models" / "mnist" / "1", bundle)
    manifest = json.loads((bundle / "manifest.json").read_text())
    write_manifest(bundle, {**manifest, "version": version})
    if broken:
        (bundle / "graph.tflite").write_bytes(b"not a graph")
    (models / "mnist").mkdir(parents=True, exist_ok=True)
    bundle.rename(models / "mnist" / str(version))


async def kill_worker() -> str:
    """Count the requests that fail when a worker is killed; measure the time to recover."""
    with running(start_service(2)) as server:
        await asyncio.sleep(SETTLE_S)
        async with load(server.port, 20) as responses:
            await asyncio.sleep(8)
            os.kill(server.workers()[0], signal.SIGKILL)
            killed = time.monotonic()
    before = sum(killed - 5 <= when < killed for when, _, _ in responses.received) / 5
    tenths = (s for s in range(90) if rate(responses, killed + s / 10) >= RECOVERED * before)
    recovered = next(tenths, None)
    took = "not within 9 s" if recovered is None else f"within {recovered / 10 + 1:.1f} s"
    return f"{len(responses.failures)} failed; {RECOVERED:.0%} of the rate again {took}"


def rate(responses: Responses, begin: float) -> int:
    """Return the number of responses in the second from `begin` on."""
    return sum(begin <= when < begin + 1 for when, _, _ in responses.received)


if __name__ == "__main__":
    main()

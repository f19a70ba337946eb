"""Hold connections that send almost nothing, all in one process.

`python -m benchmarks.slow_clients --port 8000 --kind headers --count 300` writes "ready" once they
are connected, stays until its standard input closes, and then writes one line of JSON: how many
connections the server closed, and the statuses that it sent.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LARGEST = 1_000_000  # bytes of the largest body that they announce
STEP_S = 0.2  # between two bytes of a slow client
KINDS = ("headers", "body", "last byte", "idle")
_HEAD = "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n"


def first_bytes(kind: str, share: float) -> bytes:
    """Return what a client sends at once.

    Args:
        kind: "headers" leaves them unfinished, "body" sends none of its body yet, "last byte" all
            but the last byte, "idle" nothing.
        share: of the largest body that this client announces, 0–1.
    """
    length = max(int(LARGEST * share), 1000)
    head = f"{_HEAD}Content-Length: {length}\r\n\r\n".encode()
    by_kind = {
        "headers": _HEAD.encode(),
        "body": head,
        "last byte": head + b"\0" * (length - 1),
        "idle": b"",
    }
    return by_kind[kind]


class SlowClients:
    """A process of connected slow clients; `finish()` returns the outcome."""

    def __init__(self, port: int, kind: str, count: int) -> None:
        words = [sys.executable, "-m", "benchmarks.slow_clients", "--port", str(port)]
        words += ["--kind", kind, "--count", str(count)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdout.readline()

    def finish(self) -> dict[str, int]:
        """Close them; return the number of connections that the server had closed."""
        output, _ = self._process.communicate("")
        outcome: dict[str, int] = json.loads(output)
        return outcome


async def hold(port: int, kind: str, count: int) -> dict[str, int]:
    """Connect the clients, send bytes slowly where the kind does, wait for the end of stdin."""
    outcome = Counter[str]()
    connecting = asyncio.Semaphore(50)
    connected = asyncio.Semaphore(0)

    async def one(index: int) -> None:
        async with connecting:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first_bytes(kind, (index + 1) / count))
        connected.release()
        closed = asyncio.create_task(reader.read())
        try:
            while kind != "idle" and kind != "last byte" and not closed.done():
                writer.write(b"\0" if kind == "body" else b"X")
                await asyncio.sleep(STEP_S)
            response = await closed
            outcome["closed"] += 1
            if response:
                outcome[response[9:12].decode()] += 1
        except ConnectionError:
            outcome["closed"] += 1
        finally:
            closed.cancel()
            writer.transport.abort()

    tasks = [asyncio.create_task(one(index)) for index in range(count)]
    for _ in range(count):
        await connected.acquire()
    await asyncio.sleep(0.5)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return dict(outcome)


def main() -> None:
    """Hold the clients that the flags describe."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    parser = argparse.ArgumentParser(description="Hold connections to a server on 127.0.0.1.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--count", type=int, required=True)
    flags = parser.parse_args()
    json.dump(asyncio.run(hold(flags.port, flags.kind, flags.count)), sys.stdout)


if __name__ == "__main__":
    main()

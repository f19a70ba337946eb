"""Generate closed-loop load with wrk: each connection sends its next request after a response."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import NotMeasured
from benchmarks.peers import Request

SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT_S = 20


@dataclass(frozen=True)
class Run:
    """One load run.

    Attributes:
        rate: responses below 400 per second.
        p50_ms: median time of a response.
        p99_ms: 99th percentile.
        refused: responses of 400 and above, 503 among them.
        broken: connections refused or closed, and requests without a response.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int


def require_wrk() -> None:
    """Exit with one line where wrk is not installed."""
    if shutil.which("wrk") is None:
        sys.exit("make bench needs wrk: install it, on Debian with `apt-get install wrk`.")


def load(port: int, request: Request, connections: int, seconds: int) -> Run:
    """Send the same request on every connection without pauses.

    Args:
        port: of a server on 127.0.0.1.
        request: what to send.
        connections: how many, kept open.
        seconds: for how long.

    Raises:
        NotMeasured: wrk cannot connect.
    """
    headers = {"Content-Type": request.content_type, **request.headers}
    with tempfile.NamedTemporaryFile() as body:
        body.write(request.body)
        body.flush()
        environ = {
            **os.environ,
            "WRK_BODY": body.name,
            "WRK_HEADERS": "\n".join(f"{name}: {value}" for name, value in headers.items()),
        }
        command = f"wrk -t1 -c{connections} -d{seconds}s --timeout={TIMEOUT_S}s".split()
        completed = subprocess.run(
            [*command, "-s", str(SCRIPT), f"http://127.0.0.1:{port}{request.path}"],
            env=environ,
            check=False,
            capture_output=True,
            text=True,
        )
    if completed.returncode:
        raise NotMeasured(f"wrk failed: {(completed.stderr or completed.stdout).strip()[-200:]}")
    figures = json.loads(completed.stderr.splitlines()[-1])
    duration_s = figures["microseconds"] / 1e6
    return Run(
        rate=(figures["requests"] - figures["refused"]) / duration_s,
        p50_ms=figures["p50"] / 1e3,
        p99_ms=figures["p99"] / 1e3,
        refused=figures["refused"],
        broken=figures["broken"],
    )

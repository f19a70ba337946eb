"""Run `benchmarks.client` in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SEVEN = ROOT / "tests" / "seven.png"
NOTHING = {"count": 0, "rate": 0.0, "p50_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0}


@dataclass(frozen=True)
class Summary:
    """A client's figures by status, its failures by kind, and its largest delay."""

    statuses: dict[str, dict[str, float]]
    failures: dict[str, int]
    behind_ms: float

    def of(self, status: int) -> dict[str, float]:
        """Return `count`, `rate`, `p50_ms`, `p99_ms` and `max_ms` of a status."""
        return self.statuses.get(str(status), NOTHING)


class Client:
    """A running client; its flags are those of `python -m benchmarks.client`."""

    def __init__(self, port: int, **flags: Any) -> None:
        words = [sys.executable, "-m", "benchmarks.client", "--port", str(port)]
        for name, value in flags.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        self._process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def summary(self) -> Summary:
        """Wait until the client has finished and return its figures."""
        output, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"the client exited with {self._process.returncode}")
        return Summary(**json.loads(output))


def predict(port: int, **flags: Any) -> Summary:
    """Post the image of a seven to /predict with the load that the flags describe."""
    return Client(port, body=SEVEN, **flags).summary()

"""Create the peers' virtual environments, where missing or outdated."""

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.peers import Peer

ROOT = Path(__file__).parents[1]
PEERS_DIR = Path(__file__).parent / "peers"
ENVIRONMENTS = ROOT / ".bench"


class NotMeasured(Exception):
    """A peer cannot be installed or started; the message gives the reason."""


def programs(peer: Peer) -> Path:
    """Return the folder with the peer's interpreter; create its environment where needed.

    Raises:
        NotMeasured: the environment cannot be created or a requirement cannot be installed.
    """
    requirements = PEERS_DIR / peer.name / "requirements.txt"
    environment = ENVIRONMENTS / peer.name
    marker, digest = (
        environment / "installed",
        hashlib.sha256(requirements.read_bytes()).hexdigest(),
    )
    if not marker.exists() or marker.read_text() != digest:
        print(f"{peer.title}: creating {environment.relative_to(ROOT)}", flush=True)
        _run(peer.python or sys.executable, "-m", "venv", "--clear", str(environment))
        _run(f"{environment}/bin/pip", "install", "--quiet", "-r", str(requirements))
        marker.write_text(digest)
    return environment / "bin"


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise NotMeasured(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if "ERROR" in line]
        reason = lines[-1] if lines else error.stderr.strip()[-200:]
        raise NotMeasured(f"not installed: {reason.removeprefix('ERROR: ')}") from None

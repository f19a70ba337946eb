"""The page's pure code, tested where it is: in JavaScript."""

import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent


def test_javascript():
    """Every `*.test.js` here passes under `node --test`."""
    files = sorted(str(path) for path in FOLDER.glob("*.test.js"))
    done = subprocess.run(["node", "--test", *files], capture_output=True, text=True)  # noqa: S607
    assert done.returncode == 0, done.stdout + done.stderr

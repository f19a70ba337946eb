"""The page's code without DOM, tested in JavaScript."""

import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent


def test_javascript():
    """Every `*.test.js` here passes under `node --test`."""
    files = sorted(str(path) for path in FOLDER.glob("*.test.js"))
    process = subprocess.run(["node", "--test", *files], capture_output=True, text=True)  # noqa: S607
    assert process.returncode == 0, process.stdout + process.stderr

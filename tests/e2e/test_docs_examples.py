"""The commands in the docs work, and return the responses that are printed below them.

After an intended change, `UPDATE_DOCS=1 make test` writes the new responses into the docs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.conftest import ROOT

PAGES = [
    *(ROOT / "docs" / "api.md", ROOT / "docs" / "operations.md", ROOT / "README.md"),
    *ROOT.glob("client/README.md"),
]
# a shell block, and the JSON block that may follow it
EXAMPLE = re.compile(
    r"```sh\n(?P<command>[^`]*?localhost:8000.*?)```\n(?:```json\n(?P<response>.*?)```)?", re.DOTALL
)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
VARIES = ("sha256", "made_from", "request_id", "created")
MAX_DEPTH = 6  # objects inside objects
MAX_KEYS = 24  # of an object


def shorten(value, depth=0):
    """Return a response as the docs print it, without what is long, deep or rounding noise."""
    if isinstance(value, dict):
        if depth == MAX_DEPTH:
            return "…"
        kept = {key: shorten(entry, depth + 1) for key, entry in value.items()}
        for key in kept:
            if key in VARIES or (isinstance(kept[key], str) and len(kept[key]) > 120):
                kept[key] = "…"
        first = dict(list(kept.items())[:MAX_KEYS])
        return first if len(kept) <= MAX_KEYS else {**first, "…": "…"}
    if isinstance(value, list):
        if len(value) <= 4 and not any(isinstance(entry, list) for entry in value):
            return [shorten(entry, depth) for entry in value]
        return [*(shorten(entry, depth) for entry in value[:2]), *["…"] * (len(value) > 2)]
    return float(f"{value:.3g}") if isinstance(value, float) else value


def to_json(value, indent=0):
    """Return JSON with as many entries on a line as fit into 96 columns."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= 96 or not isinstance(value, dict | list):
        return flat
    keyed = isinstance(value, dict)
    entries = [
        f"{json.dumps(key, ensure_ascii=False)}: {to_json(entry, indent + len(key) + 5)}"
        for key, entry in (value.items() if keyed else ())
    ] or [to_json(entry, indent + 1) for entry in value]
    lines = [entries[0]]
    for entry in entries[1:]:
        together = f"{lines[-1]}, {entry}"
        if "\n" not in together and len(together) + indent < 96:
            lines[-1] = together
        else:
            lines.append(entry)
    inside = f",\n{' ' * (indent + 1)}".join(lines)
    return f"{{{inside}}}" if keyed else f"[{inside}]"


def examples():
    """Return every command that calls the service, with its page."""
    return [
        pytest.param(page, match, id=f"{page.name}-{number}")
        for page in PAGES
        for number, match in enumerate(EXAMPLE.finditer(page.read_text()))
        if "make serve" not in match["command"]
    ]


@pytest.fixture
def folder(tmp_path):
    """A folder with the image that the docs use, as `seven.png` and as `tests/seven.png`."""
    (tmp_path / "tests").mkdir()
    for target in (tmp_path, tmp_path / "tests"):
        shutil.copy(ROOT / "tests" / "seven.png", target)
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def _loaded(server):
    """Load every model, so that `GET /models` returns the same whatever test ran before."""
    requests.get(f"{server}/model?model=tiny", timeout=60).raise_for_status()


@pytest.mark.parametrize(("page", "match"), examples())
def test_an_example_returns_the_printed_response(server, folder, page, match):
    """The command as written, run by a shell, succeeds and returns the response in the docs."""
    if "jq" in match["command"] and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    command = match["command"].replace("http://", "").replace("localhost:8000", server)
    process = subprocess.run(
        ["/bin/bash", "-euc", command.replace("curl ", "curl --silent --show-error ")],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    if match["response"] is None:
        return
    response = to_json(shorten(json.loads(process.stdout))) + "\n"
    if os.environ.get("UPDATE_DOCS"):
        block = match[0]
        updated = block.removesuffix(f"```json\n{match['response']}```")
        text = page.read_text().replace(block, f"{updated}```json\n{response}```", 1)
        page.write_text(text)
    else:
        assert response == match["response"]


@pytest.mark.parametrize(
    ("page", "code"),
    [
        pytest.param(page, code, id=f"{page.name}-{number}")
        for page in PAGES
        for number, code in enumerate(PYTHON.findall(page.read_text()))
    ],
)
def test_a_python_example_runs(server, folder, page, code):
    """Python code in the docs runs as written, with the client of this tree."""
    process = subprocess.run(
        [sys.executable, "-c", code.replace("http://localhost:8000", server)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "client")},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, f"{page.name}: {process.stderr}"
    assert process.stdout.startswith("7"), page.name

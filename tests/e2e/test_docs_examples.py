"""The commands in docs/api.md and README.md work, and answer what is printed below them.

After a change that is meant, `UPDATE_DOCS=1 make test` writes the new answers.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / "docs" / "api.md", ROOT / "README.md"]
# a shell block, and the JSON block that may follow it
EXAMPLE = re.compile(
    r"```sh\n(?P<command>[^`]*?localhost:8000.*?)```\n(?:```json\n(?P<answer>.*?)```)?", re.DOTALL
)
VARIES = ("sha256", "made_from", "request_id", "created")


def shortened(value):
    """An answer as the docs print it: long lists, long texts and the noise of float32 left out."""
    if isinstance(value, dict):
        kept = {key: shortened(entry) for key, entry in value.items()}
        for key in kept:
            if key in VARIES or (isinstance(kept[key], str) and len(kept[key]) > 120):
                kept[key] = "…"
        first = dict(list(kept.items())[:14])
        return first if len(kept) <= 14 else {**first, "…": "…"}
    if isinstance(value, list):
        if len(value) <= 4 and not any(isinstance(entry, list) for entry in value):
            return [shortened(entry) for entry in value]
        return [*(shortened(entry) for entry in value[:2]), *(["…"] if len(value) > 2 else [])]
    return float(f"{value:.3g}") if isinstance(value, float) else value


def printed(value, indent=0):
    """JSON with as many entries on a line as fit 96 columns."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= 96 or not isinstance(value, dict | list):
        return flat
    keyed = isinstance(value, dict)
    entries = [
        f"{json.dumps(key, ensure_ascii=False)}: {printed(entry, indent + len(key) + 5)}"
        for key, entry in (value.items() if keyed else ())
    ] or [printed(entry, indent + 1) for entry in value]
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
    """Every command that asks the service, with where it stands."""
    return [
        pytest.param(page, match, id=f"{page.name}-{number}")
        for page in PAGES
        if page.exists()
        for number, match in enumerate(EXAMPLE.finditer(page.read_text()))
        if "make serve" not in match["command"]
    ]


@pytest.mark.parametrize(("page", "match"), examples())
def test_an_example_answers_what_is_printed(server, tmp_path, page, match):
    """The command as written, run by a shell, succeeds; its answer is the one in the docs."""
    if "jq" in match["command"] and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    (tmp_path / "tests").mkdir()
    for folder in (tmp_path, tmp_path / "tests"):
        shutil.copy(ROOT / "tests" / "seven.png", folder)
    command = match["command"].replace("http://", "").replace("localhost:8000", server)
    done = subprocess.run(
        ["/bin/bash", "-euc", command.replace("curl ", "curl --silent --show-error ")],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    if match["answer"] is None:
        return
    answer = printed(shortened(json.loads(done.stdout))) + "\n"
    if os.environ.get("UPDATE_DOCS"):
        old = match[0]
        new = old.replace(f"```json\n{match['answer']}```", f"```json\n{answer}```")
        page.write_text(page.read_text().replace(old, new, 1))
    else:
        assert answer == match["answer"]

"""The code that the lab shows is the project's own."""

import json
import shlex
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT

SHOW = "import {STEPS} from './service/web/lab/steps.js'; console.log(JSON.stringify(STEPS));"


@pytest.fixture(scope="module")
def steps() -> list[dict[str, Any]]:
    """The six steps of the exhibit on training: {file, code, command}."""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", SHOW],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    shown: list[dict[str, Any]] = json.loads(done.stdout)
    return shown


def test_every_line_shown_stands_in_its_file(steps):
    """The six steps are lines of the files that they name, in their order."""
    assert len(steps) == 6
    for step in steps:
        source = [line.strip() for line in (ROOT / step["file"]).read_text().splitlines()]
        places = [source.index(line.strip()) for line in step["code"]]
        assert places == sorted(places), step["file"]


def test_every_command_shown_is_understood(steps):
    """The commands have the flags that `python -m training` knows."""
    commands = [shlex.split(step["command"]) for step in steps if "command" in step]
    assert len(commands) == 2
    for _, dash_m, package, verb, *flags in commands:
        done = subprocess.run(
            [sys.executable, dash_m, package, verb, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert all(flag in done.stdout for flag in flags if flag.startswith("--"))

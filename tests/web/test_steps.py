"""The code that the lab shows is this project's code."""

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
    """Return the six steps of the exhibit on training: {file, code, command}."""
    process = subprocess.run(
        ["node", "--input-type=module", "-e", SHOW],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    steps: list[dict[str, Any]] = json.loads(process.stdout)
    return steps


def test_every_line_of_a_step_is_in_its_file(steps):
    """The six steps are lines of the files that they name, in the same order."""
    assert len(steps) == 6
    for step in steps:
        source = [line.strip() for line in (ROOT / step["file"]).read_text().splitlines()]
        places = [source.index(line.strip()) for line in step["code"]]
        assert places == sorted(places), step["file"]


def test_every_command_of_a_step_is_valid(steps):
    """The commands have only flags of `python -m training`."""
    commands = [shlex.split(step["command"]) for step in steps if "command" in step]
    assert len(commands) == 2
    for _, dash_m, package, verb, *flags in commands:
        process = subprocess.run(
            [sys.executable, dash_m, package, verb, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert all(flag in process.stdout for flag in flags if flag.startswith("--"))

"""The programs that the tests need are found, or the run stops with one line."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.prerequisites import find_browser


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that puts a program with an exit status on an otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def add(name, status):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
        return str(tmp_path / name)

    return add


def test_the_first_browser_that_starts_is_used(programs):
    """A browser that does not start is skipped, even if another one comes first by name."""
    assert find_browser() is None
    programs("chromium-browser", 1)
    assert find_browser() is None
    chrome = programs("google-chrome-stable", 0)
    assert find_browser() == chrome
    chromium = programs("chromium", 0)
    assert find_browser() == chromium


def run(tmp_path):
    """Run the check with an unreachable download host."""
    isolated = {
        "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "browsers"),
        "PLAYWRIGHT_DOWNLOAD_HOST": "http://127.0.0.1:9",
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.prerequisites"],
        cwd=ROOT,
        env={**os.environ, **isolated},
        capture_output=True,
        text=True,
    )


def test_missing_programs_stop_the_run_with_one_line(programs, tmp_path):
    """Without a browser, a download and apt-get, the last line names the missing packages."""
    programs("curl", 0)
    process = run(tmp_path)
    assert process.returncode == 1
    reason, missing = process.stderr.splitlines()
    assert reason.startswith("Playwright's Chromium cannot be used: Error: ")
    assert missing.endswith("apt-get install nodejs npm chromium fonts-dejavu-core libatomic1")


def test_installed_programs_are_accepted(tmp_path):
    """With a browser and the other programs installed, nothing is downloaded or printed."""
    process = run(tmp_path)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")

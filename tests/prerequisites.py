"""Find the programs that the tests need and pip cannot install; install those that are missing.

`make test` runs this module first, so that a missing program stops it before the tests.
"""

import os
import shutil
import signal
import subprocess
import sys

from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FIREFOXES = ("firefox-esr", "firefox")
PROGRAMS = {"curl": "curl", "node": "nodejs", "npm": "npm"}  # with their packages in Debian
LIMIT_S = 180  # of the download


def find_browser() -> str | None:
    """Return the path of an installed Chromium or Chrome, or None if there is none that starts."""
    return _first_that_starts(BROWSERS)


def find_firefox() -> str | None:
    """Return the path of an installed Firefox, or None if there is none that starts."""
    return _first_that_starts(FIREFOXES)


def _first_that_starts(names: tuple[str, ...]) -> str | None:
    for path in filter(None, map(shutil.which, names)):
        # Ubuntu's chromium-browser is a script that only says how to install the real one.
        if subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    return None


def starts_browser() -> bool:
    """Return whether Playwright starts the installed browser, or its own if there is none."""
    try:
        with sync_playwright() as playwright:
            playwright.chromium.launch(executable_path=find_browser()).close()
    except Exception:  # a bare one if a library of Playwright's own program is missing
        return False
    return True


def download_browser() -> bool:
    """Download Playwright's Chromium; return whether it starts, and print the reason if not."""
    process = subprocess.Popen(
        [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"],
        env={"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000", **os.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        errors = process.communicate(timeout=LIMIT_S)[1].splitlines() or ["libraries are missing"]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the download runs in a child of the process
        errors = [f"the download took more than {LIMIT_S} s"]
    if starts_browser():
        return True
    print(f"Playwright's Chromium cannot be used: {errors[0]}", file=sys.stderr)
    return False


def apt_get(*arguments: str) -> bool:
    """Run apt-get where it may install packages; return whether it succeeded."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    command = ["timeout", "600", "apt-get", "-qq", *arguments]
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environ, stdout=subprocess.DEVNULL).returncode == 0


def main() -> None:
    """Find or install every program; exit with one line that names those that are missing."""
    packages = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if not (starts_browser() or download_browser()):
        packages += ["chromium", "fonts-dejavu-core", "libatomic1"]
    options = ("--yes", "--no-install-recommends")
    if packages and not (apt_get("update") and apt_get("install", *options, *packages)):
        sys.exit(f"The tests need more programs. On Debian: apt-get install {' '.join(packages)}")
    if find_firefox() is None:  # without it, its tests are skipped
        _ = apt_get("update") and apt_get("install", *options, "firefox-esr")


if __name__ == "__main__":
    main()

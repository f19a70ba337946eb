"""Drive Debian's Firefox by its own protocol, because Playwright drives a patched one only.

The protocol is Marionette, and its commands are those of WebDriver:
https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PREFERENCES = {
    "marionette.port": 0,  # any free one, which Firefox writes into its profile
    "intl.accept_languages": "en",
    "ui.prefersReducedMotion": 1,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.update.disabledForTesting": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
LIMIT_S = 60.0  # of the start, and of every wait

# The errors of pages: uncaught ones and refused requests, then those of console.error.
ERRORS = """
const storage = Cc['@mozilla.org/consoleAPI-storage;1'].getService(Ci.nsIConsoleAPIStorage);
const uncaught = Services.console.getMessageArray()
    .filter((entry) => entry instanceof Ci.nsIScriptError)
    .filter((entry) => !(entry.flags & Ci.nsIScriptError.warningFlag))
    .filter((entry) => entry.sourceName.startsWith(arguments[0]));
const logged = storage.getEvents()
    .filter((event) => event.level === 'error' && event.filename.startsWith(arguments[0]));
return [...uncaught.map(String), ...logged.map((event) => event.arguments.join(' '))];
"""


class Firefox:
    """One window of a Firefox that runs."""

    def __init__(self, port: int) -> None:
        """Connect to the port, and start a session."""
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self._stream = self._connection.makefile("rwb")
        self._read()  # what Firefox is
        self._number = 0
        self._send("WebDriver:NewSession", capabilities={})

    def open(self, url: str) -> None:
        """Go to a page, in a window of the size of a desktop's."""
        self._send("WebDriver:SetWindowRect", width=1440, height=1000)
        self._send("WebDriver:Navigate", url=url)

    def run(self, script: str, *arguments: object) -> Any:
        """Return the value of a function's body that runs in the page."""
        return self._send("WebDriver:ExecuteScript", script=script, args=arguments)["value"]

    def wait(self, expression: str) -> Any:
        """Wait until an expression in the page is true; return its value."""
        end = time.monotonic() + LIMIT_S
        while not (value := self.run(f"return {expression}")):
            assert time.monotonic() < end, (
                f"{expression} is not true: {self.run('return location.href')}"
            )
            time.sleep(0.05)
        return value

    def click(self, selector: str) -> None:
        """Wait for an element and click it; the page may replace it meanwhile, so try again."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                found = self._send("WebDriver:FindElement", using="css selector", value=selector)
                self._send("WebDriver:ElementClick", id=next(iter(found["value"].values())))
                return
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def drag(self, points: list[tuple[float, float]]) -> None:
        """Press the mouse at the first point in the window, move it to the others, release it."""
        moves = [
            {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 30} for x, y in points
        ]
        buttons = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        mouse = {
            "type": "pointer",
            "id": "mouse",
            "parameters": {"pointerType": "mouse"},
            "actions": [moves[0], buttons[0], *moves[1:], buttons[1]],
        }
        self._send("WebDriver:PerformActions", actions=[mouse])

    def errors(self, origin: str) -> list[str]:
        """Return the errors that pages of an origin have logged."""
        self._send("Marionette:SetContext", value="chrome")
        errors: list[str] = self.run(ERRORS, origin)
        self._send("Marionette:SetContext", value="content")
        return errors

    def quit(self) -> None:
        """Close the browser."""
        self._send("Marionette:Quit", flags=["eForceQuit"])
        self._connection.close()

    def _send(self, command: str, **parameters: object) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        self._stream.write(b"%d:%b" % (len(message), message))
        self._stream.flush()
        _, number, error, value = self._read()
        assert number == self._number
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return value

    def _read(self) -> Any:
        length = b""
        while (digit := self._stream.read(1)) != b":":
            assert digit, "Firefox has closed the connection"
            length += digit
        return json.loads(self._stream.read(int(length)))


@contextmanager
def running(program: str, profile: Path) -> Iterator[Firefox]:
    """Run Firefox without a window, with a profile of its own; stop it at the end."""
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in PREFERENCES.items()
    ]
    (profile / "user.js").write_text("\n".join(lines))
    flags = [
        "--headless",
        "--marionette",
        "--remote-allow-system-access",
        "--no-remote",
        "--profile",
    ]
    process = subprocess.Popen(
        [program, *flags, str(profile)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        firefox = Firefox(_port(process, profile / "MarionetteActivePort"))
        yield firefox
        firefox.quit()
        process.wait(LIMIT_S)
    finally:
        process.kill()
        process.wait()


def _port(process: "subprocess.Popen[bytes]", file: Path) -> int:
    end = time.monotonic() + LIMIT_S
    while not (file.exists() and file.read_text()):
        assert process.poll() is None, f"Firefox has ended with status {process.returncode}"
        assert time.monotonic() < end, f"Firefox has not started within {LIMIT_S:.0f} s"
        time.sleep(0.05)
    return int(file.read_text())

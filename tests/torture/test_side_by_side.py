"""What counts as a fault of a server that is compared."""

import os
import sys
from functools import partial
from pathlib import Path

import pytest

from benchmarks.servers import Server, free_port, start_process
from torture.seeds import Seed
from torture.side_by_side import Subject, bombs, drain

FRAGILE = """
import http.server, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"deadly":
            os._exit(1)
        time.sleep(0.3 if body == b"slow" else 0)
        self.answer(400 if body == b"wrong" else 200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def _start(script: Path) -> Server:
    port = free_port()
    command = [sys.executable, str(script), str(port)]
    return start_process(command, script.parent, os.environ, port, "/", "fragile")


@pytest.fixture
def fragile(tmp_path: Path) -> Subject:
    """A server that exits at one body, refuses another, and stops without draining."""
    script = tmp_path / "fragile.py"
    script.write_text(FRAGILE)
    deadly, wrong, slow = (Seed(name, "/", name.encode()) for name in ("deadly", "wrong", "slow"))
    every = {"a deadly one": lambda: deadly, "a wrong one": lambda: wrong}
    return Subject(partial(_start, script), "/", [slow], every)


def test_a_server_that_dies_is_counted_and_started_again(fragile: Subject) -> None:
    """The next bomb finds a running server; what memory the dead one had is not known."""
    figures = bombs(fragile, times=2)
    assert figures["bombs: processes that died"] == 2
    assert figures["bombs: not answered"] == 2
    assert figures["bombs: refused with 4xx"] == 2
    assert figures["a deadly one: MiB more"] is None
    assert figures["a wrong one: MiB more"] is not None


def test_requests_that_a_stop_cuts_off_are_counted(fragile: Subject) -> None:
    """A server that exits at once leaves a request of each of the eight clients unanswered."""
    figures = drain(fragile, times=1)
    assert figures["drain: of these not answered with 200"] == 8

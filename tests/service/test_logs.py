"""The access log."""

import json
import time

from service.environ import ARRIVED, REQUEST
from service.logs import AccessLog

ENVIRON = {
    "REQUEST_METHOD": "POST",
    "RAW_URI": "/predict",
    "REMOTE_ADDR": "127.0.0.1",
    ARRIVED: 0.0,
    REQUEST: {"request_id": "abc", "model": "mnist/1"},
}


def test_lines_are_written_in_batches():
    """Nothing is written until `flush`, which writes all lines in order."""
    written = []
    log = AccessLog(written.append, as_text=False)
    for size in (1, 2, 3):
        log.add(ENVIRON, 200, size)
    assert written == []
    log.flush()
    log.flush()
    (batch,) = written
    lines = [json.loads(line) for line in batch.splitlines()]
    assert [line["bytes"] for line in lines] == [1, 2, 3]
    assert lines[0]["message"] == "POST /predict 200"
    assert lines[0]["model"] == "mnist/1"
    assert batch.endswith(b"\n")


def test_a_line_has_the_time_of_its_response():
    """The duration ends at the response, not at `flush`."""
    written = []
    log = AccessLog(written.append, as_text=False)
    began = time.perf_counter()
    log.add({**ENVIRON, ARRIVED: began}, 200, 1)
    duration = time.perf_counter() - began
    time.sleep(0.05)
    log.flush()
    assert 0 <= json.loads(written[0])["seconds"] <= duration + 1e-6


def test_control_characters_are_escaped_in_text():
    """A line cannot control the terminal that shows it."""
    written = []
    log = AccessLog(written.append, as_text=True)
    log.add({**ENVIRON, "RAW_URI": "/\x1b[2J"}, 404, 1)
    log.flush()
    assert b"/\\x1b[2J 404" in written[0]

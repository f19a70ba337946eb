"""What the service tells those who watch it: metrics and log."""

import base64
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.e2e.running import PATIENCE_S, SEVEN, running, samples, until, workers
from tests.e2e.test_service import run

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def total(counts, name):
    """The sum of all samples of a name."""
    return sum(value for (found, _), value in counts.items() if found == name)


def ask_1000(url):
    """700 predictions, 200 refusals, 100 unknown routes, by four clients on many connections."""

    def ask(method, path, body=None):
        return requests.request(method, url + path, data=body, timeout=PATIENCE_S).status_code

    def client():
        for _ in range(175):
            assert ask("POST", "/predict", SEVEN) == 200
        for _ in range(50):
            assert ask("POST", "/predict", b"no") == 415
        for number in range(25):
            assert ask("GET", f"/nowhere/{number}") == 404

    clients = [threading.Thread(target=client) for _ in range(4)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()


def check_1000(url):
    """The counters say what `ask_1000` did, and nothing else, once all workers have published."""
    until(lambda: total(samples(url), "convscope_request_seconds_count") >= 1000)
    counts = samples(url)
    answered = {
        labels: value
        for (name, labels), value in counts.items()
        if name == "convscope_requests_total" and labels[0] in ("/predict", "none")
    }
    assert answered == {("/predict", "200"): 700, ("/predict", "415"): 200, ("none", "404"): 100}
    assert counts["convscope_request_seconds_count", ("/predict",)] == 900
    for name in ("predictions_total", "confidence_count", "ink_count"):
        assert total(counts, f"convscope_{name}") == 700
    for phase, count in (("read", 900), ("decode", 900), ("preprocess", 700), ("infer", 700)):
        assert counts["convscope_phase_seconds_count", (phase,)] == count, phase
    assert counts["convscope_requests_in_flight", ()] == 0


def test_two_workers_count_exactly():
    """After 1,000 requests the counters say 1,000, also once a worker has been killed."""
    with running(WEB_CONCURRENCY="2") as (process, url):
        until(lambda: len(workers(process)) == 2)
        ask_1000(url)
        check_1000(url)
        lost = workers(process)[0]
        os.kill(lost, signal.SIGKILL)
        until(lambda: len(workers(process)) == 2 and lost not in workers(process))
        check_1000(url)


def test_ink_and_label_are_what_was_answered(server):
    """A digit counts under its label, and its ink is its mean brightness, 0–1, as floats too."""
    before = samples(server)
    array = [[[0.5] * 28] * 28]
    body = {"instances": array, "range": "0-1"}
    answer = requests.post(f"{server}/predict", json=body, timeout=PATIENCE_S).json()
    after = samples(server)
    ink = ("convscope_ink_sum", ("mnist",))
    assert after[ink] - before.get(ink, 0) == pytest.approx(0.5)
    label = ("convscope_predictions_total", (answer["predictions"][0]["label"], "mnist"))
    assert after[label] - before.get(label, 0) == 1


def test_workers_tell_their_memory():
    """Each worker's resident memory, and none of a worker that is gone."""
    with running(WEB_CONCURRENCY="2") as (process, url):

        def told():
            found = samples(url)
            return {
                int(labels[0]): value
                for (name, labels), value in found.items()
                if name == "convscope_worker_resident_bytes" and value  # 0: not yet told
            }

        until(lambda: set(told()) == set(workers(process)))
        assert all(2e7 < value < 5e8 for value in told().values())
        os.kill(workers(process)[0], signal.SIGKILL)
        until(lambda: len(told()) == 2 and set(told()) == set(workers(process)))


def lines(file):
    """A log's lines as objects."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def send(url, raw):
    """Bytes as they are, whatever they are."""
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        client.sendall(raw)
        client.recv(1000)


def test_every_request_has_its_line(tmp_path):
    """As JSON: who asked what, how it went, which model answered; no picture, query or key."""
    key, picture = "a-key-that-nobody-sees", base64.b64encode(SEVEN).decode()
    (tmp_path / "keys").write_text(f"anna:{key}\n")
    headers = {"Authorization": f"Bearer {key}", "X-Request-ID": "abc-1", "traceparent": TRACE}
    with (tmp_path / "log").open("w") as log:
        environ = {"CONVSCOPE_API_KEYS_FILE": str(tmp_path / "keys")}
        with running(log, **environ) as (process, url):
            body = {"image": picture}
            requests.post(f"{url}/predict?top_k=3", json=body, headers=headers, timeout=PATIENCE_S)
            requests.get(f"{url}/no%0Awhere", headers={"traceparent": "x\ty"}, timeout=PATIENCE_S)
            # a length that is wrong, a header that is none: what is left over is no request
            send(url, b"POST /model HTTP/1.1\r\nContent-Length: 1\r\n\r\n-" + picture.encode())
            send(url, f"GET / HTTP/1.1\r\nAuthorization: {key}\x01\r\n\r\n".encode())
            process.terminate()
            errors = process.communicate(timeout=PATIENCE_S)[1]
    by_path = {line["path"]: line for line in lines(tmp_path / "log")}
    line = by_path["/predict"]
    assert 0 < line.pop("seconds") < 5
    assert line.pop("bytes") > 100
    assert line.pop("time").startswith("20")
    assert line.pop("pid") > 0
    assert line == {
        "level": "info",
        "message": "POST /predict 200",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "remote": "127.0.0.1",
        "request_id": "abc-1",
        "traceparent": TRACE,
        "key": "anna",
        "model": "mnist/1",
    }
    assert by_path["/no%0Awhere"]["status"] == 404
    assert "traceparent" not in by_path["/no%0Awhere"]
    everything = (tmp_path / "log").read_text() + errors
    for secret in (key, picture[:40], "top_k"):
        assert secret not in everything
    for told in errors.splitlines():  # gunicorn's own, and nothing of LiteRT's
        assert {"time", "level", "message", "pid"} <= set(json.loads(told))


def test_a_full_disk_under_the_log_stops_nobody():
    """Lines that cannot be written are reported on stderr; the worker goes on answering."""
    with (
        Path("/dev/full").open("w") as full,
        running(full) as (process, url),
    ):
        before = workers(process)
        for _ in range(5):
            assert requests.post(f"{url}/predict", data=SEVEN, timeout=PATIENCE_S).ok
            time.sleep(0.3)  # longer than lines wait to be written
        assert workers(process) == before
        process.terminate()
        errors = process.communicate(timeout=PATIENCE_S)[1]
    assert "were not written: [Errno 28] No space left on device" in errors


def test_a_log_for_people_is_plain_text(tmp_path):
    """A line of text each, whatever a client sends: nothing that could spoil a terminal."""
    with (
        (tmp_path / "log").open("w") as log,
        running(log, CONVSCOPE_LOG_FORMAT="text") as (process, url),
    ):
        requests.get(f"{url}/a%1Bb", timeout=PATIENCE_S)
        for hostile in (b"GET /\x1b[2J HTTP/1.1\r\n\r\n", b"\x1b[2J\x9b / HTTP/1.1\r\n\r\n"):
            send(url, hostile)
        process.terminate()
        errors = process.communicate(timeout=PATIENCE_S)[1]
    text = (tmp_path / "log").read_text()
    assert "INFO GET /a%1Bb 404 seconds=0." in text
    assert "INFO Listening at" in errors
    assert all(line.isprintable() for line in (text + errors).splitlines())


def test_a_bad_keys_file_stops_the_start(tmp_path):
    """Exit 2 and one line that names the file."""
    done = run(CONVSCOPE_API_KEYS_FILE=str(tmp_path / "none"))
    assert done.returncode == 2
    assert "The API keys cannot be read" in done.stderr
    assert len(done.stderr.splitlines()) == 1

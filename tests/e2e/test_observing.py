"""Metrics and logs of a running service."""

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
from tests.e2e.test_insight import grid_with_digits
from tests.e2e.test_predict import png
from tests.e2e.test_service import run

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def total(counts, name):
    """Return the sum of all samples of a name."""
    return sum(value for (each, _), value in counts.items() if each == name)


def send_1000(url):
    """Send 700 images, 200 invalid bodies and 100 unknown paths from four clients."""

    def send(method, path, body=None):
        return requests.request(method, url + path, data=body, timeout=PATIENCE_S).status_code

    def client():
        for _ in range(175):
            assert send("POST", "/predict", SEVEN) == 200
        for _ in range(50):
            assert send("POST", "/predict", b"no") == 415
        for number in range(25):
            assert send("GET", f"/nowhere/{number}") == 404

    clients = [threading.Thread(target=client) for _ in range(4)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()


def check_1000(url):
    """Check that the counters equal the requests of `send_1000` once all workers have published."""
    until(lambda: total(samples(url), "convscope_request_seconds_count") >= 1000)
    counts = samples(url)
    responses = {
        labels: value
        for (name, labels), value in counts.items()
        if name == "convscope_requests_total" and labels[0] in ("/predict", "none")
    }
    assert responses == {("/predict", "200"): 700, ("/predict", "415"): 200, ("none", "404"): 100}
    assert counts["convscope_request_seconds_count", ("/predict",)] == 900
    for name in ("predictions_total", "confidence_count", "ink_count"):
        assert total(counts, f"convscope_{name}") == 700
    for phase, count in (("read", 900), ("decode", 900), ("preprocess", 700), ("infer", 700)):
        assert counts["convscope_phase_seconds_count", (phase,)] == count, phase
    assert counts["convscope_requests_in_flight", ()] == 0


def test_two_workers_count_exactly():
    """After 1,000 requests the counters are 1,000, also after a worker has been killed."""
    with running(WEB_CONCURRENCY="2") as (process, url):
        until(lambda: len(workers(process)) == 2)
        send_1000(url)
        check_1000(url)
        lost = workers(process)[0]
        os.kill(lost, signal.SIGKILL)
        until(lambda: len(workers(process)) == 2 and lost not in workers(process))
        check_1000(url)


def test_label_and_brightness_of_a_prediction_are_counted(server):
    """A prediction is counted by label; convscope_ink is the input's mean brightness, 0–1."""
    before = samples(server)
    array = [[[0.5] * 28] * 28]
    body = {"instances": array, "range": "0-1"}
    response = requests.post(f"{server}/predict", json=body, timeout=PATIENCE_S).json()
    after = samples(server)
    ink = ("convscope_ink_sum", ("mnist",))
    assert after[ink] - before.get(ink, 0) == pytest.approx(0.5)
    label = ("convscope_predictions_total", (response["predictions"][0]["label"], "mnist"))
    assert after[label] - before.get(label, 0) == 1


def test_only_the_digits_of_a_page_are_counted(server, mnist):
    """Of a grid of nine cells with three digits, three predictions are counted."""
    image, _ = grid_with_digits(mnist)
    before = samples(server)
    params = {"segment": "grid"}
    requests.post(f"{server}/predict", data=png(image), params=params, timeout=PATIENCE_S)
    after = samples(server)
    for name in ("convscope_predictions_total", "convscope_confidence_count"):
        assert total(after, name) - total(before, name) == 3


def test_the_memory_of_each_worker_is_a_gauge():
    """A scrape has the resident memory of each running worker and of no other process."""
    with running(WEB_CONCURRENCY="2") as (process, url):

        def memory():
            return {
                int(labels[0]): value
                for (name, labels), value in samples(url).items()
                if name == "convscope_worker_resident_bytes" and value  # 0: not yet published
            }

        until(lambda: set(memory()) == set(workers(process)))
        assert all(2e7 < value < 5e8 for value in memory().values())
        os.kill(workers(process)[0], signal.SIGKILL)
        until(lambda: len(memory()) == 2 and set(memory()) == set(workers(process)))


def lines(file):
    """Return a log's lines as objects."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def send_raw(url, raw):
    """Send bytes on a new connection and wait for the response."""
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        client.sendall(raw)
        client.recv(1000)


def test_every_request_has_its_line(tmp_path):
    """A JSON line has client, request, status and model, but no image, query string or key."""
    key, image = "a-key-that-nobody-sees", base64.b64encode(SEVEN).decode()
    (tmp_path / "keys").write_text(f"anna:{key}\n")
    headers = {"Authorization": f"Bearer {key}", "X-Request-ID": "abc-1", "traceparent": TRACE}
    with (tmp_path / "log").open("w") as log:
        environ = {"CONVSCOPE_API_KEYS_FILE": str(tmp_path / "keys")}
        with running(log, **environ) as (process, url):
            body = {"image": image}
            requests.post(f"{url}/predict?top_k=3", json=body, headers=headers, timeout=PATIENCE_S)
            requests.get(f"{url}/no%0Awhere", headers={"traceparent": "x\ty"}, timeout=PATIENCE_S)
            # a wrong length and an invalid header must not put bytes of a body into the log
            send_raw(url, b"POST /model HTTP/1.1\r\nContent-Length: 1\r\n\r\n-" + image.encode())
            send_raw(url, f"GET / HTTP/1.1\r\nAuthorization: {key}\x01\r\n\r\n".encode())
            process.terminate()
            errors = process.communicate(timeout=PATIENCE_S)[1]
    by_path = {line["path"]: line for line in lines(tmp_path / "log")}
    line = by_path["/predict"]
    assert line.pop("seconds") > 0
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
    for secret in (key, image[:40], "top_k"):
        assert secret not in everything
    for event in errors.splitlines():  # gunicorn's, and no output of LiteRT
        assert {"time", "level", "message", "pid"} <= set(json.loads(event))


def test_a_full_disk_does_not_stop_the_service():
    """Log lines that cannot be written are reported on stderr; the worker keeps serving."""
    with (
        Path("/dev/full").open("w") as full,
        running(full) as (process, url),
    ):
        before = workers(process)
        for _ in range(5):
            assert requests.post(f"{url}/predict", data=SEVEN, timeout=PATIENCE_S).ok
            time.sleep(0.3)  # longer than the interval between flushes
        assert workers(process) == before
        process.terminate()
        errors = process.communicate(timeout=PATIENCE_S)[1]
    assert "were not written: [Errno 28] No space left on device" in errors


def test_text_logs_escape_control_characters(tmp_path):
    """Every request is one printable line, whatever the client sends."""
    with (
        (tmp_path / "log").open("w") as log,
        running(log, CONVSCOPE_LOG_FORMAT="text") as (process, url),
    ):
        requests.get(f"{url}/a%1Bb", timeout=PATIENCE_S)
        for hostile in (b"GET /\x1b[2J HTTP/1.1\r\n\r\n", b"\x1b[2J\x9b / HTTP/1.1\r\n\r\n"):
            send_raw(url, hostile)
        process.terminate()
        errors = process.communicate(timeout=PATIENCE_S)[1]
    text = (tmp_path / "log").read_text()
    assert "INFO GET /a%1Bb 404 seconds=0." in text
    assert "INFO Listening at" in errors
    assert all(line.isprintable() for line in (text + errors).splitlines())


def test_an_invalid_keys_file_stops_the_start(tmp_path):
    """The service exits with 2 and one line that names the file."""
    done = run(CONVSCOPE_API_KEYS_FILE=str(tmp_path / "none"))
    assert done.returncode == 2
    assert "The API keys cannot be read" in done.stderr
    assert len(done.stderr.splitlines()) == 1

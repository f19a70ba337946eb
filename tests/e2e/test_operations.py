"""The running service under signals and load: stops, reloads, loses workers, has too much to do."""

import http.client
import os
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import closing

import pytest
import requests

from service.runtime.connections import MAX_REQUESTS
from tests.e2e.running import (
    LARGE,
    PATIENCE_S,
    SEVEN,
    Load,
    add_version,
    heavy,
    running,
    samples,
    until,
    workers,
)

READY = ("/readyz", "/v2/health/ready", "/v2/models/mnist/ready")


@pytest.fixture
def models(tmp_path):
    """A models folder to change, with version 1 of the committed model."""
    (tmp_path / "models" / "mnist").mkdir(parents=True)
    add_version(tmp_path / "models", 1)
    return tmp_path / "models"


def served(url):
    """Which version answers, and why a newer one does not."""
    ready = requests.get(f"{url}/readyz", timeout=PATIENCE_S).json()
    return ready["models"][0]["version"], ready["reload_errors"]


def test_a_stop_is_announced_and_fails_nobody():
    """SIGTERM under load: not ready at once, answers go on; no failed request; exit 0."""
    with running(WEB_CONCURRENCY="2", CONVSCOPE_DRAIN_GRACE="4") as (process, url):
        with Load(url, clients=8) as load:
            until(lambda: load.statuses[200] > 50)
            assert all(requests.get(url + path, timeout=PATIENCE_S).ok for path in READY)
            process.send_signal(signal.SIGTERM)
            until(lambda: requests.get(f"{url}/readyz", timeout=PATIENCE_S).status_code == 503)
            said = [requests.get(url + path, timeout=PATIENCE_S) for path in READY]
            assert {answer.status_code for answer in said} == {503}
            before = load.statuses[200]
            alive = requests.get(f"{url}/healthz", timeout=PATIENCE_S)
            assert (alive.status_code, alive.headers["Connection"]) == (200, "close")
            load.join()  # each is refused, in the end
        assert process.wait(timeout=PATIENCE_S) == 0
    assert load.failures == []
    assert set(load.statuses) == {200}
    assert load.statuses[200] > before


def test_a_stop_waits_for_long_requests():
    """What was accepted before the stop is answered, however long it takes."""
    answers = []
    with running(CONVSCOPE_DRAIN_GRACE="0") as (process, url):

        def ask():
            answers.append(requests.post(f"{url}/predict", **heavy(4000)).status_code)

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        until(lambda: in_flight(url) == 3)
        process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(timeout=PATIENCE_S)
        assert process.wait(timeout=PATIENCE_S) == 0
    assert answers == [200, 200, 200]


def in_flight(url):
    """How many requests are being worked on."""
    return samples(url)["convscope_requests_in_flight", ()]


def test_versions_are_rolled_out_without_a_failed_request(models):
    """SIGHUP again and again under load: each new version serves, no request fails."""
    with (
        running(WEB_CONCURRENCY="2", CONVSCOPE_MODELS_DIR=str(models)) as (process, url),
        Load(url, clients=4) as load,
    ):
        for version in range(2, 8):
            add_version(models, version, broken=version == 5)
            process.send_signal(signal.SIGHUP)
            time.sleep(1)
        until(lambda: serving_workers(url, "7") == 2)
        assert serving_workers(url, "6") == 0
        assert served(url) == (7, [])
    assert load.failures == []
    assert set(load.statuses) == {200}


def serving_workers(url, version):
    """How many workers serve a version."""
    found = [
        value
        for (name, labels), value in samples(url).items()
        if name == "convscope_model_workers" and labels[2] == version
    ]
    return found[0] if found else 0


def test_a_broken_version_leaves_the_old_one_serving(models):
    """It is told by /readyz, metrics and log; a worker that starts now serves the old one too."""
    with running(WEB_CONCURRENCY="2", CONVSCOPE_MODELS_DIR=str(models)) as (process, url):
        until(lambda: serving_workers(url, "1") == 2)
        add_version(models, 2, broken=True)
        process.send_signal(signal.SIGHUP)
        until(lambda: samples(url).get(("convscope_reloads_total", ("failed",))) == 2)
        version, (error,) = served(url)
        assert version == 1
        assert "2/graph.tflite was altered" in error
        assert samples(url)["convscope_reload_failed", ()] == 1
        lost = workers(process)
        for pid in lost:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(set(workers(process)) - set(lost)) == 2)
        assert served(url) == (1, [error])
        add_version(models, 3)
        process.send_signal(signal.SIGHUP)
        until(lambda: serving_workers(url, "3") == 2)
        assert samples(url)["convscope_reload_failed", ()] == 0
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=PATIENCE_S)[1]
    assert "Reload failed, keeping the current version: " in log
    assert "2/graph.tflite was altered" in log


def test_a_killed_worker_takes_only_its_own_requests_with_it():
    """SIGKILL under load: no more failures than it had requests; its place is taken."""
    with running(WEB_CONCURRENCY="2") as (process, url):
        with Load(url, clients=8) as load:
            until(lambda: load.statuses[200] > 50)
            victim, other = workers(process)
            os.kill(victim, signal.SIGKILL)
            until(lambda: len(workers(process)) == 2 and victim not in workers(process))
            until(lambda: serving_workers(url, "1") == 2)
            assert other in workers(process)
            again = load.statuses[200]
            until(lambda: load.statuses[200] > again + 50)
        assert len(load.failures) <= 8  # one a client, whichever worker had it
        assert set(load.statuses) == {200}


def test_a_kept_connection_is_let_go_now_and_then(server):
    """So that clients spread anew over the workers, those that came later among them."""
    with requests.Session() as session:
        count = 2 * MAX_REQUESTS + 9
        said = [session.get(f"{server}/healthz").headers.get("Connection") for _ in range(count)]
    assert said.count("close") == 2


def test_what_is_too_much_is_refused_at_once():
    """Threads and queue full: 503 with Retry-After at once; short requests and health answer."""
    answers = []
    environ = {"CONVSCOPE_CORS_ORIGINS": "https://a.example,https://b.example"}
    with running(CONVSCOPE_THREADS="1", CONVSCOPE_QUEUE="2", **environ) as (_, url):

        def ask():
            answers.append(requests.post(f"{url}/predict", **heavy(10_000)).status_code)

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        until(lambda: samples(url)["convscope_requests_waiting", ()] == 2)
        assert in_flight(url) == 1
        headers = {"X-Request-ID": "one-too-many", "Origin": "https://a.example"}
        refused = requests.post(f"{url}/predict", data=LARGE, headers=headers, timeout=PATIENCE_S)
        large = requests.post(f"{url}/predict", **heavy(1000))
        head = requests.head(f"{url}/model", timeout=PATIENCE_S)
        protocol = requests.post(
            f"{url}/v2/models/mnist/infer", data=b" " * 5000, timeout=PATIENCE_S
        )
        short = requests.post(f"{url}/predict", data=SEVEN, timeout=PATIENCE_S)
        assert requests.get(f"{url}/healthz", timeout=PATIENCE_S).ok
        assert answers == []  # all this while both still wait
        assert refused.status_code == 503
        assert refused.json()["type"].endswith(":overloaded")
        assert refused.json()["request_id"] == refused.headers["X-Request-ID"] == "one-too-many"
        assert refused.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
        assert large.status_code == 503
        assert head.status_code == 200  # reading has threads of its own
        assert short.status_code == 200  # in the event loop
        assert (protocol.status_code, list(protocol.json())) == (503, ["error"])
        assert int(refused.headers["Retry-After"]) > 0
        for client in clients:
            client.join(timeout=PATIENCE_S)
        assert answers == [200, 200, 200]
        assert samples(url)["convscope_requests_refused_total", ("overloaded",)] == 3
        assert requests.post(f"{url}/predict", data=SEVEN, timeout=PATIENCE_S).ok


def test_a_refused_client_may_stay():
    """It has its answer and asks again on the same connection, unless it said that it will not."""
    with running(CONVSCOPE_THREADS="1", CONVSCOPE_QUEUE="0") as (_, url):
        client = threading.Thread(
            target=requests.post, args=(f"{url}/predict",), kwargs=heavy(10_000)
        )
        client.start()
        until(lambda: in_flight(url) == 1)
        staying, leaving = connection(url), connection(url)
        assert [ask(staying), ask(staying)] == [(503, None)] * 2
        socket_of_it = staying.sock
        assert ask(leaving, Connection="close") == (503, "close")
        client.join(timeout=PATIENCE_S)
        assert ask(staying) == (200, None)
        assert staying.sock is socket_of_it
        staying.close()


def connection(url):
    """A connection to the service."""
    return http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_S)


def ask(client, **headers):
    """Status of an answer, and what it says of the connection."""
    client.request("POST", "/predict", LARGE, headers)
    with client.getresponse() as answer:
        answer.read()
        return answer.status, answer.headers["Connection"]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_by_the_parser(server, sent):
    """400 in plain text, from the HTTP server itself, and the connection ends."""
    with closing(connection(server)) as client:
        client.connect()
        client.sock.sendall(sent)
        answer = http.client.HTTPResponse(client.sock)
        answer.begin()
        assert answer.read() == b"Invalid HTTP request received."
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Connection"] == "close"


def test_reading_is_bounded_too_and_health_is_not():
    """Far more readers of large answers than there are places: some are refused, health is not."""
    statuses = Counter()
    with running(CONVSCOPE_THREADS="1", CONVSCOPE_QUEUE="1") as (_, url):
        host, _, port = url.removeprefix("http://").partition(":")
        request = b"GET /model/weights HTTP/1.1\r\nHost: x\r\n\r\n"
        readers = [socket.create_connection((host, int(port))) for _ in range(40)]
        for reader in readers:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.sendall(request)  # and reads nothing yet
        for path in ("/healthz", "/readyz", "/metrics"):
            assert requests.get(url + path, timeout=PATIENCE_S).ok
        for reader in readers:
            reader.settimeout(PATIENCE_S)
            statuses[reader.recv(12)] += 1
            reader.close()
    assert set(statuses) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}


def test_clients_that_do_not_close_stop_nobody(server):
    """Their answers say `close`, they stay: the loop goes on meanwhile."""
    host, _, port = server.removeprefix("http://").partition(":")
    lingering = [socket.create_connection((host, int(port)), PATIENCE_S) for _ in range(10)]
    for client in lingering:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for client in lingering:
        assert client.recv(12) == b"HTTP/1.1 200"
    # two seconds each, if the loop waited for them
    assert requests.get(f"{server}/healthz", timeout=5).ok
    for client in lingering:
        client.close()


def test_slow_clients_hold_up_nobody(server):
    """Hundreds that send half a head or half a body: others are answered, and they at last."""
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(SEVEN)}\r\n\r\n"
    request = head.encode() + SEVEN
    address = server.removeprefix("http://").split(":")
    slow = [socket.create_connection(address, timeout=PATIENCE_S) for _ in range(200)]
    blank = [socket.create_connection(address, timeout=PATIENCE_S) for _ in range(100)]
    for client in blank:
        client.sendall(b"\r\n")  # to be passed over before a request (RFC 9112, 2.2)
    for number, client in enumerate(slow):
        client.sendall(request[: 20 if number % 2 else -20])
    for _ in range(20):
        assert requests.post(f"{server}/predict", data=SEVEN, timeout=PATIENCE_S).ok
    for client in blank:
        client.sendall(request)
        assert client.recv(12) == b"HTTP/1.1 200"
        client.close()
    for number, client in enumerate(slow):
        client.sendall(request[20 if number % 2 else -20 :])
        assert client.recv(12) == b"HTTP/1.1 200"
        client.close()


def test_requests_sent_in_one_go_are_all_answered(server):
    """Ten requests on one connection, sent before the first answer: ten answers, in order."""
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(SEVEN)}\r\n"
    sent = b"".join(
        f"{head}X-Request-ID: {number}\r\n{last}\r\n".encode() + SEVEN
        for number in range(10)
        for last in (["Connection: close\r\n"] if number == 9 else [""])
    )
    host, _, port = server.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(sent)
        answers = b"".join(iter(lambda: client.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 10
    found = [answers.find(f"x-request-id: {number}\r\n".encode()) for number in range(10)]
    assert found == sorted(found)
    assert found[0] > 0


def test_a_few_long_requests_do_not_hold_up_short_ones():
    """While a batch of thousands is worked on, other requests are answered."""
    with running() as (_, url):
        client = threading.Thread(
            target=requests.post, args=(f"{url}/predict",), kwargs=heavy(10_000)
        )
        client.start()
        until(lambda: in_flight(url) >= 1)
        for _ in range(5):
            assert requests.post(f"{url}/predict", data=SEVEN, timeout=PATIENCE_S).ok
        assert client.is_alive()
        client.join(timeout=PATIENCE_S)


def test_more_clients_than_it_can_serve_meet_no_time_out():
    """Far more than its places at once: each is answered, 200 or 503 with Retry-After."""
    environ = {"CONVSCOPE_THREADS": "1", "CONVSCOPE_QUEUE": "2"}
    with running(**environ) as (_, url), Load(url, clients=24, body=LARGE) as load:
        time.sleep(3)
    assert load.failures == []
    assert set(load.statuses) == {200, 503}


def test_a_deadline_is_kept_before_work_starts():
    """Request-Timeout over while waiting: 504 at once, and nothing is computed."""
    with running(CONVSCOPE_THREADS="1") as (_, url):
        client = threading.Thread(
            target=requests.post, args=(f"{url}/predict",), kwargs=heavy(10_000)
        )
        client.start()
        until(lambda: in_flight(url) == 1)
        headers = {"Request-Timeout": "0.1"}
        late = requests.post(f"{url}/predict", data=LARGE, headers=headers, timeout=PATIENCE_S)
        assert client.is_alive()  # not only after the other's turn
        assert late.status_code == 504
        assert late.json()["type"].endswith(":deadline-exceeded")
        client.join(timeout=PATIENCE_S)
        counts = samples(url)
        assert counts["convscope_requests_refused_total", ("deadline",)] == 1
        assert counts["convscope_predictions_total", answers_of(counts)] == 10_000
        for given, status in (("9", 200), ("2e1", 200), ("soon", 400), ("-1", 400), ("nan", 400)):
            answer = requests.post(
                f"{url}/predict", data=SEVEN, headers={"Request-Timeout": given}, timeout=PATIENCE_S
            )
            assert answer.status_code == status, given


def answers_of(counts):
    """The labels of the only label that was answered."""
    (labels,) = {labels for name, labels in counts if name == "convscope_predictions_total"}
    return labels

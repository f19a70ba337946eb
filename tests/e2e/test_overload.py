"""Overload of the running service: concurrency limits, rejected requests, deadlines."""

import http.client
import socket
import threading
import time
from collections import Counter

import pytest
import requests

from tests.e2e.running import (
    LARGE,
    PATIENCE_S,
    SEVEN,
    Load,
    connect,
    heavy,
    running,
    samples,
    until,
)


def in_flight(url):
    """Return how many requests are being processed."""
    return samples(url)["convscope_requests_in_flight", ()]


def start_heavy(url):
    """Start a client whose request occupies a thread of the service for a while."""
    arguments = {"args": (f"{url}/predict",), "kwargs": heavy(10_000)}
    client = threading.Thread(target=requests.post, **arguments)
    client.start()
    return client


def test_long_requests_beyond_the_queue_are_rejected():
    """With threads and queue full: 503 with Retry-After; short requests and health succeed."""
    statuses = []
    environ = {"CONVSCOPE_CORS_ORIGINS": "https://a.example,https://b.example"}
    with running(CONVSCOPE_THREADS="1", CONVSCOPE_QUEUE="2", **environ) as (_, url):

        def post():
            statuses.append(requests.post(f"{url}/predict", **heavy(10_000)).status_code)

        clients = [threading.Thread(target=post) for _ in range(3)]
        for client in clients:
            client.start()
        until(lambda: samples(url)["convscope_requests_waiting", ()] == 2)
        assert in_flight(url) == 1
        headers = {"X-Request-ID": "rejected", "Origin": "https://a.example"}
        rejected = requests.post(f"{url}/predict", data=LARGE, headers=headers, timeout=PATIENCE_S)
        large = requests.post(f"{url}/predict", **heavy(1000))
        head = requests.head(f"{url}/model", timeout=PATIENCE_S)
        protocol = requests.post(
            f"{url}/v2/models/mnist/infer", data=b" " * 5000, timeout=PATIENCE_S
        )
        short = requests.post(f"{url}/predict", data=SEVEN, timeout=PATIENCE_S)
        assert requests.get(f"{url}/healthz", timeout=PATIENCE_S).ok
        assert statuses == []  # the long requests are still running
        assert rejected.status_code == 503
        assert rejected.json()["type"].endswith(":overloaded")
        assert rejected.json()["request_id"] == rejected.headers["X-Request-ID"] == "rejected"
        assert rejected.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert rejected.headers["X-Content-Type-Options"] == "nosniff"
        assert large.status_code == 503
        assert head.status_code == 200  # GET has threads of its own
        assert short.status_code == 200  # runs in the event loop
        assert (protocol.status_code, list(protocol.json())) == (503, ["error"])
        assert int(rejected.headers["Retry-After"]) > 0
        for client in clients:
            client.join(timeout=PATIENCE_S)
        assert statuses == [200, 200, 200]
        assert samples(url)["convscope_requests_refused_total", ("overloaded",)] == 3
        assert requests.post(f"{url}/predict", data=SEVEN, timeout=PATIENCE_S).ok


def test_a_rejected_client_keeps_its_connection():
    """After a 503 the connection stays open, unless the client sent `Connection: close`."""
    with running(CONVSCOPE_THREADS="1", CONVSCOPE_QUEUE="0") as (_, url):
        client = start_heavy(url)
        until(lambda: in_flight(url) == 1)
        kept, closed = connect(url), connect(url)
        assert [post(kept), post(kept)] == [(503, None)] * 2
        kept_socket = kept.sock
        assert post(closed, Connection="close") == (503, "close")
        client.join(timeout=PATIENCE_S)
        assert post(kept) == (200, None)
        assert kept.sock is kept_socket
        kept.close()


def post(connection: http.client.HTTPConnection, **headers: str):
    """Post a large image; return the status and the header Connection of the response."""
    connection.request("POST", "/predict", LARGE, headers)
    with connection.getresponse() as response:
        response.read()
        return response.status, response.headers["Connection"]


def test_large_responses_are_limited_and_health_is_not():
    """With many clients that read large responses slowly some get 503; health checks succeed."""
    statuses = Counter()
    with running(CONVSCOPE_THREADS="1", CONVSCOPE_QUEUE="1") as (_, url):
        host, _, port = url.removeprefix("http://").partition(":")
        request = b"GET /model/weights HTTP/1.1\r\nHost: x\r\n\r\n"
        readers = [socket.create_connection((host, int(port))) for _ in range(40)]
        for reader in readers:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.sendall(request)  # and does not read yet
        for path in ("/healthz", "/readyz", "/metrics"):
            assert requests.get(url + path, timeout=PATIENCE_S).ok
        for reader in readers:
            reader.settimeout(PATIENCE_S)
            statuses[reader.recv(12)] += 1
            reader.close()
    assert set(statuses) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}


def test_a_long_request_does_not_block_short_ones():
    """While a batch of thousands is processed, short requests get their responses."""
    with running() as (_, url):
        client = start_heavy(url)
        until(lambda: in_flight(url) >= 1)
        for _ in range(5):
            assert requests.post(f"{url}/predict", data=SEVEN, timeout=PATIENCE_S).ok
        assert client.is_alive()
        client.join(timeout=PATIENCE_S)


def test_no_client_times_out_under_overload():
    """With far more clients than threads and queue hold, each gets 200 or 503 with Retry-After."""
    environ = {"CONVSCOPE_THREADS": "1", "CONVSCOPE_QUEUE": "2"}
    with running(**environ) as (_, url), Load(url, clients=24, body=LARGE) as load:
        time.sleep(3)
    assert load.failures == []
    assert set(load.statuses) == {200, 503}


def test_a_deadline_passes_in_the_queue():
    """A request whose Request-Timeout passes in the queue gets 504, and nothing is computed."""
    with running(CONVSCOPE_THREADS="1") as (_, url):
        client = start_heavy(url)
        until(lambda: in_flight(url) == 1)
        headers = {"Request-Timeout": "0.1"}
        late = requests.post(f"{url}/predict", data=LARGE, headers=headers, timeout=PATIENCE_S)
        assert client.is_alive()  # the response came before the thread was free
        assert late.status_code == 504
        assert late.json()["type"].endswith(":deadline-exceeded")
        client.join(timeout=PATIENCE_S)
        counts = samples(url)
        assert counts["convscope_requests_refused_total", ("deadline",)] == 1
        predictions = [counts[key] for key in counts if key[0] == "convscope_predictions_total"]
        assert predictions == [10_000]


@pytest.mark.parametrize(
    ("timeout", "status"), [("9", 200), ("2e1", 200), ("soon", 400), ("-1", 400), ("nan", 400)]
)
def test_a_deadline_is_a_number_of_seconds(server, timeout, status):
    """Request-Timeout takes a positive number; anything else is 400."""
    headers = {"Request-Timeout": timeout}
    response = requests.post(f"{server}/predict", data=SEVEN, headers=headers, timeout=PATIENCE_S)
    assert response.status_code == status

"""HTTP connections of the running service: keep-alive, slow clients, malformed requests."""

import http.client
import socket
from contextlib import ExitStack, closing

import pytest
import requests

from service.runtime.connections import MAX_REQUESTS
from tests.conftest import start_server
from tests.e2e.running import PATIENCE_S, SEVEN, connect, samples, until


def test_a_connection_is_closed_after_many_requests(server):
    """Every MAX_REQUESTS requests a response closes the connection, to rebalance the workers."""
    with requests.Session() as session:
        count = 2 * MAX_REQUESTS + 9
        headers = [session.get(f"{server}/healthz").headers.get("Connection") for _ in range(count)]
    closing = [index for index, header in enumerate(headers) if header == "close"]
    assert closing == [MAX_REQUESTS - 1, 2 * MAX_REQUESTS - 1]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # RFC 9112, 3.2: exactly one Host
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
def test_malformed_http_is_rejected_by_the_parser(server, request_bytes):
    """Bytes that are not HTTP get 400 in plain text, and the connection is closed."""
    with closing(connect(server)) as client:
        client.connect()
        client.sock.sendall(request_bytes)
        response = http.client.HTTPResponse(client.sock)
        response.begin()
        assert response.read() == b"Invalid HTTP request received."
    assert response.status == 400
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.headers["Connection"] == "close"


def test_a_client_of_http_1_0_may_send_no_host(server):
    """Only HTTP/1.1 requires the header."""
    with closing(connect(server)) as client:
        client.connect()
        client.sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert client.sock.recv(12) == b"HTTP/1.1 200"


def test_clients_that_do_not_close_block_no_others(server):
    """While clients keep connections open that the server has closed, others get responses."""
    host, _, port = server.removeprefix("http://").partition(":")
    lingering = [socket.create_connection((host, int(port)), PATIENCE_S) for _ in range(10)]
    for client in lingering:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for client in lingering:
        assert client.recv(12) == b"HTTP/1.1 200"
    # if the event loop waited for each, this would take 20 seconds
    assert requests.get(f"{server}/healthz", timeout=5).ok
    for client in lingering:
        client.close()


def test_slow_clients_block_no_others(server):
    """While hundreds send half a request, others get responses; so do they, once complete.

    The gauge of tasks counts those whose headers are complete, until their responses are sent.
    """

    def tasks():
        return samples(server)["convscope_tasks", ()]

    until(lambda: tasks() < 20)  # those of earlier tests have ended
    before = tasks()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(SEVEN)}\r\n\r\n"
    request = head.encode() + SEVEN
    address = server.removeprefix("http://").split(":")
    slow = [socket.create_connection(address, timeout=PATIENCE_S) for _ in range(200)]
    blank = [socket.create_connection(address, timeout=PATIENCE_S) for _ in range(100)]
    for client in blank:
        client.sendall(b"\r\n")  # a server ignores an empty line before a request (RFC 9112, 2.2)
    for number, client in enumerate(slow):
        client.sendall(request[: 20 if number % 2 else -20])
    for _ in range(20):
        assert requests.post(f"{server}/predict", data=SEVEN, timeout=PATIENCE_S).ok
    until(lambda: tasks() == before + 100)
    for client in blank:
        client.sendall(request)
        assert client.recv(12) == b"HTTP/1.1 200"
        client.close()
    for number, client in enumerate(slow):
        client.sendall(request[20 if number % 2 else -20 :])
        assert client.recv(12) == b"HTTP/1.1 200"
        client.close()
    until(lambda: tasks() == before)


def test_pipelined_requests_get_responses_in_order(server):
    """Ten requests that are sent before the first response get ten responses, in order."""
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(SEVEN)}\r\n"
    requests_bytes = b"".join(
        f"{head}X-Request-ID: {number}\r\n{last}\r\n".encode() + SEVEN
        for number in range(10)
        for last in (["Connection: close\r\n"] if number == 9 else [""])
    )
    host, _, port = server.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(requests_bytes)
        responses = b"".join(iter(lambda: client.recv(65536), b""))
    assert responses.count(b"HTTP/1.1 200 OK\r\n") == 10
    places = [responses.find(f"x-request-id: {number}\r\n".encode()) for number in range(10)]
    assert places == sorted(places)
    assert places[0] > 0


def test_connections_beyond_the_limit_are_closed():
    """As many clients as the setting allows get responses; the next one gets none."""
    process, url = start_server(CONVSCOPE_MAX_CONNECTIONS="3")
    with ExitStack() as stack:
        stack.callback(process.communicate)
        stack.callback(process.terminate)
        for _ in range(3):
            client = stack.enter_context(closing(connect(url)))
            client.request("GET", "/healthz")
            assert client.getresponse().read()
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url}/healthz")

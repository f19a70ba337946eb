"""The client's errors, retries and timeouts."""

import time
from email.utils import formatdate

import pytest

from convscope_client import Client, ClientError, Problem, TimedOut, Unreachable
from tests.client.servers import DROP, HALF, OVERLOADED, RESPONSE, STALL, scripted_server
from tests.conftest import free_port
from tests.e2e.test_predict import png


def test_an_error_has_the_fields_of_the_problem(client):
    """A problem has the type, title, status, detail and request_id; str() is the detail."""
    with pytest.raises(Problem) as caught:
        client.predict([b"hello", b"world"])
    problem = caught.value
    assert isinstance(problem, ClientError)
    assert problem.type == "urn:convscope:problem:unsupported-format"
    assert (problem.title, problem.status) == ("Unsupported format", 415)
    assert str(problem) == problem.detail != ""
    assert len(problem.request_id) == 32


def test_a_response_of_a_proxy_is_an_error():
    """A proxy's error page is a Problem with its status; a page instead of JSON is Unreachable."""
    page = (502, {"X-Request-ID": "p-1"}, "<html>"), (200, {}, "<html>")
    with scripted_server(*page) as server, Client(server.url) as client:
        with pytest.raises(Problem, match="responded with 502 Bad Gateway") as caught:
            client.predict(b"x")
        assert (caught.value.type, caught.value.request_id) == ("about:blank", "p-1")
        with pytest.raises(Unreachable, match="is not JSON"):
            client.predict(b"x")


@pytest.mark.parametrize("status", [429, 503])
def test_retries_wait_for_the_seconds_in_retry_after(waits, status):
    """429 and 503 wait for Retry-After, in seconds or as a date, up to a limit, then retry."""
    headers = "2", formatdate(time.time() + 9, usegmt=True), "86400"
    busy = [(status, {"Retry-After": wait}, OVERLOADED) for wait in headers]
    with scripted_server(*busy, (200, {}, RESPONSE)) as server, Client(server.url) as client:
        assert client.predict(b"x").label == "7"
        assert [request.body for request in server.requests] == [b"x"] * 4
    assert waits[0] == 2
    assert 5 < waits[1] <= 9
    assert waits[2] == 30


def test_retries_are_limited(waits):
    """After `retries` the last problem is raised; without Retry-After the waits increase."""
    with scripted_server((503, {}, OVERLOADED)) as server, Client(server.url, retries=4) as client:
        with pytest.raises(Problem, match="The queue is full") as caught:
            client.predict(b"x")
        assert caught.value.request_id == "r-1"
        assert len(server.requests) == 5
    assert len(waits) == 3  # the first retry is at once
    assert waits == sorted(waits)
    assert waits[-1] > 3 * waits[0] / 1.5


@pytest.mark.parametrize("status", [400, 500])
def test_other_errors_are_not_retried(status):
    """A request error and a server error are raised after one request."""
    with scripted_server((status, {}, OVERLOADED)) as server, Client(server.url) as client:
        with pytest.raises(Problem):
            client.predict(b"x")
        assert len(server.requests) == 1


def test_a_dropped_connection_is_retried(waits, first_digits):
    """After two dropped connections the third request is complete."""
    with scripted_server(DROP, DROP, (200, {}, RESPONSE)) as server, Client(server.url) as client:
        assert client.predict([png(first_digits[0]), png(first_digits[1])])[0].label == "7"
        assert [request.body == server.requests[0].body != b"" for request in server.requests] == [
            True
        ] * 3
    assert len(waits) == 1


def test_no_listener_is_unreachable(waits):
    """Without a listener, `Unreachable` names the address after the retries."""
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url) as client, pytest.raises(Unreachable, match="refused") as caught:
        client.predict(b"x")
    assert url in str(caught.value)
    assert not isinstance(caught.value, TimedOut)
    assert len(waits) == 2
    with Client("localhost:8000") as client, pytest.raises(Unreachable, match="localhost:8000"):
        client.predict(b"x")


@pytest.mark.parametrize("late", [STALL, HALF], ids=["no response", "half a response"])
def test_a_late_response_times_out_once(late):
    """`TimedOut` is raised after the timeout, without a retry."""
    with scripted_server(late) as server, Client(server.url, timeout=0.2) as client:
        with pytest.raises(TimedOut, match=r"within 0\.2 s"):
            client.predict(b"x")
        assert len(server.requests) == 1


def test_the_connection_is_reused():
    """Three calls use one connection; the service's address may have a path."""
    with (
        scripted_server((200, {}, RESPONSE)) as server,
        Client(server.url + "/first_digits/") as client,
    ):
        for _ in range(3):
            client.predict(b"x")
        assert len({request.port for request in server.requests}) == 1
        assert {request.path for request in server.requests} == {"/first_digits/predict"}


def test_the_api_key_is_sent(tmp_path, monkeypatch):
    """The key is sent as bearer token in spite of ~/.netrc; without a key nothing is sent."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    with scripted_server((200, {}, RESPONSE)) as server:
        with Client(server.url) as client:
            client.predict(b"x")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        with Client(server.url, api_key="k-1") as client:
            client.predict(b"x")
        sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == [None, "Bearer k-1"]


def test_readiness_is_requested_once(client, waits):
    """ready() is False without a retry where the service is overloaded or nothing listens."""
    assert client.ready() is True
    with (
        scripted_server((503, {"Retry-After": "5"}, OVERLOADED)) as server,
        Client(server.url) as busy,
    ):
        assert busy.ready() is False
        assert len(server.requests) == 1
    with Client(f"http://127.0.0.1:{free_port()}") as nobody:
        assert nobody.ready() is False
    assert waits == []

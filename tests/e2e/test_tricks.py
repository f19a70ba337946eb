"""Tricks with paths, headers and addresses: they open nothing, and no response repeats them."""

import re

import pytest

from tests.e2e.running import SEVEN, running
from tests.e2e.test_access import ANNA, client_of, keys, post
from tests.e2e.test_hostile import exchange

__all__ = ["keys"]  # a fixture

EVIL = "evil.example"
CLOSE = b"Host: a\r\nConnection: close\r\n\r\n"


def headers_of(response):
    """Return the names and values of a raw response's headers, in lower case."""
    head = response.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
    return [tuple(line.split(": ", 1)) for line in head.split("\r\n")[1:]]


@pytest.mark.parametrize(
    "path",
    [
        "/web/%2e%2e/settings.py",
        "/web/..%2fsettings.py",
        "/web/..%5csettings.py",
        "/web/%252e%252e%252fsettings.py",
        "/web/....//settings.py",
        "/web/main.js%00.png",
        "/web/%c0%ae%c0%ae/settings.py",
        "/web//main.js",
        "/web/./%2e%2e/app.py",
        "//predict",
        "//metrics",
        "/%2fmetrics",
        "//evil.example/",
        "/\\evil.example",
        "/%2fevil.example",
        "/healthz%00",
        "/healthz;/model",
        "/healthz/",
        "/%0d%0aSet-Cookie:a=b",
        "/v2/models/..%2f..%2fmnist",
        "/v2/models/mnist/versions/1%2f..",
        "/v1/models/mnist%00",
        "/PREDICT",
    ],
)
def test_an_encoded_path_leads_nowhere(server, path):
    """404, without a redirect, a file, or a header of the path's making."""
    response = exchange(server, f"GET {path} HTTP/1.1\r\n".encode() + CLOSE)
    assert response.startswith(b"HTTP/1.1 404 ")
    assert {"location", "set-cookie"}.isdisjoint(dict(headers_of(response)))
    assert b"Settings" not in response


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/model", {"X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz"}),
        ("GET", "/model", {"X-Forwarded-Prefix": "/healthz", "X-Forwarded-Path": "/healthz"}),
        ("GET", "/model", {"X-Script-Name": "/healthz", "Forwarded": "for=127.0.0.1"}),
        ("GET", "/model", {"X-HTTP-Method-Override": "OPTIONS", "X-Method-Override": "OPTIONS"}),
        ("GET", "/model?_method=OPTIONS", {}),
        ("HEAD", "/model", {}),
        ("GET", "/%6dodel", {}),
        ("GET", "/model?/healthz", {}),
        ("GET", "/model", {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}),
        ("GET", "/model", {"Authorization": f"Bearer x, Bearer {ANNA}"}),
        ("GET", "/model", {"Authorization": f"Bearer {ANNA}, Bearer {ANNA}"}),
        ("GET", "/model", {"Authorization": "Bearer x", "X-API-Key": ANNA}),
        ("GET", "/model", {"Host": "localhost", "Origin": "http://localhost"}),
    ],
)
def test_no_header_or_spelling_replaces_a_key(models_dir, keys, method, path, headers):
    """401: neither another path, method or address in a header nor an encoded path is exempt."""
    client = client_of(
        models_dir, api_keys_file=str(keys), trusted_proxies=1, cors_origins="http://localhost"
    )
    assert client.open(path, method=method, headers=headers).status_code == 401


def test_duplicate_headers_are_one_value(server):
    """Two keys, types or IDs are no valid one, and an underscore does not make a header another."""
    request = (
        "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n"
    )

    def send(*lines):
        head = request.format(len(SEVEN), "".join(f"{line}\r\n" for line in lines))
        return exchange(server, head.encode() + SEVEN)

    assert send("Content-Type: image/png").startswith(b"HTTP/1.1 200 ")
    twice = send("Content-Type: image/png", "Content-Type: application/json")
    assert twice.startswith(b"HTTP/1.1 415 ")
    assert send("Content_Type: application/json").startswith(b"HTTP/1.1 200 ")
    for lines in (("X-Request-ID: a", "X-Request-ID: b"), ("X_Request_ID: a",)):
        (identity,) = [v for name, v in headers_of(send(*lines)) if name == "x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", identity)


@pytest.mark.parametrize(
    "value",
    [
        b"a%0d%0aSet-Cookie:%20a=b",
        b"a\\r\\nSet-Cookie: a=b",
        b"a\rSet-Cookie: a=b",
        b"a\nSet-Cookie: a=b",
        b"a\r\n Set-Cookie: a=b",
        b"a\0b",
        b"\xe2\x80\xa8Set-Cookie: a=b",
        b"<script>",
        b"a" * 65,
        b"a" * 60_000,
        b"",
    ],
)
def test_a_request_id_that_is_not_one_is_replaced(server, value):
    """A response has exactly one ID, of 1 to 64 plain characters, and no header of the client's."""
    request = b"GET /nowhere HTTP/1.1\r\nX-Request-ID: " + value + b"\r\n" + CLOSE
    response = exchange(server, request)
    assert response[:13] in (b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")
    assert response.count(b"HTTP/1.1 ") == 1
    names = [name for name, _ in headers_of(response)]
    assert "set-cookie" not in names
    if response.startswith(b"HTTP/1.1 404 "):
        (identity,) = [text for name, text in headers_of(response) if name == "x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}|a", identity)  # a: a bare LF ended its line


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/nowhere", "/model", "/predict"])
@pytest.mark.parametrize("proxies", [0, 1])
def test_no_response_repeats_the_host(models_dir, path, proxies):
    """Pages, documents and errors are the same whatever Host and X-Forwarded-Host state."""
    client = client_of(models_dir, trusted_proxies=proxies)
    forwarded = {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "javascript", "Forwarded": EVIL}
    response = client.get(path, headers={"Host": EVIL, **forwarded}, buffered=True)
    ordinary = client.get(path, buffered=True)
    assert response.status_code == ordinary.status_code
    assert EVIL not in response.text + str(response.headers)
    assert "javascript:" not in str(response.headers)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "is_same"),
    [
        (0, ("10.0.0.1", "10.0.0.2"), True),  # not trusted: the address of the connection counts
        (1, ("forged, 10.0.0.1", "also forged, 10.0.0.1"), True),
        (1, ("10.0.0.9, 10.0.0.1", "10.0.0.9, 10.0.0.2"), False),
        (2, ("forged, 10.0.0.1, 10.1.0.1", "10.9.9.9, 10.0.0.1, 10.1.0.2"), True),
        (2, ("10.0.0.1, 10.1.0.1", "10.0.0.2, 10.1.0.1"), False),
        (2, ("10.0.0.1", "10.0.0.2"), True),  # fewer than the proxies would have written
    ],
)
def test_the_address_that_the_outermost_proxy_saw_is_limited(
    models_dir, proxies, forwarded, is_same
):
    """What a client writes to the left of the trusted addresses changes nothing."""
    client = client_of(models_dir, rate_limit="1/hour", trusted_proxies=proxies)
    statuses = [post(client, **{"X-Forwarded-For": text}).status_code for text in forwarded]
    assert statuses == ([200, 429] if is_same else [200, 200])


def test_a_key_is_limited_whatever_its_address(models_dir, keys):
    """A key's requests count together from every address, and two keys behind one do not."""
    client = client_of(models_dir, rate_limit="2/hour", trusted_proxies=1, api_keys_file=str(keys))

    def status(key, address):
        return post(client, **{"X-API-Key": key, "X-Forwarded-For": address}).status_code

    first = [status(ANNA, f"10.0.0.{host}") for host in (1, 2, 3)]
    assert first == [200, 200, 429]
    assert status("ben-has-another-key", "10.0.0.3") == 200


def test_the_server_itself_trusts_no_proxy_without_a_setting():
    """No server in front of the application takes X-Forwarded-For from a local connection."""
    with running(CONVSCOPE_RATE_LIMIT="1/hour") as (_, url):
        statuses = []
        for host in (1, 2):
            head = f"GET /model HTTP/1.1\r\nX-Forwarded-For: 10.0.0.{host}\r\n"
            statuses.append(exchange(url, head.encode() + CLOSE)[9:12])
    assert statuses == [b"200", b"429"]

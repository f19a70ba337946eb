"""Unusual and hostile HTTP on a raw socket."""

import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

from torture.row import Figure, Row
from torture.target import Target, target

_ENDS_S = 60  # within which an unfinished request ends
_PATIENCE_S = 5
_GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
_POST = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"


class Case(NamedTuple):
    """Bytes, and the responses that may follow.

    Attributes:
        sent: the bytes.
        statuses: one allowed status for each response, or several; 0: the connection is closed.
        ends: whether the client then closes its side.
    """

    sent: bytes
    statuses: Sequence[Sequence[int]]
    ends: bool = False


CASES: dict[str, Case] = {
    "an ordinary request": Case(_GET + b"\r\n", [[200]]),
    "two lengths that differ": Case(
        _POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", [[400, 0]]
    ),
    "a length with chunks": Case(
        _POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [[400, 0]]
    ),
    "a negative length": Case(_POST + b"Content-Length: -1\r\n\r\n", [[400, 0]]),
    "a length with a sign": Case(_POST + b"Content-Length: +1\r\n\r\na", [[400, 0]]),
    "an unknown coding": Case(_POST + b"Transfer-Encoding: x\r\n\r\n", [[400, 501, 0]]),
    "a bare line feed": Case(_GET.replace(b"\r\n", b"\n") + b"\n", [[200, 400, 0]]),
    "a folded header": Case(_GET + b"X: a\r\n b\r\n\r\n", [[200, 400, 0]]),
    "a space before the colon": Case(_GET + b"X : a\r\n\r\n", [[400, 0]]),
    "a header of 64 KB": Case(_GET + b"X: " + b"a" * 65_536 + b"\r\n\r\n", [[400, 431, 0]]),
    "1,000 headers": Case(_GET + b"X: a\r\n" * 1000 + b"\r\n", [[200, 400, 431, 0]]),
    "a path of 64 KB": Case(
        b"GET /" + b"a" * 65_536 + b" HTTP/1.1\r\nHost: a\r\n\r\n", [[400, 414, 0]]
    ),
    "NUL in the path": Case(b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", [[400, 404, 0]]),
    "NUL in a header": Case(_GET + b"X: a\0b\r\n\r\n", [[400, 0]]),
    "no host": Case(b"GET /healthz HTTP/1.1\r\n\r\n", [[400, 0]]),
    "two hosts": Case(_GET + b"Host: b\r\n\r\n", [[400, 0]]),
    "no HTTP": Case(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", [[400, 0]]),
    "HTTP/2's preface": Case(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [[400, 405, 505, 0]]),
    "HTTP/9.9": Case(b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n", [[200, 400, 505, 0]]),
    "an absolute address": Case(b"GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n", [[200, 404]]),
    "CONNECT": Case(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", [[400, 404, 405, 501, 0]]),
    "an unknown method": Case(b"BREW /healthz HTTP/1.1\r\nHost: a\r\n\r\n", [[400, 405, 501, 0]]),
    "Upgrade": Case(_GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", [[200, 400, 426]]),
    "Expect and the body at once": Case(
        _POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\na", [[415]]
    ),
    "chunks with a trailer": Case(
        _POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", [[415]]
    ),
    "a chunk of a huge length": Case(
        _POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", [[400, 413, 0]]
    ),
    "a chunk of no length": Case(_POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", [[400, 0]]),
    "a chunk that is cut off": Case(
        _POST + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc", [[400, 408, 0]], ends=True
    ),
    "a body that is cut off": Case(
        _POST + b"Content-Length: 9\r\n\r\nabc", [[400, 408, 0]], ends=True
    ),
    "three requests at once": Case((_GET + b"\r\n") * 3, [[200]] * 3),
    # nginx, as a proxy, also takes a client that has closed its side for one that has gone
    "a half-closed socket": Case(_GET + b"\r\n", [[200, 0]], ends=True),
    "a request hidden in a body": Case(
        _POST + b"Content-Length: 37\r\n\r\nGET /healthz HTTP/1.1\r\nHost: abcd\r\n\r\n", [[415]]
    ),
}
UNFINISHED = {
    "headers without an end": _GET,
    "a request line without an end": b"GET /hea",
    "a body that does not come": _POST + b"Content-Length: 9\r\n\r\nabc",
    "a chunk that does not come": _POST + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc",
}


def run(share: float) -> list[Figure]:
    """Send every case on a connection of its own; wait for what is unfinished."""
    with target() as tested:
        waiting = {name: _connect(tested, sent) for name, sent in UNFINISHED.items()}
        begin = time.monotonic()
        for name, case in CASES.items():
            found = _statuses(tested, case)
            if not _fits(found, case.statuses):
                tested.note(f"{name}: {found or 'closed'}")
        longest = 0.0
        if share == 1:
            for name, connection in waiting.items():
                _read(connection, _ENDS_S + 10)
                seconds = time.monotonic() - begin
                longest = max(longest, seconds)
                if seconds > _ENDS_S:
                    tested.note(f"{name} is still open")
        for connection in waiting.values():
            connection.close()
        status, _ = tested.post("/predict", b"a", {"Content-Type": "image/png"})
        if status != 415:
            tested.note("an ordinary request afterwards fails")
    figures = [
        Figure("cases", len(CASES)),
        Figure("seconds until every unfinished request had ended", longest, _ENDS_S),
        Figure("faults", sum(tested.faults.values()), 0),
    ]
    return figures + [Figure(f"of these: {name}", count) for name, count in tested.faults.items()]


def _fits(found: Sequence[int], allowed: Sequence[Sequence[int]]) -> bool:
    """Return whether there is one response for each request, or a closed connection."""
    if not found:
        return all(0 in statuses for statuses in allowed)
    return len(found) == len(allowed) and all(
        status in statuses for status, statuses in zip(found, allowed, strict=True)
    )


def _connect(tested: Target, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", tested.server.port), _PATIENCE_S)
    connection.sendall(sent)
    return connection


def _statuses(tested: Target, case: Case) -> list[int]:
    """Send a case; return the statuses of the responses, without 1xx."""
    connection = _connect(tested, case.sent)
    if case.ends:
        connection.shutdown(socket.SHUT_WR)
    lines = _read(connection, 1.0).split(b"HTTP/1.1 ")[1:]
    return [int(line[:3]) for line in lines if line[:1] != b"1"]


def _read(connection: socket.socket, seconds: float) -> bytes:
    """Read until the connection is closed, or as long as given; close it."""
    data, end = b"", time.monotonic() + seconds
    with connection:
        while (left := end - time.monotonic()) > 0:
            connection.settimeout(left)
            try:
                part = connection.recv(65_536)
            except OSError:
                break
            if not part:
                break
            data += part
    return data


ROW = Row(
    "Malformed HTTP is refused, every request gets one response, and no connection is stuck.", run
)

"""One request on its way in: its WSGI environment, its deadline, its body."""

import asyncio
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from time import perf_counter
from typing import Any
from urllib.parse import unquote_to_bytes

from service import errors
from service.environ import ARRIVED, RECEIVED
from service.runtime.admission import SMALL_BODY, Admission

Environ = dict[str, Any]
Receive = Callable[[], Any]

DEADLINE = "Request-Timeout"  # header
BODY_S = 30.0  # for a body, and as long again as its length takes at the lowest rate
LOWEST_RATE = 65_536  # bytes a second
DISCARD_S = 5.0  # for the rest of a rejected body
LONGEST_FIELD = 8_190  # bytes of a header's value, or of path and query
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?([eE][-+]?\d{1,3})?", re.ASCII)
_CONSTANT = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def environ_of(scope: Mapping[str, Any]) -> Environ:
    """Return the WSGI environment (PEP 3333) of an ASGI request, without its body."""
    path = scope["raw_path"]
    environ: Environ = {
        **_CONSTANT,
        ARRIVED: perf_counter(),
        "REQUEST_METHOD": scope["method"],
        "RAW_URI": path.decode("latin-1"),
        "PATH_INFO": (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
    }
    environ["SERVER_NAME"], environ["SERVER_PORT"] = _texts(scope["server"])
    environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = _texts(scope["client"])
    for name, value in scope["headers"]:
        key = _key(name)
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


@lru_cache(maxsize=256)
def _texts(address: tuple[str, int] | None) -> tuple[str, str]:
    host, port = address or ("", 0)
    return host, str(port)


@lru_cache(maxsize=1024)
def _key(name: bytes) -> str:
    """A header's name in the environment; one with an underscore could pass for another's."""
    key = name.decode("latin-1").upper()
    if "_" in key:
        return "convscope.dropped"
    key = key.replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def check_head(environ: Environ) -> None:
    """Raise `UrlTooLong` or `HeadersTooLarge` beyond what is accepted."""
    if len(environ["RAW_URI"]) + len(environ["QUERY_STRING"]) > LONGEST_FIELD:
        raise errors.UrlTooLong(f"The URL is longer than {LONGEST_FIELD:,} bytes; shorten it.")
    for key, value in environ.items():
        if key.startswith("HTTP_") and len(value) > LONGEST_FIELD:
            raise errors.HeadersTooLarge(f"A header is longer than {LONGEST_FIELD:,} bytes.")


def read_deadline(environ: Environ) -> float | None:
    """Until when work must have begun, `perf_counter` seconds; None: any time.

    Raises:
        MalformedRequest: the header is not a number of seconds.
    """
    text = environ.get("HTTP_REQUEST_TIMEOUT")
    if text is None:
        return None
    if not _SECONDS.fullmatch(text):
        raise errors.MalformedRequest(
            f"{DEADLINE} must be a number of seconds such as 2.5, got {text!r}."
        )
    deadline: float = environ[ARRIVED] + float(text)
    return deadline


def check_deadline(environ: Environ, deadline: float | None) -> None:
    """Raise `DeadlineExceeded` once the deadline has passed."""
    if deadline is not None and perf_counter() >= deadline:
        seconds = environ["HTTP_REQUEST_TIMEOUT"]
        raise errors.DeadlineExceeded(
            f"The {seconds} s of {DEADLINE} were over before work on the request began."
        )


class Body:
    """A request's body.

    Args:
        receive: ASGI's.
        admission: limits what is buffered.
        most: bytes that are accepted.
    """

    def __init__(self, receive: Receive, admission: Admission, most: int) -> None:
        self._receive, self._admission, self._most = receive, admission, most
        self._size = self._held = 0
        self.is_complete = False

    async def read(self, declared: int) -> bytes:
        """Return the whole body.

        Args:
            declared: bytes that Content-Length announces; 0 where it does not.

        Raises:
            BodyTooLarge, BodyTimeout, Overloaded: it is not accepted.
            ConnectionError: the client is gone.
        """
        self._check(declared)
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_S + declared / LOWEST_RATE):
                while not self.is_complete:
                    pieces.append(await self._next())
        except TimeoutError:
            raise errors.BodyTimeout(
                f"Only {self._size:,} bytes of the body arrived in time; send it faster."
            ) from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def discard(self) -> None:
        """Wait for the rest, a while: a client that still sends would lose the response."""
        with suppress(TimeoutError, ConnectionError, errors.RequestError):
            async with asyncio.timeout(DISCARD_S):
                while not self.is_complete:
                    self.free()
                    await self._next()

    def free(self) -> None:
        """The body is no longer needed."""
        self._admission.free(self._held)
        self._held = 0

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        piece: bytes = message.get("body", b"")
        self.is_complete = not message.get("more_body", False)
        self._size += len(piece)
        if self._size > SMALL_BODY:
            self._check(self._size)
            self._admission.check_buffer(self._size - self._held)
            self._admission.hold(self._size - self._held)
            self._held = self._size
        return piece

    def _check(self, size: int) -> None:
        if size > self._most:
            raise errors.BodyTooLarge(
                f"The request body is larger than the {self._most:,} bytes that this service "
                "takes; send fewer or smaller pictures."
            )

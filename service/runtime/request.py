"""Read a request: its WSGI environment, its deadline and its body."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from time import perf_counter
from typing import Any
from urllib.parse import unquote_to_bytes

from service import errors
from service.environ import ARRIVED, Environ
from service.runtime.admission import Admission

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

BODY_S = 30.0  # timeout of a body, plus the time that its length takes at the lowest rate
LOWEST_RATE = 65_536  # bytes a second
DISCARD_S = 5.0  # timeout of the rest of a rejected body
COMPLETE = "convscope.complete"  # key in a scope: uvicorn has received the whole body
SMALL = 65_536  # bytes; smaller bodies are limited by the number of connections and not counted
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?([eE][-+]?\d{1,3})?", re.ASCII)


def environ_of(scope: Mapping[str, Any]) -> Environ:
    """Return the WSGI environment (PEP 3333) of an ASGI request, without its body."""
    path = scope["raw_path"]
    environ: Environ = {ARRIVED: perf_counter()}
    if COMPLETE in scope:
        environ[COMPLETE] = True
    for name, value in scope["headers"]:
        key, text = _key(name), value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ | {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "RAW_URI": path.decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "REMOTE_ADDR": scope["client"][0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


@lru_cache(maxsize=1024)
def _key(name: bytes) -> str:
    """Return a header's key; drop names with an underscore, which could pose as another header."""
    key = name.decode("latin-1").upper()
    if key in ("CONTENT-TYPE", "CONTENT-LENGTH"):
        return key.replace("-", "_")
    return "convscope.dropped" if "_" in key else f"HTTP_{key.replace('-', '_')}"


def check_deadline(environ: Environ) -> float | None:
    """Return the seconds within which work on a request must begin; None where there is no limit.

    Raises:
        DeadlineExceeded: the deadline has passed.
        MalformedRequest: Request-Timeout is not a number of seconds.
    """
    text = environ.get("HTTP_REQUEST_TIMEOUT")
    if text is None or environ["REQUEST_METHOD"] != "POST":  # only POST computes
        return None
    if not _SECONDS.fullmatch(text):
        raise errors.MalformedRequest(
            f"Request-Timeout must be a number of seconds such as 2.5, got {text!r}."
        )
    remaining = float(environ[ARRIVED]) + float(text) - perf_counter()
    if remaining <= 0:
        raise deadline_exceeded(environ)
    return remaining


def deadline_exceeded(environ: Environ) -> errors.DeadlineExceeded:
    """Return the error of a request whose deadline has passed."""
    seconds = environ["HTTP_REQUEST_TIMEOUT"]
    return errors.DeadlineExceeded(
        f"Request-Timeout of {seconds} s passed before work on the request began; retry, or allow "
        "more time."
    )


class Body:
    """A request's body.

    Args:
        environ: of the request.
        receive: ASGI's.
        admission: limits the bytes of all bodies together.
        max_bytes: limits the bytes of this body.
    """

    def __init__(
        self, environ: Environ, receive: Receive, admission: Admission, max_bytes: int
    ) -> None:
        self._declared = int(environ.get("CONTENT_LENGTH", 0))
        self._receive, self._admission, self._max_bytes = receive, admission, max_bytes
        self._size = self._buffered = 0
        self._has_arrived = COMPLETE in environ  # then no timeout is needed, which would cost time
        self.is_complete = not self._declared and "HTTP_TRANSFER_ENCODING" not in environ

    async def read(self) -> bytes:
        """Return the whole body.

        Raises:
            BodyTooLarge, BodyTimeout, Overloaded: the body is rejected.
            ConnectionError: the client has disconnected.
        """
        self._check(self._declared)
        if self._has_arrived:
            return await self._next()
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_S + self._declared / LOWEST_RATE):
                while not self.is_complete:
                    pieces.append(await self._next())
        except TimeoutError:
            raise errors.BodyTimeout(
                f"Only {self._size:,} bytes of the request body arrived in time; send it faster."
            ) from None
        return b"".join(pieces)

    async def discard(self) -> None:
        """Receive and drop the rest, so that a client that still sends can read the response."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_S):
                while not self.is_complete:
                    self.is_complete = not (await self._receive()).get("more_body", False)

    def free(self) -> None:
        """Stop counting the body as buffered."""
        self._admission.free(self._buffered)
        self._buffered = 0

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        piece: bytes = message.get("body", b"")
        self.is_complete = not message.get("more_body", False)
        self._size += len(piece)
        if self._size > SMALL:
            self._check(self._size)
            self._admission.hold(self._size - self._buffered)
            self._buffered = self._size
        return piece

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise errors.BodyTooLarge(
                f"The request body is larger than the limit of {self._max_bytes:,} bytes; "
                "send fewer or smaller images."
            )

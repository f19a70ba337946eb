"""ASGI on one side, the WSGI application on the other: bodies, deadlines, lanes.

Short requests run in the event loop: a thread of Python would only compete with it for the GIL.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from time import perf_counter
from typing import Any, Protocol

from service import errors
from service.environ import BODY, RECEIVED
from service.runtime.admission import SMALL_BODY, Admission, Lane
from service.runtime.request import Body, Environ, Receive, check_deadline, check_head, environ_of, read_deadline
from service.runtime.slices import Slices
from service.settings import Settings

Send = Callable[[Mapping[str, Any]], Any]
Response = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body


class Application(Protocol):
    """What the adapter calls."""

    wsgi: Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

    def is_health(self, environ: Environ) -> bool:
        """Whether a request asks for health or metrics, which are never rejected."""

    def lane(self, environ: Environ, body: bytes) -> Lane:
        """Where a request runs."""

    def reject(self, environ: Environ, error: errors.RequestError) -> Response:
        """The response to a request that is not worked on."""

    def is_draining(self) -> bool:
        """Whether clients should take their next request to another replica."""

    def log(self, environ: Environ, status: int, size: int) -> None:
        """Record a response that was sent."""

    def flush(self) -> None:
        """Write what was recorded."""

    def tick(self, running: int, waiting: int) -> None:
        """Do what is due about every second, given the requests that threads work on and that wait."""


class Adapter:
    """The ASGI application.

    Args:
        app: the application.
        admission: the limits on all requests together.
        settings: the limits on one.
    """

    def __init__(self, app: Application, admission: Admission, settings: Settings) -> None:
        self.app, self.admission = app, admission
        self.max_connections = settings.max_connections
        self._max_body = settings.max_body_bytes
        self._slices = Slices(admission)
        self._pools = {
            lane: ThreadPoolExecutor(settings.threads, lane) for lane in ("long", "read")
        }

    def tick(self) -> None:
        """Do what is due about every second."""
        self.app.tick(self.admission.running, self.admission.waiting)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        environ = environ_of(scope)
        body = Body(receive, self.admission, self._max_body)
        try:
            response = await self._answer(environ, body)
        except errors.RequestError as error:
            response = self.app.reject(environ, error)
        except ConnectionError:
            return  # the client is gone
        finally:
            body.free()
        await self._send(send, response, body)
        self.app.log(environ, response[0], len(response[2]))

    async def _answer(self, environ: Environ, body: Body) -> Response:
        if self.app.is_health(environ):
            return self._call(environ, b"")
        check_head(environ)
        deadline = read_deadline(environ)
        content = await body.read(int(environ.get("CONTENT_LENGTH", 0)))
        environ[RECEIVED] = perf_counter()
        lane = self.app.lane(environ, content)
        self.admission.enter(lane)
        try:
            if lane != "short":
                return await self._run_on_thread(lane, environ, content, deadline)
            await self._slices.wait()
            check_deadline(environ, deadline)
            return self._call(environ, content)
        finally:
            self.admission.leave(lane)

    async def _run_on_thread(
        self, lane: Lane, environ: Environ, body: bytes, deadline: float | None
    ) -> Response:
        work = self._pools[lane].submit(self._call, environ, body)
        result = asyncio.wrap_future(work)
        if deadline is not None:
            await asyncio.wait({result}, timeout=max(deadline - perf_counter(), 0))
            if work.cancel():  # no thread has begun it
                check_deadline(environ, 0)
        return await result

    def _call(self, environ: Environ, body: bytes) -> Response:
        environ[BODY], environ["wsgi.input"] = body, BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        started: list[Any] = []

        def start_response(status: str, headers: Any, _: Any = None) -> None:
            started[:] = status, headers

        result = self.app.wsgi(environ, start_response)
        try:
            content = b"".join(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        status, headers = started
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return int(status[:3]), encoded, content

    async def _send(self, send: Send, response: Response, body: Body) -> None:
        """Send a response piece by piece, each once the client has read the one before."""
        status, headers, content = response
        if not body.is_complete or self.app.is_draining():
            headers = [*headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        rest = memoryview(content)
        held = len(rest) if len(rest) > SMALL_BODY else 0
        self.admission.hold(held)
        try:
            while len(rest) > SMALL_BODY:
                piece, rest = rest[:SMALL_BODY], rest[SMALL_BODY:]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if not body.is_complete:
                await send({"type": "http.response.body", "body": rest, "more_body": True})
                rest = memoryview(b"")
                await body.discard()
            await send({"type": "http.response.body", "body": rest})
        finally:
            self.admission.free(held)


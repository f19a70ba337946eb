"""Adapt the WSGI application to ASGI: lanes, deadlines, responses.

Short requests run in the event loop, because a Python thread would only compete with it for the
GIL.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from time import perf_counter
from typing import Any, Protocol

from service.environ import BODY, RECEIVED, Environ, Lane, RawResponse, Stream
from service.errors import OUT_OF_MEMORY, Overloaded, RequestError
from service.runtime.admission import Admission
from service.runtime.request import (
    SMALL,
    Body,
    Receive,
    check_deadline,
    deadline_exceeded,
    environ_of,
)
from service.settings import Settings

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
PIECE = 2**20  # bytes of a response that are sent at once; the next follow when these are taken
SLICE_S = 0.002  # time for short calls in one iteration of the event loop


class Application(Protocol):
    """What the server needs; `service.app.Service` documents it."""

    wsgi: Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

    def is_health(self, environ: Environ) -> bool: ...  # noqa: D102
    def is_draining(self) -> bool: ...  # noqa: D102
    def lane(self, environ: Environ, body: bytes) -> Lane: ...  # noqa: D102
    def reject(self, environ: Environ, error: RequestError) -> RawResponse: ...  # noqa: D102
    def log(self, environ: Environ, status: int, size: int) -> None: ...  # noqa: D102
    def flush(self) -> None: ...  # noqa: D102
    def tick(self) -> None: ...  # noqa: D102


class Adapter:
    """The ASGI application of a worker."""

    def __init__(self, app: Application, admission: Admission, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self._admission, self._slices = admission, Slices(admission)
        self._pools = {
            lane: ThreadPoolExecutor(settings.threads, lane) for lane in ("long", "read")
        }
        self._streaming = ThreadPoolExecutor(1, "stream")  # so that long requests do not delay it

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        environ = environ_of(scope)
        body = Body(environ, receive, self._admission, self.settings.max_body_bytes)
        try:
            if self.app.is_health(environ):
                response = self._call(environ, b"")
            else:
                response = await self._answer(environ, body)
        except RequestError as error:
            response = self.app.reject(environ, error)
        except MemoryError:  # outside a route: the body, or the response's one copy
            response = self.app.reject(environ, Overloaded(OUT_OF_MEMORY))
        except ConnectionError:
            return  # the client has disconnected
        finally:
            for key in (BODY, "wsgi.input", "werkzeug.request"):  # the access log keeps the others
                environ.pop(key, None)
            body.free()
        size = await self._send(send, response, body)
        self.app.log(environ, response[0], size)

    async def _answer(self, environ: Environ, body: Body) -> RawResponse:
        check_deadline(environ)
        content = await body.read()
        if content:
            environ[RECEIVED] = perf_counter()
        lane = self.app.lane(environ, content)
        self._admission.enter(lane)
        try:
            if lane == "short":
                await self._slices.wait()
                check_deadline(environ)
                return self._call(environ, content)
            work = self._pools[lane].submit(self._call, environ, content)
            result = asyncio.wrap_future(work)
            await asyncio.wait({result}, timeout=check_deadline(environ))
            if work.cancel():  # no thread has started it
                raise deadline_exceeded(environ)
            return await result
        finally:
            self._admission.leave(lane)

    def _call(self, environ: Environ, body: bytes) -> RawResponse:
        environ[BODY], environ["wsgi.input"] = body, BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        head: list[Any] = []
        result = self.app.wsgi(
            environ, lambda status, headers, _=None: head.extend((status, headers))
        )
        content: bytes | Stream
        try:
            content = result if isinstance(result, Stream) else b"".join(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        status, headers, *_ = head
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return int(status[:3]), encoded, content

    async def _send(self, send: Send, response: RawResponse, body: Body) -> int:
        """Send a response in pieces, each after the client has received the one before.

        Returns:
            The number of bytes of the response's body.
        """
        status, headers, content = response
        if not body.is_complete or self.app.is_draining():
            headers = [*headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if isinstance(content, bytes) and len(content) <= SMALL and body.is_complete:
            await send({"type": "http.response.body", "body": content})
            return len(content)
        retained = content.retained if isinstance(content, Stream) else len(content)
        size = 0
        self._admission.hold(retained, is_forced=True)
        try:
            async for piece in self._pieces(content):
                size += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if not body.is_complete:
                await body.discard()
            # returns when the client has received everything, which counts as buffered until then
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._admission.free(retained)
        return size

    async def _pieces(self, content: bytes | Stream) -> AsyncIterator[bytes | memoryview]:
        """Yield the pieces of a body; those of a stream are computed on a thread, one at a time."""
        if isinstance(content, Stream):
            loop, pieces = asyncio.get_running_loop(), iter(content)
            while True:
                piece = await loop.run_in_executor(self._streaming, next, pieces, None)
                if piece is None:
                    return
                if piece:  # uvicorn would write an empty one as the end of the body
                    yield piece
        rest = memoryview(content)
        while rest:
            yield rest[:PIECE]
            rest = rest[PIECE:]


class Slices:
    """Limit the short calls in each iteration of the event loop; admit the others in FIFO order.

    Otherwise all calls of one iteration would run before the loop polls its sockets again: with 256
    clients a health check would wait for 256 calls.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._queue: deque[asyncio.Future[None]] = deque()
        self._began, self._calls, self._remaining = 0.0, 0, 0
        self._is_active = False

    async def wait(self) -> None:
        """Wait until one more call may run."""
        loop = asyncio.get_running_loop()
        if not self._is_active:
            self._begin(loop)
        if self._remaining:
            self._remaining -= 1
            return
        self._queue.append(loop.create_future())
        await self._queue[-1]

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_active, self._began = True, perf_counter()
        self._calls = self._remaining = self._admission.calls_within(SLICE_S)
        loop.call_soon(self._end, loop)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next iteration; wake waiting calls."""
        self._is_active = False
        if self._queue:
            self._admission.observe((perf_counter() - self._began) / self._calls)
            self._begin(loop)
        while self._queue and self._remaining:
            self._remaining -= 1
            waiter = self._queue.popleft()
            if not waiter.done():  # its request may have been cancelled
                waiter.set_result(None)

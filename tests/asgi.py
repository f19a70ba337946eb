"""A client of the ASGI adapter that exchanges its messages without a server."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from service.app import Service
from service.control import Control
from service.runtime.adapter import Adapter
from service.runtime.admission import Admission
from service.settings import Settings


def build_adapter(folder: Path, admission: Admission | None = None, **settings) -> Adapter:
    """Return an adapter of the real application.

    Args:
        folder: for the metrics.
        admission: the limits; None for those of the settings.
        **settings: other than the defaults.
    """
    parsed = Settings(**settings)
    admission = admission or Admission(parsed)
    service = Service(parsed, Control(), folder, admission.load)
    return Adapter(service, admission, parsed)


@dataclass
class Exchange:
    """A request, and its response after `run`.

    Attributes:
        pieces: the pieces of the body in order of arrival; after None, nothing arrives.
    """

    path: str = "/predict"
    method: str = "POST"
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes | None] = field(default_factory=list)
    status: int = 0
    response_headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    async def run(self, adapter: Adapter) -> "Exchange":
        """Send the request to an adapter."""
        length = sum(len(piece or b"") for piece in self.pieces)
        headers = {"content-length": str(length), **self.headers} if self.pieces else self.headers
        scope = {
            "method": self.method,
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
            "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        }
        await adapter(scope, self._receive, self._send)
        return self

    async def _receive(self):
        piece = self.pieces.pop(0)
        if piece is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.response_headers = {
                name.decode().lower(): value.decode() for name, value in message["headers"]
            }
        else:
            self.content += message.get("body", b"")


def run(work: Coroutine):
    """Run a coroutine on a new thread, because the browser's event loop may run on this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def exchange(adapter: Adapter, **request) -> Exchange:
    """Send a request to an adapter; return it with its response."""
    return run(Exchange(**request).run(adapter))

"""A server that sends scripted responses, for the errors that a real service rarely has."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

RESPONSE = {
    "model": {"name": "mnist", "version": 1, "sha256": "ab"},
    "predictions": [
        {"label": "7", "confidence": 0.9, "probabilities": {"7": 0.9}, "preprocessing": {}}
    ],
}
OVERLOADED = {
    "type": "urn:convscope:problem:overloaded",
    "title": "Overloaded",
    "status": 503,
    "detail": "The queue is full; retry later.",
    "request_id": "r-1",
}
# instead of a response: a closed connection, none in time, half of one
DROP, STALL, HALF = (
    object(),
    object(),
    object(),
)


@dataclass
class ReceivedRequest:
    """A request that the server received."""

    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    port: int  # of the client, which identifies the connection


@dataclass
class Script:
    """Responses in turn, of which the last is repeated, and the requests received so far."""

    responses: list[object]
    url: str = ""
    requests: list[ReceivedRequest] = field(default_factory=list)


@contextmanager
def scripted_server(*responses):
    """Start a server that sends (status, headers, body as JSON or text), DROP, STALL or HALF."""
    script, released = Script(list(responses)), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            query, port = parse_qs(parts.query), self.client_address[1]
            script.requests.append(ReceivedRequest(parts.path, query, self.headers, body, port))
            response = script.responses[min(len(script.requests), len(script.responses)) - 1]
            if response in (DROP, STALL):
                released.wait(10 if response is STALL else 0)
                self.close_connection = True
                return
            status, headers, value = (
                response if isinstance(response, tuple) else (200, {}, RESPONSE)
            )
            content = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_response(status)
            for name, header in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, header)
            self.end_headers()
            self.wfile.write(content[:10] if response is HALF else content)
            if response is HALF:
                released.wait(10)
                self.close_connection = True

        do_GET = do_POST = respond  # noqa: N815 - http.server's names

        def log_message(self, *args):
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        script.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield script
        finally:
            released.set()
            server.shutdown()

"""Responses to requests that never reach Flask, in the form and with the headers of all others.

Made without Flask: what is too much must cost next to nothing, else the service only rejects.
"""

from typing import Any

from service.api import metrics, problems, tracing
from service.api.access import EXPOSED_HEADERS, SECURITY_HEADERS
from service.errors import DeadlineExceeded, Overloaded, RequestError
from service.settings import Settings

_REASONS = {Overloaded: "overloaded", DeadlineExceeded: "deadline"}
_CONSTANT = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


class Rejections:
    """Builds the responses.

    Args:
        settings: which origins may read them.
    """

    def __init__(self, settings: Settings) -> None:
        self._origins = set(filter(None, settings.cors_origins.split(",")))

    def response(
        self, environ: dict[str, Any], error: RequestError
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Return status, headers and body of the response to a rejected request, and count it."""
        request_id = tracing.begin(environ)
        status, slug = problems.PROBLEMS[type(error)]
        body, media_type = problems.encode(
            status, slug, str(error), environ["PATH_INFO"], request_id
        )
        metrics.reject(_REASONS.get(type(error), slug), status)
        headers = [
            (b"Content-Type", media_type.encode()),
            (b"Content-Length", b"%d" % len(body)),
            (b"X-Request-ID", request_id.encode()),
            *_CONSTANT,
            *((key.encode(), value.encode()) for key, value in problems.headers_of(status).items()),
            *self._cors(environ.get("HTTP_ORIGIN", "")),
        ]
        return int(status), headers, body

    def _cors(self, origin: str) -> list[tuple[bytes, bytes]]:
        """What lets a page of an allowed origin read the response."""
        if not origin or not {"*", origin} & self._origins:
            return []
        return [
            (b"Access-Control-Allow-Origin", origin.encode("latin-1")),
            (b"Access-Control-Expose-Headers", ", ".join(EXPOSED_HEADERS).encode()),
            (b"Vary", b"Origin"),
        ]

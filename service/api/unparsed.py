"""Answers to requests that Flask never sees, in the form and with the headers of all others.

Made without Flask: the excess must cost next to nothing, else the service is busy refusing.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

import orjson

from service.api import metrics, problems, tracing
from service.api.access import EXPOSED_HEADERS, SECURITY_HEADERS
from service.errors import MalformedRequest, Overloaded
from service.settings import Settings

_OVERLOADED = "As many requests as can wait here are waiting. Ask again later."
_PROTOCOLS = re.compile(rb"[A-Z]+ /v[12][/ ?]")
_ORIGIN = re.compile(rb"(?i)\r\nOrigin:[ \t]*([!-~]{1,256})[ \t]*\r\n")


class Unparsed:
    """Says no to requests that were not read."""

    def __init__(self, settings: Settings) -> None:
        self._origins = settings.cors_origins.split(",") if settings.cors_origins else []

    def refuse(self, head: bytes, last: bool) -> bytes:
        """The HTTP answer to a request that is one too many; counts it.

        Args:
            head: how the request begins.
            last: the connection ends with it.
        """
        metrics.refused.labels("overloaded").inc()
        status, slug = problems.PROBLEMS[Overloaded]
        request_id = tracing.request_id_in(head)
        if _PROTOCOLS.match(head):
            body, media_type = orjson.dumps({"error": _OVERLOADED}), "application/json"
        else:
            body = problems.body_of(status, slug, _OVERLOADED, request_id)
            media_type = problems.MEDIA_TYPE
        answer = _answer(status, body, media_type, request_id, last, self._cors(head))
        return answer.removesuffix(body) if head.startswith(b"HEAD ") else answer

    def complain(self, code: int, wrong: str) -> bytes:
        """The HTTP answer to what gunicorn cannot read, or could not answer; counts it.

        Args:
            code: the status, 400 to 599.
            wrong: what is; not told where it is the service's own fault.
        """
        status, request_id = HTTPStatus(code), tracing.request_id_in(b"")
        slug, detail = problems.HTTP_PROBLEMS.get(status, (None, None))
        if status == HTTPStatus.BAD_REQUEST:
            slug = problems.PROBLEMS[MalformedRequest][1]
        detail = detail or f"The request cannot be read: {wrong}."
        body = problems.body_of(status, slug, detail, request_id)
        return _answer(status, body, problems.MEDIA_TYPE, request_id, last=True, more={})

    def _cors(self, head: bytes) -> Mapping[str, str]:
        """What lets a page of an allowed origin read the answer."""
        found = _ORIGIN.search(head) if self._origins else None
        origin = found[1].decode() if found else ""
        if not found or not {"*", origin} & set(self._origins):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": ", ".join(EXPOSED_HEADERS),
            "Vary": "Origin",
        }


def _answer(
    status: HTTPStatus,
    body: bytes,
    media_type: str,
    request_id: str,
    last: bool,
    more: Mapping[str, str],
) -> bytes:
    metrics.requests.labels("none", status.value).inc()
    headers = {
        "Content-Type": media_type,
        "Content-Length": len(body),
        "X-Request-ID": request_id,
        "Connection": "close" if last else "keep-alive",
        **SECURITY_HEADERS,
        **problems.headers_of(status),
        **more,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode() + body

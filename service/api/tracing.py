"""A request's identity and its trace: in its answer, in the log, in the counts."""

import re
import uuid
from contextvars import ContextVar
from time import perf_counter

from flask import Flask, Response, g, request

from service.api import metrics
from service.logs import REQUEST

# when the request of this thread came in, `perf_counter` seconds; not set outside `worker.py`
arrived: ContextVar[float] = ContextVar("arrived")
_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_ID_HEADER = re.compile(rb"(?i)\r\nX-Request-ID:[ \t]*([\w.:-]{1,64})[ \t]*\r\n")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def register(app: Flask) -> None:
    """Know every request from its first moment; to be registered before all else.

    Flask calls what is to be done after a request in the opposite order: this comes last.
    """
    app.before_request(_begin)
    app.after_request(_finish)


def note(**fields: str) -> None:
    """Add fields to the line that the log gets of this request."""
    request.environ[REQUEST] |= fields


def request_id_in(head: bytes) -> str:
    """The request's own identity where its unparsed head holds one, else a new one."""
    found = _ID_HEADER.search(head)
    return found[1].decode() if found else uuid.uuid4().hex


def _begin() -> None:
    """The client's `X-Request-ID` where it is a plain one, else a new one."""
    g.begun = arrived.get(perf_counter())
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    request.environ[REQUEST] = {"request_id": g.request_id}
    traceparent = request.headers.get("traceparent", "")
    if _TRACEPARENT.fullmatch(traceparent):
        note(traceparent=traceparent)
    metrics.begin()


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    route = request.url_rule.rule if request.url_rule else "none"
    metrics.finish(route, response.status_code, perf_counter() - g.begun)
    return response

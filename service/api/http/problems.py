"""Errors as RFC 9457 `application/problem+json`: the one place that maps errors to statuses."""

import logging
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service import errors
from service.api.http import formats, tracing
from service.environ import LOG_FIELDS

log = logging.getLogger(__name__)

# error: (status, slug of its `type`)
PROBLEMS: dict[type[errors.ConvScopeError], tuple[HTTPStatus, str]] = {
    errors.MalformedRequest: (HTTPStatus.BAD_REQUEST, "malformed-request"),
    errors.ImageNotDecodable: (HTTPStatus.BAD_REQUEST, "image-not-decodable"),
    errors.UnknownModel: (HTTPStatus.NOT_FOUND, "unknown-model"),
    errors.UnknownLayer: (HTTPStatus.NOT_FOUND, "unknown-layer"),
    errors.Unauthorized: (HTTPStatus.UNAUTHORIZED, "unauthorized"),
    errors.NotAcceptable: (HTTPStatus.NOT_ACCEPTABLE, "not-acceptable"),
    errors.ImageTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "image-too-large"),
    errors.BodyTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large"),
    errors.BodyTimeout: (HTTPStatus.REQUEST_TIMEOUT, "body-timeout"),
    errors.UnsupportedFormat: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-format"),
    errors.NothingDrawn: (HTTPStatus.UNPROCESSABLE_ENTITY, "nothing-drawn"),
    errors.WrongShape: (HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-shape"),
    errors.Overloaded: (HTTPStatus.SERVICE_UNAVAILABLE, "overloaded"),
    errors.Draining: (HTTPStatus.SERVICE_UNAVAILABLE, "draining"),
    errors.DeadlineExceeded: (HTTPStatus.GATEWAY_TIMEOUT, "deadline-exceeded"),
}
# what goes with a status, always
HEADERS = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate", 'Bearer realm="ConvScope"'),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After", "1"),  # seconds
}
# what Flask itself refuses; any other status of its is `about:blank`, as the RFC has it
HTTP_PROBLEMS = {
    HTTPStatus.NOT_FOUND: (
        "unknown-route",
        "There is no such route; see docs/api.md for those there are.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", None),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "body-too-large",
        "The request body is larger than this service takes; send fewer or smaller pictures.",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "too-many-requests",
        "More requests than one client may send here; Retry-After says when to go on.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "internal-error",
        "The service failed to answer. Its log tells more under this request_id.",
    ),
}
MEDIA_TYPE = "application/problem+json"
PROTOCOLS = ("/v1", "/v2")  # below these, errors are in those protocols' own form
TYPE_PREFIX = "urn:convscope:problem:"


@dataclass(frozen=True)
class Problem:
    """The body of every error answer."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


def register(app: Flask) -> None:
    """Answer every error of this app with a problem; never with an inner detail."""
    app.register_error_handler(errors.RequestError, _from_request_error)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Exception, _from_bug)


def _from_request_error(error: errors.RequestError) -> Response:
    status, slug = PROBLEMS[type(error)]
    return _respond(status, slug, str(error))


def _from_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    slug, detail = HTTP_PROBLEMS.get(status, (None, None))
    response = _respond(status, slug, detail or error.description or status.description)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _from_bug(error: Exception) -> Response:
    fields = {"request_id": tracing.request_id()}
    log.error("Unexpected error", exc_info=error, extra={LOG_FIELDS: fields})
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    slug, detail = HTTP_PROBLEMS[status]
    return _respond(status, slug, detail or "")


def _respond(status: HTTPStatus, slug: str | None, detail: str) -> Response:
    body, media_type = encode(status, slug, detail, request.path, tracing.request_id())
    answer = formats.answer(body, media_type)
    answer.status_code = status
    answer.headers.extend(headers_of(status))
    return answer


def headers_of(status: HTTPStatus) -> dict[str, str]:
    """The headers that always go with a status."""
    return dict([HEADERS[status]]) if status in HEADERS else {}


def encode(
    status: HTTPStatus, slug: str | None, detail: str, path: str, request_id: str
) -> tuple[bytes, str]:
    """Return a problem as JSON, in the form that clients of the path expect, and its media type."""
    if path.startswith(PROTOCOLS) and path[3:4] in ("", "/"):
        return orjson.dumps({"error": detail}), "application/json"
    problem = Problem(
        type=TYPE_PREFIX + slug if slug else "about:blank",
        title=(slug or status.phrase).replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        request_id=request_id,
    )
    return orjson.dumps(problem), MEDIA_TYPE

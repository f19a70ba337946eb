"""Convert errors to RFC 9457 `application/problem+json`; the only module that knows statuses."""

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
    errors.NotInBundle: (HTTPStatus.NOT_FOUND, "not-in-bundle"),
    errors.Unauthorized: (HTTPStatus.UNAUTHORIZED, "unauthorized"),
    errors.NotAcceptable: (HTTPStatus.NOT_ACCEPTABLE, "not-acceptable"),
    errors.ImageTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "image-too-large"),
    errors.BodyTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large"),
    errors.BodyTimeout: (HTTPStatus.REQUEST_TIMEOUT, "body-timeout"),
    errors.UnsupportedFormat: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-format"),
    errors.NothingDrawn: (HTTPStatus.UNPROCESSABLE_ENTITY, "nothing-drawn"),
    errors.NotExplainable: (HTTPStatus.UNPROCESSABLE_ENTITY, "not-explainable"),
    errors.WrongShape: (HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-shape"),
    errors.ModelUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "model-unavailable"),
    errors.Overloaded: (HTTPStatus.SERVICE_UNAVAILABLE, "overloaded"),
    errors.Draining: (HTTPStatus.SERVICE_UNAVAILABLE, "draining"),
    errors.DeadlineExceeded: (HTTPStatus.GATEWAY_TIMEOUT, "deadline-exceeded"),
}
# headers of every response with a status
HEADERS = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate", 'Bearer realm="ConvScope"'),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After", "1"),  # seconds
}
# errors that Flask raises: slug and detail; other statuses are `about:blank`, as the RFC says
HTTP_PROBLEMS = {
    HTTPStatus.NOT_FOUND: (
        "unknown-route",
        "There is no such route; docs/api.md and /openapi.json list all routes.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", None),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "body-too-large",
        "The request body is larger than the limit; send fewer or smaller images.",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "too-many-requests",
        "The rate limit is exceeded; retry after the number of seconds in Retry-After.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "internal-error",
        "The service failed unexpectedly; its log has the details under this request_id.",
    ),
}
MEDIA_TYPE = "application/problem+json"
PROTOCOLS = ("/v1", "/v2")  # below these paths, errors have the protocols' own form
TYPE_PREFIX = "urn:convscope:problem:"


@dataclass(frozen=True)
class Problem:
    """The body of an error response."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


def register(app: Flask) -> None:
    """Respond to every error with a problem, never with internal details."""
    app.register_error_handler(errors.RequestError, _from_request_error)
    app.register_error_handler(HTTPException, from_http_error)
    app.register_error_handler(MemoryError, _out_of_memory)
    app.register_error_handler(Exception, _internal_error)


def _from_request_error(error: errors.RequestError) -> Response:
    status, slug = PROBLEMS[type(error)]
    return _respond(status, slug, str(error))


def from_http_error(error: HTTPException) -> Response:
    """Return the response to an error that Flask or an extension of it raised."""
    status = HTTPStatus(error.code or 500)
    slug, detail = HTTP_PROBLEMS.get(status, (None, None))
    response = _respond(status, slug, detail or error.description or status.description)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _out_of_memory(error: MemoryError) -> Response:
    log.error("Out of memory: %s", error, extra={LOG_FIELDS: {"request_id": tracing.request_id()}})
    return _from_request_error(errors.Overloaded(errors.OUT_OF_MEMORY))


def _internal_error(error: Exception) -> Response:
    fields = {"request_id": tracing.request_id()}
    log.error("Unexpected error", exc_info=error, extra={LOG_FIELDS: fields})
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    slug, detail = HTTP_PROBLEMS[status]
    return _respond(status, slug, detail or "")


def _respond(status: HTTPStatus, slug: str | None, detail: str) -> Response:
    body, media_type = encode(status, slug, detail, request.path, tracing.request_id())
    response = formats.respond(body, media_type)
    response.status_code = status
    response.headers.extend(headers_of(status))
    return response


def headers_of(status: HTTPStatus) -> dict[str, str]:
    """Return the headers of every response with a status."""
    return dict([HEADERS[status]]) if status in HEADERS else {}


def encode(
    status: HTTPStatus, slug: str | None, detail: str, path: str, request_id: str
) -> tuple[bytes, str]:
    """Return an error as JSON, in the form of the path's protocol, and its media type."""
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

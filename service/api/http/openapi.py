"""Generate the OpenAPI 3.1 document from the routes.

Schemas come from the types of requests and responses (`schemas`), statuses from `problems`,
examples from `examples`, the rest from each view's operation (`describe`) and docstring.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, get_args

import msgspec
from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import Rule

from service.api.http import examples, formats, problems, schemas
from service.api.http.describe import Operation, describe
from service.errors import BodyTimeout, BodyTooLarge, DeadlineExceeded, Overloaded, Unauthorized
from service.model.explain.traces import Explanation
from service.settings import Settings
from service.version import VERSION

DEADLINE = "Request-Timeout"
ABOUT = "A CNN server that you can see through: the digit, and every value that led to it."
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "The request's X-Request-ID if it is plain text, otherwise a new one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Send it in If-None-Match to get 304 while the response is unchanged.",
        "required": True,
        "schema": {"type": "string"},
    },
}
PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "name": {"description": "Name of the model.", "schema": {"type": "string"}},
    "version": {
        "description": "Version of the model.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
DEADLINE_PARAMETER: dict[str, Any] = {
    "name": DEADLINE,
    "in": "header",
    "required": False,
    "description": "Seconds from now within which processing of the request must begin.",
    "schema": {"type": "number", "minimum": 0, "maximum": 999_999_999},
}
# either of them; operations require one only where the service has API keys
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class ProtocolError(msgspec.Struct):
    """An error below /v1 and /v2, in the form of those protocols."""

    error: str


def blueprint(settings: Settings) -> Blueprint:
    """Build the route of the document."""
    api = Blueprint("openapi", __name__)

    @api.get("/openapi.json")
    @describe(Operation(answers={formats.MEDIA_TYPES["json"]: dict[str, Any]}, public=True))
    def openapi() -> Response:
        """Return this document."""
        return formats.json(document(current_app, settings))

    return api


def document(app: Flask, settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document of all described routes of an app."""
    views: dict[str, Any] = app.view_functions
    routes = [
        (rule, views[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if hasattr(views[rule.endpoint], "operation")
    ]
    types = schemas.Schemas(_types(view.operation for _, view in routes))
    paths: dict[str, Any] = {}
    for rule, view in routes:
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            paths.setdefault(_path(rule), {})[method.lower()] = _operation(
                rule, view, types, settings
            )
    tags = {_tag(rule): schemas.first_line(sys.modules[view.__module__]) for rule, view in routes}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ConvScope",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The service that sent this document."}],
        "security": [],
        "tags": [{"name": name, "description": about} for name, about in tags.items()],
        "paths": paths,
        "components": {
            "schemas": types.components,
            "headers": HEADERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _types(operations: Iterable[Operation]) -> Iterator[Any]:
    """Yield the type of every body of the operations, and of errors and explanations."""
    yield from (problems.Problem, ProtocolError, *get_args(Explanation))
    for operation in operations:
        yield from operation.answers.values()
        yield from (operation.body or {}).values()


def _path(rule: Rule) -> str:
    """Return a rule such as `/v2/models/<name>` in OpenAPI's form, `/v2/models/{name}`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def _tag(rule: Rule) -> str:
    """Return the name of the rule's blueprint."""
    name: str = rule.endpoint.partition(".")[0]
    return name


def _operation(rule: Rule, view: Any, types: schemas.Schemas, settings: Settings) -> dict[str, Any]:
    operation: Operation = view.operation
    summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
    name = rule.endpoint.replace(".", "_")
    fields: dict[str, Any] = {
        "operationId": f"{name}_of_version" if "version" in rule.arguments else name,
        "summary": summary,
        "tags": [_tag(rule)],
        "parameters": [
            *map(examples.with_example, _path_parameters(rule)),
            *map(examples.with_example, _query_parameters(operation)),
            *_header_parameters(operation),
        ],
        "responses": dict(_responses(rule, operation, types, settings)),
    }
    if settings.api_keys_file and not operation.public:
        fields["security"] = [{name: []} for name in SECURITY_SCHEMES]
    if description:
        fields["description"] = description
    if operation.body is not None:
        content = {media: types.media(kind) for media, kind in operation.body.items()}
        example = examples.body(rule.rule)
        content[formats.MEDIA_TYPES["json"]] |= {"example": example}
        fields["requestBody"] = {"required": True, "content": content}
    return fields


def _path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    for name in sorted(rule.arguments):
        yield {"name": name, "in": "path", "required": True, **PATH_PARAMETERS[name]}


def _query_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    return schemas.parameters(operation.query) if operation.query else iter(())


def _header_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    headers = dict(operation.headers)
    if operation.conditional:
        headers["If-None-Match"] = {
            "description": "ETag of the response that the client has.",
            "schema": {"type": "string"},
        }
    for name, header in headers.items():
        yield {"name": name, "in": "header", "required": False, **header}
    if operation.body is not None:
        yield DEADLINE_PARAMETER


def _responses(
    rule: Rule, operation: Operation, types: schemas.Schemas, settings: Settings
) -> Iterator[tuple[str, dict[str, Any]]]:
    content = {media: types.media(kind) for media, kind in operation.answers.items()}
    always = {"X-Request-ID": _reference("X-Request-ID")}
    headers = {**always, **operation.headers}
    if operation.conditional:
        headers["ETag"] = _reference("ETag")
    yield "200", {"description": "The response.", "headers": headers, "content": content}
    if operation.conditional:
        yield "304", {"description": "The client has this response.", "headers": headers}
    is_protocol = rule.rule.startswith(problems.PROTOCOLS)
    media = formats.MEDIA_TYPES["json"] if is_protocol else problems.MEDIA_TYPE
    content = {media: types.media(ProtocolError if is_protocol else problems.Problem)}
    for status, meanings in sorted(_errors(operation, settings).items()):
        yield (
            str(int(status)),
            {"description": "\n".join(meanings), "headers": always, "content": content},
        )


def _reference(header: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{header}"}


def _errors(operation: Operation, settings: Settings) -> dict[HTTPStatus, list[str]]:
    """Return the meaning of every problem that an operation can cause, by status."""
    meanings: dict[HTTPStatus, list[str]] = {}
    overloaded = () if operation.health else (Overloaded,)
    late = (DeadlineExceeded, BodyTooLarge, BodyTimeout) if operation.body is not None else ()
    unauthorized = (Unauthorized,) if settings.api_keys_file and not operation.public else ()
    for error in (*operation.problems, *overloaded, *late, *unauthorized):
        status, slug = problems.PROBLEMS[error]
        meanings.setdefault(status, []).append(f"- `{slug}`: {schemas.first_line(error)}")
    for status, (slug, meaning) in problems.HTTP_PROBLEMS.items():
        if {
            HTTPStatus.INTERNAL_SERVER_ERROR: True,
            HTTPStatus.TOO_MANY_REQUESTS: bool(settings.rate_limit) and not operation.public,
        }.get(status, False):
            meanings.setdefault(status, []).append(f"- `{slug}`: {meaning}")
    return meanings

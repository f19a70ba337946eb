"""The OpenAPI 3.1 document, made from the routes themselves.

Schemas come from the types that parse requests and make answers (msgspec), with what their
docstrings say of each attribute; statuses from `problems`; the rest from each view's operation
(`describe`) and docstring.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, get_args

import msgspec
import numpy as np
from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import Rule

from service.api.http import formats, problems
from service.api.http.describe import Operation, describe
from service.errors import BodyTimeout, BodyTooLarge, DeadlineExceeded, Overloaded, Unauthorized
from service.model.explain.traces import Explanation
from service.settings import Settings
from service.version import VERSION

DEADLINE = "Request-Timeout"
ABOUT = "A CNN server that you can see through: the digit, and every value that led to it."
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "The request's own X-Request-ID where it had a plain one, else a new one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "For If-None-Match.",
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
    "description": "Seconds from now within which work on the request must begin.",
    "schema": {"type": "number", "minimum": 0, "maximum": 999_999_999},
}
# one or the other; only where the service has keys
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class ProtocolError(msgspec.Struct):
    """What goes wrong below /v1 and /v2, as those protocols have it."""

    error: str


def blueprint(settings: Settings) -> Blueprint:
    """The document, as the service is set."""
    api = Blueprint("openapi", __name__)

    @api.get("/openapi.json")
    @describe(Operation(answers={formats.MEDIA_TYPES["json"]: dict[str, Any]}, public=True))
    def openapi() -> Response:
        """This document."""
        return formats.json(document(current_app, settings))

    return api


def document(app: Flask, settings: Settings) -> dict[str, Any]:
    """The OpenAPI document of every described route of an app."""
    views: dict[str, Any] = app.view_functions
    routes = [
        (rule, views[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if hasattr(views[rule.endpoint], "operation")
    ]
    schemas = Schemas(view.operation for _, view in routes)
    paths: dict[str, Any] = {}
    for rule, view in routes:
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            paths.setdefault(_path(rule), {})[method.lower()] = _operation(
                rule, view, schemas, settings
            )
    tags = {_tag(rule): _first_line(sys.modules[view.__module__]) for rule, view in routes}
    components: dict[str, Any] = {"schemas": schemas.components, "headers": HEADERS}
    if settings.api_keys_file:
        components["securitySchemes"] = SECURITY_SCHEMES
    return {
        "openapi": "3.1.0",
        "info": {"title": "ConvScope", "version": VERSION, "description": ABOUT},
        "tags": [{"name": name, "description": about} for name, about in tags.items()],
        "paths": paths,
        "components": components,
    }


class Schemas:
    """The schema of every type that a body can have."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        """Collect the types of all operations; msgspec keeps those of one name apart."""
        kinds: dict[Any, None] = dict.fromkeys(
            (problems.Problem, ProtocolError, *get_args(Explanation))
        )
        for operation in operations:
            for kind in (*operation.answers.values(), *(operation.body or {}).values()):
                if kind is not None:
                    kinds[kind] = None
        found, self.components = msgspec.json.schema_components(
            list(kinds), schema_hook=_array, ref_template="#/components/schemas/{name}"
        )
        self._of = dict(zip(kinds, found, strict=True))
        _describe_attributes(self.components, msgspec.inspect.multi_type_info(list(kinds)))

    def media(self, kind: Any) -> dict[str, Any]:
        """A body of that type; None: bytes."""
        binary = {"type": "string", "format": "binary"}
        return {"schema": binary if kind is None else self._of[kind]}


def _array(kind: Any) -> dict[str, Any]:
    """What msgspec does not know: a NumPy array is a list, of lists where it has several axes."""
    if kind is np.ndarray:
        return {"type": "array"}
    raise NotImplementedError


def _describe_attributes(components: Mapping[str, dict[str, Any]], types: Iterable[Any]) -> None:
    """Move what a class's docstring says of its attributes to the schemas of these.

    Args:
        components: schemas by name, changed in place; msgspec left each whole docstring in its
            description.
        types: what msgspec found in the classes that these schemas are of.
    """
    classes = {
        (kind.__name__, (kind.__doc__ or "").strip()): kind for kind in _classes(list(types))
    }
    for schema in components.values():
        kind = classes[schema["title"], schema["description"]]
        schema["description"] = _prose(kind)
        told: dict[str, str] = {}
        for base in reversed(kind.__mro__):
            told |= _attributes(base)
        for name, field in schema["properties"].items():
            if name in told:
                field.setdefault("description", told[name])


def _classes(found: Any) -> Iterator[type]:
    """Every class in msgspec's description of types, at whatever depth."""
    if isinstance(found, (list, tuple)):
        for each in found:
            yield from _classes(each)
    elif isinstance(found, msgspec.Struct):
        if isinstance(cls := getattr(found, "cls", None), type) and cls.__doc__:
            yield cls
        for name in found.__struct_fields__:
            yield from _classes(getattr(found, name))


def _prose(kind: type) -> str:
    """A class's docstring without its attributes, in JSON's words."""
    return _in_json(inspect.cleandoc(kind.__doc__ or "").partition("\n\nAttributes:\n")[0])


def _attributes(kind: type) -> dict[str, str]:
    """What a class's docstring says of its attributes by name; `row, column: …` is of both."""
    block = inspect.cleandoc(kind.__doc__ or "").partition("\n\nAttributes:\n")[2]
    entries = re.findall(r"^    (\w[\w, ]*): (.+(?:\n {5,}.+)*)", block, re.MULTILINE)
    return {
        name: _in_json(" ".join(text.split()))
        for names, text in entries
        for name in names.split(", ")
    }


def _in_json(text: str) -> str:
    return re.sub(r"\bNone\b", "null", text[:1].upper() + text[1:])


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _path(rule: Rule) -> str:
    """`/v2/models/<name>/versions/<int:version>` as `/v2/models/{name}/versions/{version}`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def _tag(rule: Rule) -> str:
    """The blueprint's name."""
    name: str = rule.endpoint.partition(".")[0]
    return name


def _operation(rule: Rule, view: Any, schemas: Schemas, settings: Settings) -> dict[str, Any]:
    operation: Operation = view.operation
    summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
    name = rule.endpoint.replace(".", "_")
    told: dict[str, Any] = {
        "operationId": f"{name}_of_version" if "version" in rule.arguments else name,
        "summary": summary,
        "tags": [_tag(rule)],
        "parameters": [
            *_path_parameters(rule),
            *_query_parameters(operation),
            *_header_parameters(operation),
        ],
        "responses": dict(_responses(rule, operation, schemas, settings)),
    }
    if settings.api_keys_file and not operation.public:
        told["security"] = [{name: []} for name in SECURITY_SCHEMES]
    if description:
        told["description"] = description
    if operation.body is not None:
        content = {media: schemas.media(kind) for media, kind in operation.body.items()}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    for name in sorted(rule.arguments):
        yield {"name": name, "in": "path", "required": True, **PATH_PARAMETERS[name]}


def _query_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.query is None:
        return
    schema = msgspec.json.schema_components([operation.query])[1][operation.query.__name__]
    for name, field in schema["properties"].items():
        # an optional parameter is left out, it is never null
        options = [option for option in field.get("anyOf", [field]) if option != {"type": "null"}]
        kind = {key: value for key, value in options[0].items() if key != "description"}
        if "enum" in kind:  # of words; msgspec leaves the type to the reader
            kind["type"] = "string"
        if field.get("default") is not None:
            kind["default"] = field["default"]
        yield {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "description": options[0]["description"],
            "schema": kind,
        }


def _header_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    headers = dict(operation.headers)
    if operation.conditional:
        headers["If-None-Match"] = {
            "description": "ETag of the answer that the client has already.",
            "schema": {"type": "string"},
        }
    for name, told in headers.items():
        yield {"name": name, "in": "header", "required": False, **told}
    if operation.body is not None:
        yield DEADLINE_PARAMETER


def _responses(
    rule: Rule, operation: Operation, schemas: Schemas, settings: Settings
) -> Iterator[tuple[str, dict[str, Any]]]:
    answers = {media: schemas.media(kind) for media, kind in operation.answers.items()}
    always = {"X-Request-ID": _reference("X-Request-ID")}
    headers = {**always, **operation.headers}
    if operation.conditional:
        headers["ETag"] = _reference("ETag")
    yield "200", {"description": "The answer.", "headers": headers, "content": answers}
    if operation.conditional:
        yield "304", {"description": "The client has it already.", "headers": headers}
    ours = not rule.rule.startswith(problems.PROTOCOLS)
    media = "application/problem+json" if ours else formats.MEDIA_TYPES["json"]
    content = {media: schemas.media(problems.Problem if ours else ProtocolError)}
    for status, meanings in sorted(_refusals(operation, settings).items()):
        yield (
            str(int(status)),
            {"description": "\n".join(meanings), "headers": always, "content": content},
        )


def _reference(header: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{header}"}


def _refusals(operation: Operation, settings: Settings) -> dict[HTTPStatus, list[str]]:
    """By status, what each of its problems means."""
    found: dict[HTTPStatus, list[str]] = {}
    busy = () if operation.health else (Overloaded,)
    late = (DeadlineExceeded, BodyTooLarge, BodyTimeout) if operation.body is not None else ()
    locked = (Unauthorized,) if settings.api_keys_file and not operation.public else ()
    for error in (*operation.problems, *busy, *late, *locked):
        status, slug = problems.PROBLEMS[error]
        found.setdefault(status, []).append(f"- `{slug}`: {_first_line(error)}")
    for status, (slug, meaning) in problems.HTTP_PROBLEMS.items():
        if {
            HTTPStatus.INTERNAL_SERVER_ERROR: True,
            HTTPStatus.TOO_MANY_REQUESTS: bool(settings.rate_limit) and not operation.public,
        }.get(status, False):
            found.setdefault(status, []).append(f"- `{slug}`: {meaning}")
    return found

"""What a route takes and answers, said once beside it; `openapi.py` makes the document of it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Flask
from msgspec import Meta

from service import errors
from service.api.http.queries import ModelQuery

# how the OpenAPI document describes an array: lists of lists of numbers, however deep
NUMBERS = Meta(extra_json_schema={"type": "array"})
View = TypeVar("View", bound=Callable[..., Any])

# the errors of every route that takes images
IMAGE_ERRORS = (
    errors.MalformedRequest,
    errors.UnknownModel,
    errors.ImageNotDecodable,
    errors.ImageTooLarge,
    errors.UnsupportedFormat,
    errors.NothingDrawn,
    errors.WrongShape,
)
MODEL_ERRORS = (errors.MalformedRequest, errors.UnknownModel)


@dataclass(frozen=True)
class Operation:
    """One route's contract.

    Attributes:
        answers: by media type, the type of the body (None: bytes).
        query: its parameters.
        body: by media type, the type of the request's body (None: bytes).
        headers: that requests and answers alike can have, by name: its description and schema.
        problems: the errors that it can answer with.
        conditional: whether it honours If-None-Match.
        public: whether it needs no key and counts towards no limit.
        health: whether it is answered whatever goes on, so that nothing is lost that only is busy.
    """

    answers: Mapping[str, Any]
    query: type[ModelQuery] | None = None
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[type[errors.RequestError]] = ()
    conditional: bool = False
    public: bool = False
    health: bool = False


_OTHER = Operation({})


def describe(operation: Operation) -> Callable[[View], View]:
    """Put an operation on the function that answers it."""

    def mark(view: View) -> View:
        view.operation = operation  # type: ignore[attr-defined]
        return view

    return mark


def is_public(view: Callable[..., Any]) -> bool:
    """Whether a route is everybody's; those without an operation are the files of the pages."""
    operation: Operation | None = getattr(view, "operation", None)
    return operation is None or operation.public


def health_paths(app: Flask) -> re.Pattern[str]:
    """The paths of the app's `health` routes."""
    paths = [
        "[^/]+".join(re.escape(part) for part in re.split("<.*?>", rule.rule))
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "operation", _OTHER).health
    ]
    return re.compile("|".join(paths))

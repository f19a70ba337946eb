"""Describe a route's contract beside the route; `openapi.py` generates the document from it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Flask
from msgspec import Meta

from service import errors
from service.api.http.queries import ModelQuery
from service.api.http.schemas import array_schema

View = TypeVar("View", bound=Callable[..., Any])

# the errors of every route that uses a model, and of every route that takes images
MODEL_ERRORS = (errors.MalformedRequest, errors.UnknownModel, errors.ModelUnavailable)
IMAGE_ERRORS = (
    *MODEL_ERRORS,
    errors.ImageNotDecodable,
    errors.ImageTooLarge,
    errors.UnsupportedFormat,
    errors.NothingDrawn,
    errors.WrongShape,
)


@dataclass(frozen=True)
class Operation:
    """One route's contract.

    Attributes:
        answers: the type of the response's body by media type; None for bytes.
        query: the query parameters.
        body: the type of the request's body by media type; None for bytes.
        headers: headers of requests and responses by name: description and schema.
        problems: the errors that the route can respond with.
        conditional: whether it respects If-None-Match.
        public: whether it needs no API key and is exempt from the rate limit.
        health: whether it is never rejected for overload, so that probes do not fail under load.
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


def axes(*counts: int) -> Meta:
    """Annotate an array in a response with its number of axes, or with several possible ones."""
    return Meta(extra_json_schema=array_schema(*counts))


def describe(operation: Operation) -> Callable[[View], View]:
    """Attach an operation to its view function."""

    def mark(view: View) -> View:
        view.operation = operation  # type: ignore[attr-defined]
        return view

    return mark


def is_public(view: Callable[..., Any]) -> bool:
    """Return whether a route needs no API key; routes without an operation are pages' files."""
    operation: Operation | None = getattr(view, "operation", None)
    return operation is None or operation.public


def health_paths(app: Flask) -> re.Pattern[str]:
    """Return a pattern of the paths of the app's `health` routes."""
    paths = [
        "[^/]+".join(re.escape(part) for part in re.split("<.*?>", rule.rule))
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "operation", _OTHER).health
    ]
    return re.compile("|".join(paths))

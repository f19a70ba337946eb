"""A request's identity, in its response, in the log and in errors."""

import re
import secrets
from collections.abc import MutableMapping
from typing import Any

from flask import request

from service.environ import REQUEST

_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def begin(environ: MutableMapping[str, Any]) -> str:
    """Give a request its identity: its own `X-Request-ID` where plain, else a new one.

    Args:
        environ: its WSGI environment, which gets the identity for the log.
    """
    given = environ.get("HTTP_X_REQUEST_ID")
    if given is None or not _REQUEST_ID.fullmatch(given):
        given = secrets.token_hex(16)
    fields = environ[REQUEST] = {"request_id": given}
    traceparent = environ.get("HTTP_TRACEPARENT")
    if traceparent is not None and _TRACEPARENT.fullmatch(traceparent):
        fields["traceparent"] = traceparent
    return str(given)


def note(**fields: str) -> None:
    """Add fields to the current request's line in the log."""
    request.environ[REQUEST] |= fields


def request_id() -> str:
    """The current request's identity."""
    return str(request.environ[REQUEST]["request_id"])

"""Assign request ids, which responses, log lines and errors state."""

import re
import secrets
from collections.abc import MutableMapping
from typing import Any

from flask import request

from service.environ import REQUEST

_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def begin(environ: MutableMapping[str, Any]) -> str:
    """Return the request's id: its `X-Request-ID` where that is valid, else a new one.

    Args:
        environ: the WSGI environment, to which the id is added for the access log.
    """
    identity = environ.get("HTTP_X_REQUEST_ID")
    if identity is None or not _REQUEST_ID.fullmatch(identity):
        identity = secrets.token_hex(16)
    fields = environ[REQUEST] = {"request_id": identity}
    traceparent = environ.get("HTTP_TRACEPARENT")
    if traceparent is not None and _TRACEPARENT.fullmatch(traceparent):
        fields["traceparent"] = traceparent
    return str(identity)


def note(**fields: str) -> None:
    """Add fields to the current request's line in the access log."""
    request.environ[REQUEST] |= fields


def request_id() -> str:
    """Return the current request's id."""
    return str(request.environ[REQUEST]["request_id"])

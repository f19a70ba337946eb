"""An answer's bytes: JSON, npz, safetensors or PNG, whichever the client takes; gzip when asked."""

import gzip
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from flask import Request, Response, request
from numpy.typing import NDArray
from safetensors.numpy import save

from service.api.metrics import phase
from service.api.queries import Format
from service.environ import NEGOTIATED
from service.errors import NotAcceptable

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "npz": "application/x-npz",
    "safetensors": "application/x-safetensors",
    "png": "image/png",
}
_COMPRESSED = {
    *("application/json", "application/problem+json"),
    *("text/html", "text/css", "text/javascript", "image/svg+xml"),
}
WORTH_COMPRESSING = 1_400  # bytes: what fits one packet gains nothing


def choose(request: Request, asked: Format | None, offered: tuple[Format, ...]) -> Format:
    """Return the response's format: by `format=`, else by `Accept`, else the first offered.

    Raises:
        NotAcceptable: this route has no format that is asked for.
    """
    if asked in offered:
        return asked
    environ = request.environ
    environ[NEGOTIATED] = True
    if asked is None:
        if environ.get("HTTP_ACCEPT", "*/*") in ("*/*", ""):
            return offered[0]
        media_types = [MEDIA_TYPES[name] for name in offered]
        accepted = request.accept_mimetypes
        best = accepted.best_match(media_types) if accepted else media_types[0]
        if best is not None:
            return offered[media_types.index(best)]
    there = ", ".join(f"{name} ({MEDIA_TYPES[name]})" for name in offered)
    raise NotAcceptable(f"This route answers {there}; ask for one of these.")


def json(body: Any) -> Response:
    """Dataclasses, dicts, lists and arrays as JSON."""
    with phase("encode"):
        raw = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(raw, content_type=MEDIA_TYPES["json"])


def npz(arrays: Mapping[str, NDArray[Any]]) -> Response:
    """Named arrays as an uncompressed `.npz`."""
    out = io.BytesIO()
    with phase("encode"):
        np.savez(out, allow_pickle=False, **arrays)
    return Response(out.getvalue(), content_type=MEDIA_TYPES["npz"])


def safetensors(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> Response:
    """Named arrays as safetensors; `about` becomes its metadata, each value as JSON."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    metadata = {
        name: orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        for name, value in about.items()
    }
    with phase("encode"):
        raw = save(contiguous, metadata)
    return Response(raw, content_type=MEDIA_TYPES["safetensors"])


def png(picture: bytes) -> Response:
    """An encoded picture."""
    return Response(picture, content_type=MEDIA_TYPES["png"])


def compress(response: Response) -> None:
    """Compress text for a client that takes gzip. Level 1: most of the gain, at once."""
    if (
        response.mimetype not in _COMPRESSED
        or not request.accept_encodings["gzip"]
        or response.content_encoding
        or response.status_code == 206  # a part of a file is of the file as it is
    ):
        return
    response.direct_passthrough = False  # a file's text is to be read here
    with phase("encode"):
        response.set_data(gzip.compress(response.get_data(), compresslevel=1, mtime=0))
    response.content_encoding = "gzip"
    tag, _ = response.get_etag()
    if tag:
        response.set_etag(tag, weak=True)  # the same text, other bytes

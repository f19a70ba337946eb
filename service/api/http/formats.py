"""Encode responses as JSON, npz, safetensors or PNG, whichever the client accepts; apply gzip."""

import gzip
import io
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
import orjson
from flask import Request, Response
from numpy.typing import NDArray
from safetensors.numpy import save
from werkzeug.datastructures import Headers
from werkzeug.http import parse_accept_header

from service.api.http.queries import Format
from service.environ import NEGOTIATED, Environ, Stream
from service.errors import NotAcceptable
from service.timing import phase

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
_MIN_COMPRESSED = 1_400  # bytes: a body that fits one packet gains nothing


def choose(request: Request, requested: Format | None, offered: tuple[Format, ...]) -> Format:
    """Return the response's format: by `format=`, else by `Accept`, else the first offered.

    Raises:
        NotAcceptable: the route does not offer the requested format.
    """
    if requested in offered:
        return requested
    environ = request.environ
    environ[NEGOTIATED] = True
    if requested is None:
        if environ.get("HTTP_ACCEPT", "*/*") in ("*/*", ""):
            return offered[0]
        media_types = [MEDIA_TYPES[name] for name in offered]
        accepted = request.accept_mimetypes
        best = accepted.best_match(media_types) if accepted else media_types[0]
        if best is not None:
            return offered[media_types.index(best)]
    names = ", ".join(f"{name} ({MEDIA_TYPES[name]})" for name in offered)
    raise NotAcceptable(f"This route cannot respond in the requested format; it offers {names}.")


class FastResponse(Response):
    """A response that compresses large text and is sent without copying its headers again."""

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Send the response; unlike Werkzeug's method, this copies no headers."""
        if "HTTP_ACCEPT_ENCODING" in environ:
            _compress(self, environ["HTTP_ACCEPT_ENCODING"])
        has_body = environ["REQUEST_METHOD"] != "HEAD" and self.status_code not in (204, 304)
        if not has_body or not isinstance(self.response, list | Stream):
            return super().__call__(environ, start_response)
        start_response(self.status, list(self.headers))
        return self.response


def respond(raw: bytes, media_type: str) -> FastResponse:
    """Return a response with a body of that media type."""
    headers = Headers([("Content-Type", media_type), ("Content-Length", str(len(raw)))])
    return FastResponse([raw], headers=headers)


def stream(body: Stream, media_type: str, length: int | None = None) -> FastResponse:
    """Return a response whose body is computed while it is sent, of that length if it is known."""
    headers = Headers([("Content-Type", media_type)])
    if length is not None:
        headers["Content-Length"] = str(length)
    return FastResponse(body, headers=headers)


def json(body: Any) -> FastResponse:
    """Encode structs, dataclasses, dicts, lists and arrays as JSON."""
    with phase("encode"):
        raw = encode(body)
    return respond(raw, MEDIA_TYPES["json"])


def npz(arrays: Mapping[str, NDArray[Any]]) -> FastResponse:
    """Encode named arrays as an uncompressed `.npz`."""
    out = io.BytesIO()
    with phase("encode"):
        np.savez(out, allow_pickle=False, **arrays)
    return respond(out.getvalue(), MEDIA_TYPES["npz"])


def safetensors(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> FastResponse:
    """Encode named arrays as safetensors with metadata."""
    with phase("encode"):
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        raw = save(contiguous, texts(metadata))
    return respond(raw, MEDIA_TYPES["safetensors"])


def texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Encode the values of safetensors' metadata as JSON, because they must be texts."""
    return {
        name: orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        for name, value in metadata.items()
    }


def png(raw: bytes) -> FastResponse:
    """Return a response with an encoded PNG."""
    return respond(raw, MEDIA_TYPES["png"])


def _array(value: Any) -> msgspec.Raw:
    """Encode a NumPy array or number, which msgspec does not know."""
    return msgspec.Raw(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


encode = msgspec.json.Encoder(enc_hook=_array).encode  # as JSON, without fields that are UNSET


def _compress(response: Response, accepted: str) -> None:
    """Compress text for a client that accepts gzip, at level 1: it is fast and gains most."""
    if (
        (response.content_length or 0) <= _MIN_COMPRESSED
        or response.mimetype not in _COMPRESSED
        or not parse_accept_header(accepted)["gzip"]
        or response.content_encoding
        or response.status_code == 206  # a byte range refers to the uncompressed file
    ):
        return
    response.direct_passthrough = False  # allow reading a file's text here
    with phase("encode"):
        response.set_data(gzip.compress(response.get_data(), compresslevel=1, mtime=0))
    response.content_encoding = "gzip"
    tag, _ = response.get_etag()
    if tag:
        response.set_etag(tag, weak=True)  # the content is the same, its bytes are not

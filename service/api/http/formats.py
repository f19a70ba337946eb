"""An answer's bytes: JSON, npz, safetensors or PNG, whichever the client takes; gzip when asked."""

import gzip
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import orjson
from flask import Request, Response
from numpy.typing import NDArray
from safetensors.numpy import save
from werkzeug.datastructures import Headers
from werkzeug.http import parse_accept_header

from service.api.http.queries import Format
from service.environ import NEGOTIATED, Environ
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
_WORTH_COMPRESSING = 1_400  # bytes: what fits one packet gains nothing


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


class Answer(Response):
    """A response that is compressed where that is worth it, and sent as it is where it is bytes."""

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer as WSGI has it; werkzeug would copy all headers once more."""
        if "HTTP_ACCEPT_ENCODING" in environ:
            _compress(self, environ["HTTP_ACCEPT_ENCODING"])
        has_body = environ["REQUEST_METHOD"] != "HEAD" and self.status_code not in (204, 304)
        if not has_body or not isinstance(self.response, list):
            return super().__call__(environ, start_response)
        start_response(self.status, list(self.headers))
        return self.response


def answer(raw: bytes, media_type: str) -> Answer:
    """Bytes of a media type."""
    headers = Headers([("Content-Type", media_type), ("Content-Length", str(len(raw)))])
    return Answer([raw], headers=headers)


def json(body: Any) -> Answer:
    """Dataclasses, dicts, lists and arrays as JSON."""
    with phase("encode"):
        raw = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
    return answer(raw, MEDIA_TYPES["json"])


def npz(arrays: Mapping[str, NDArray[Any]]) -> Answer:
    """Named arrays as an uncompressed `.npz`."""
    out = io.BytesIO()
    with phase("encode"):
        np.savez(out, allow_pickle=False, **arrays)
    return answer(out.getvalue(), MEDIA_TYPES["npz"])


def safetensors(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> Answer:
    """Named arrays as safetensors; `about` becomes its metadata, each value as JSON."""
    with phase("encode"):
        metadata = {
            name: orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
            for name, value in about.items()
        }
        raw = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata)
    return answer(raw, MEDIA_TYPES["safetensors"])


def png(picture: bytes) -> Answer:
    """An encoded picture."""
    return answer(picture, MEDIA_TYPES["png"])


def _compress(response: Response, accepted: str) -> None:
    """Compress text for a client that takes gzip. Level 1: most of the gain, at once."""
    if (
        (response.content_length or 0) <= _WORTH_COMPRESSING
        or response.mimetype not in _COMPRESSED
        or not parse_accept_header(accepted)["gzip"]
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

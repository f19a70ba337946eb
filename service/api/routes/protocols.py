"""Share code between the two standard protocols: compressed bodies, named outputs."""

import zlib
from collections.abc import Mapping

import numpy as np
from flask import request
from numpy.typing import NDArray
from werkzeug.exceptions import RequestEntityTooLarge

from service.api.http import execution, selections
from service.api.http.selections import Selection
from service.errors import MalformedRequest, UnsupportedFormat
from service.inputs import Inputs
from service.model.bundle import Bundle
from service.model.layer import Layer, Stage
from service.model.registry import Model
from service.settings import Settings

INPUT, DEFAULT_OUTPUT = "image", "probabilities"
STAGES: tuple[Stage, ...] = ("post", "pre")
# zlib's window size for each Content-Encoding; `deflate` is zlib's own format (RFC 9110)
_ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def read_body(settings: Settings) -> bytes:
    """Return the request's body, decompressed according to its Content-Encoding.

    Raises:
        UnsupportedFormat: the encoding is not supported.
        MalformedRequest: the body does not have that encoding.
        RequestEntityTooLarge: the decompressed body exceeds the limit.
    """
    body = request.get_data()
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding not in _ENCODINGS:
        raise UnsupportedFormat(
            f"Content-Encoding {encoding!r} is not supported; send {' or '.join(_ENCODINGS)}, "
            "or none."
        )
    decompressor = zlib.decompressobj(_ENCODINGS[encoding])
    try:
        content = decompressor.decompress(body, settings.max_body_bytes + 1)
    except zlib.error as error:
        raise MalformedRequest(f"The body is not {encoding}: {error}.") from error
    if len(content) > settings.max_body_bytes:
        raise RequestEntityTooLarge
    if not decompressor.eof or decompressor.unused_data:
        raise MalformedRequest(f"The body is not one whole {encoding} stream.")
    return content


def named_outputs(bundle: Bundle) -> dict[str, Selection]:
    """Return every output by its name, the default one first."""
    last = bundle.layers[-1]
    named = {DEFAULT_OUTPUT: _whole(last, "post"), "logits": _whole(last, "pre")}
    for layer in bundle.layers:
        for stage in STAGES:
            selection = _whole(layer, stage)
            named[selection.key] = selection
    return named


def _whole(layer: Layer, stage: Stage) -> Selection:
    return Selection(layer, stage, tuple(range(layer.output_shape[-1])), is_whole=True)


def run(
    model: Model, batch: Inputs, outputs: Mapping[str, Selection], settings: Settings
) -> dict[str, NDArray[np.float32]]:
    """Compute outputs by name, float32 (N, …), channels last.

    Raises:
        ImageTooLarge: the response would have more values than the settings allow.
    """
    selections.check_size(list(outputs.values()), len(batch.pixels), settings)
    pairs = {name: (each.layer.name, each.stage) for name, each in outputs.items()}
    values = execution.run(model, batch, list(dict.fromkeys(pairs.values())))
    return {name: values[pair] for name, pair in pairs.items()}

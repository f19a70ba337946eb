"""What the two standard protocols share: bodies, JSON numbers, the outputs they name."""

import zlib
from collections.abc import Mapping

import numpy as np
from flask import request
from numpy.typing import NDArray
from werkzeug.exceptions import RequestEntityTooLarge

from service.api.http import execution, selections
from service.api.http.selections import Selection
from service.errors import MalformedRequest, UnsupportedFormat
from service.inference import Inputs
from service.model.bundle import Bundle, Layer, Stage
from service.model.registry import Model
from service.settings import Settings

INPUT, DEFAULT_OUTPUT = "image", "probabilities"
STAGES: tuple[Stage, ...] = ("post", "pre")
# what zlib calls each Content-Encoding; `deflate` has zlib's wrapper (RFC 9110)
_ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def read_body(settings: Settings) -> bytes:
    """The request's body, decompressed where its Content-Encoding says that it is compressed.

    Raises:
        UnsupportedFormat: an encoding that is not taken.
        MalformedRequest: the body is not of that encoding.
        RequestEntityTooLarge: it unpacks to more than a body may have.
    """
    body = request.get_data()
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding not in _ENCODINGS:
        raise UnsupportedFormat(
            f"Content-Encoding {encoding!r} is not taken; send {' or '.join(_ENCODINGS)}, or none."
        )
    unpacker = zlib.decompressobj(_ENCODINGS[encoding])
    try:
        unpacked = unpacker.decompress(body, settings.max_body_bytes + 1)
    except zlib.error as error:
        raise MalformedRequest(f"The body is not {encoding}: {error}.") from error
    if len(unpacked) > settings.max_body_bytes:
        raise RequestEntityTooLarge
    if not unpacker.eof or unpacker.unused_data:
        raise MalformedRequest(f"The body is not one whole {encoding} stream.")
    return unpacked


def named_outputs(bundle: Bundle) -> dict[str, Selection]:
    """Every output that a client can ask for by name, the default one first."""
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
    model: Model, sent: Inputs, wanted: Mapping[str, Selection], settings: Settings
) -> dict[str, NDArray[np.float32]]:
    """The wanted outputs by name, float32 (N, …), channels last.

    Raises:
        ImageTooLarge: more values than one answer may have.
    """
    selections.check_size(list(wanted.values()), len(sent.pixels), settings)
    pairs = {name: (each.layer.name, each.stage) for name, each in wanted.items()}
    values = execution.run(model, sent, list(dict.fromkeys(pairs.values())))
    return {name: values[pair] for name, pair in pairs.items()}

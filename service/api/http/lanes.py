"""Decide where a request runs, by an estimate of its cost before it is parsed."""

import math
from urllib.parse import parse_qs, unquote

from service.api.http.problems import PROTOCOLS
from service.environ import Environ, Lane
from service.errors import UnknownModel
from service.images.decode import count_pixels
from service.model.registry import Models

LOOP_S = 0.003  # longest time for which one request may block the event loop
_PIXEL_S = 1e-8  # to decode and preprocess a pixel
_DRAWING = 0.1  # bytes a pixel of an image file; photos have more
_PHOTO_S = 2e-7  # to search a pixel of a photo for shadows, sheets and lines
_IMAGE_S = 1.5e-4  # for an image, besides its pixels and the graph
_MAPS_S, _GZIP_S = 1.5e-3, 5e-3  # to encode the maps of three layers as JSON, and to compress it
_MAX_COMPOSITE = 4_096  # bytes of JSON or of a form: larger ones may hold many images
_MAX_IMAGE = 65_536  # bytes of an image whose header is parsed in the event loop
_DRAWN = ("/atlas", "/occlusion")  # paths whose responses take long to compute or to draw
_IMAGE_TYPES = ("image/", "application/octet-stream", "application/x-www-form-urlencoded")


def choose(environ: Environ, body: bytes, models: Models) -> Lane:
    """Return the lane of a request: those that would block the event loop run on a thread."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        return "read"
    return "short" if _seconds(environ, body, models) <= LOOP_S else "long"


def _seconds(environ: Environ, body: bytes, models: Models) -> float:
    path: str = environ["PATH_INFO"]
    query: str = environ["QUERY_STRING"]
    names = unquote(query) if "%" in query else query  # encoded names are the same parameters
    seconds = 0.0
    # how many digits a segmented image holds, and how many touch, is unknown before it is decoded
    if path in _DRAWN or "format=png" in names or "segment=" in names:
        return math.inf
    if path == "/activations":
        accept = environ.get("HTTP_ACCEPT", "*/*").lower()
        if "image/" in accept or ("*/*" in accept and accept != "*/*"):  # may prefer a PNG
            return math.inf
        coding = environ.get("HTTP_ACCEPT_ENCODING", "").lower()
        compresses = ("gzip" in coding or "*" in coding) and "format=" not in names
        seconds = _MAPS_S + compresses * _GZIP_S
    every_layer = _needs_every_layer(environ, path, body)
    graph_s, digit_bytes = _model_cost(path, query, names, models, every_layer=every_layer)
    images = 1
    kind = environ.get("CONTENT_TYPE", "")
    is_image = not path.startswith(PROTOCOLS) and (not kind or kind.startswith(_IMAGE_TYPES))
    if is_image:
        if len(body) > _MAX_IMAGE:
            return math.inf
        pixels = count_pixels(body)
        is_photo = len(body) > _DRAWING * pixels
        seconds += pixels * (_PIXEL_S + is_photo * _PHOTO_S)
    elif kind.startswith("application/x-npy"):
        images = len(body) // digit_bytes + 1
    elif len(body) > _MAX_COMPOSITE:
        return math.inf
    return seconds + images * (_IMAGE_S + graph_s)


def _needs_every_layer(environ: Environ, path: str, body: bytes) -> bool:
    """Return whether the request may need other values than those of a prediction."""
    if not path.startswith(PROTOCOLS):
        return path in ("/activations", "/explain")
    if "HTTP_CONTENT_ENCODING" in environ:
        return True
    start = body[:_MAX_COMPOSITE]
    return b'"outputs"' in start or b'"activations"' in start


def _model_cost(
    path: str, query: str, names: str, models: Models, *, every_layer: bool
) -> tuple[float, int]:
    """Return the seconds that the requested model takes per image, and its input's bytes.

    Infinite where it is not loaded: it is loaded on a thread.
    """
    name = version = None
    if "model=" in names or "version=" in names:
        fields = parse_qs(query)
        name, version = (fields.get(key, [None])[0] for key in ("model", "version"))
    elif path.startswith(("/v1/models/", "/v2/models/")):
        name, *others = path.split(":")[0].split("/")[3:]
        version = others[1] if others[:1] == ["versions"] and len(others) > 1 else None
    try:
        model = models.get_loaded(name, int(version) if version else None)
    except (UnknownModel, ValueError):
        return 0.0, 1
    if model is None:
        return math.inf, 1
    return model.engine.seconds(every_layer=every_layer), math.prod(model.bundle.input_shape)

"""The functions that read untrusted bytes, each as a fuzz target: a function of bytes.

A target runs the service's own code and catches the errors that the service declares. Whatever else
it raises is a finding.
"""

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import ROOT
from service import preparation
from service.api.http import lanes
from service.api.http.lifecycle import Wsgi
from service.app import build
from service.control import Control
from service.environ import BODY
from service.errors import BundleError, RequestError
from service.images.decode import count_pixels
from service.images.digit.cells import segment_grid
from service.images.digit.preprocessing import NO_PREPROCESSING, prepare
from service.images.digit.segmentation import segment
from service.inference import outcome, predictions
from service.inputs import Inputs
from service.model.bundle import Bundle, read_bundle
from service.model.checksums import sha256
from service.model.engine import Engine
from service.model.manifest import DISTRIBUTION, GRAPH, MANIFEST, MODEL, WEIGHTS, Input
from service.model.manifest import ResizePreparation as Resize
from service.model.registry import Models
from service.model.versions import Version
from service.runtime.request import environ_of
from service.settings import Settings
from service.state import State

Target = Callable[[bytes], None]
_MODELS = ROOT / "models"
_MNIST = _MODELS / "mnist" / "1"
_FILES = (MODEL, GRAPH, WEIGHTS, DISTRIBUTION)
# Fewer pixels than the service accepts: the search is the better, the more inputs it can try.
_SETTINGS = Settings(models_dir=_MODELS, max_pixels=2**20, max_images=100)
_INPUTS = (
    Input((32, 32, 1), "grey", Resize("pad")),
    Input((24, 32, 3), "rgb", Resize("crop", mean=(0.5,), std=(0.2,))),
)
_READINGS: tuple[Callable[..., Any], ...] = (
    partial(prepare, mode="auto"),
    partial(prepare, mode="mnist"),
    segment,
    segment_grid,
)


def image(data: bytes) -> None:
    """Decode a file to greyscale and to RGB, and resize both."""
    count_pixels(data)
    for source in _INPUTS:
        with contextlib.suppress(RequestError):
            preparation.one_image(data, source, _SETTINGS.max_pixels)


def digit(data: bytes) -> None:
    """Prepare grey pixels as a digit, or find the digits of a page or the cells of a grid.

    The first byte chooses which, the second is the width, less one.
    """
    if len(data) < 3:
        return
    read, width = _READINGS[data[0] % len(_READINGS)], data[1] + 1
    rows = (len(data) - 2) // width
    if rows:
        pixels = np.frombuffer(data, np.uint8, rows * width, 2).reshape(rows, width)
        with contextlib.suppress(RequestError):
            read(pixels)


def npy(data: bytes) -> None:
    """Post an array to /predict."""
    _post("/predict", data, {"Content-Type": b"application/x-npy"})


def json_body(data: bytes) -> None:
    """Post JSON to /predict."""
    _post("/predict", data, {"Content-Type": b"application/json"})


def multipart(data: bytes) -> None:
    """Post a form to /predict; the first line is its Content-Type."""
    kind, _, body = data.partition(b"\n")
    _post("/predict", body, {"Content-Type": kind})


def v1(data: bytes) -> None:
    """Post a V1 request; the first line is its Content-Encoding, or empty."""
    encoding, _, body = data.partition(b"\n")
    _post("/v1/models/mnist:predict", body, {"Content-Encoding": encoding} if encoding else {})


def v2(data: bytes) -> None:
    """Post a V2 request; the first line is the header that states the length of the JSON."""
    length, _, body = data.partition(b"\n")
    header = {"Inference-Header-Content-Length": length} if length else {}
    _post("/v2/models/mnist/infer", body, header)


def manifest(data: bytes) -> None:
    """Load a bundle with this manifest."""
    _load(MANIFEST, data)


def weights(data: bytes) -> None:
    """Load a bundle with this file of weights, and read each of them."""
    _load(WEIGHTS, data)


def score(data: bytes) -> None:
    """Load a bundle with this file of the score that flags images, and score an image."""
    _load(DISTRIBUTION, data)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (image, digit, npy, json_body, multipart, v1, v2, manifest, weights, score)
}


class Fault(Exception):
    """A response that the service must never send."""


@cache
def _application() -> tuple[Wsgi, Models]:
    state = State(_SETTINGS, Control())
    return build(_SETTINGS, state).wsgi_app, state.models


def _post(path: str, body: bytes, headers: Mapping[str, bytes]) -> None:
    """Send a request to the application, as the server does once it has received it.

    Raises:
        Fault: the response is a 5xx, or an error without a reason.
    """
    wsgi, models = _application()
    scope = {
        "method": "POST",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value) for name, value in headers.items()],
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50_000),
    }
    environ = environ_of(scope)
    lanes.choose(environ, body, models)
    environ |= {BODY: body, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    head: list[Any] = []
    answer = b"".join(wsgi(environ, lambda *start: head.extend(start)))
    status = int(head[0][:3])
    if status >= 500 or (status >= 400 and not json.loads(answer).keys() & {"detail", "error"}):
        raise Fault(f"status {status}: {answer!r}")


def small_manifest() -> dict[str, Any]:
    """Return the parts of the committed model's manifest that the service reads."""
    content = json.loads((_MNIST / MANIFEST).read_bytes())
    names = ("name", "version", "labels", "input", "graph", "layers", "in_distribution")
    return {
        **{name: content[name] for name in names},
        "golden": content["golden"][:1],
        "sha256": {name: content["sha256"][name] for name in _FILES},
    }


def _load(changed: str, data: bytes) -> None:
    """Load the committed bundle with one file replaced; predict an image, look at each layer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mnist" / "1"
        path.mkdir(parents=True)
        for name in set(_FILES) - {changed}:
            (path / name).symlink_to(_MNIST / name)
        (path / changed).write_bytes(data)
        if changed != MANIFEST:
            content = small_manifest()
            content["sha256"][changed] = sha256(path / changed)
            (path / MANIFEST).write_text(json.dumps(content))
        Version(Path(folder), "mnist", 1)
        with contextlib.suppress(BundleError):
            _use(read_bundle(path))


def _use(bundle: Bundle) -> None:
    engine = Engine(bundle)
    pixels = np.zeros((1, *bundle.input_shape), np.uint8)
    inputs = Inputs(pixels, [NO_PREPROCESSING], [0], [])
    values = engine.run(pixels, outcome(bundle))
    predictions(bundle, values, inputs)

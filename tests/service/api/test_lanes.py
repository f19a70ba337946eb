"""The choice between event loop and threads."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from service.api.http import lanes
from service.model.registry import Models
from tests.conftest import ROOT
from tests.e2e.running import LARGE, SEVEN


@pytest.fixture(scope="module")
def models():
    """The committed model."""
    return Models(ROOT / "models", "mnist")


def encoded(side, kind):
    """Return an image of that many pixels a side."""
    out = io.BytesIO()
    Image.new("L", (side, side), 255).save(out, kind)
    return out.getvalue()


def photo(side):
    """Return a noisy image of that many pixels a side as a JPEG."""
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    Image.fromarray(noise).save(out, "JPEG")
    return out.getvalue()


def npy(count):
    """Return that many digits as a .npy file."""
    out = io.BytesIO()
    np.save(out, np.zeros((count, 28, 28), np.uint8))
    return out.getvalue()


def lane(models, body=SEVEN, path="/predict", method="POST", query="", **headers):
    """Return the lane of a request."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.pop("kind", ""),
        **headers,
    }
    return lanes.choose(environ, body, models)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"path": "/explain", "query": "layer=conv2d&channel=0&row=0&column=0"},
        {"body": encoded(280, "PNG")},
        {"body": encoded(280, "JPEG"), "kind": "image/jpeg"},
        {"body": npy(3), "kind": "application/x-npy"},
        {"body": b'{"image": ""}', "kind": "application/json"},
        {"body": b"no image"},
        {"body": b""},
        {"path": "/activations"},
        {"query": "model=cats"},
        {"path": "/v2/models/cats/infer"},
        {"path": "/v2", "body": b""},
    ],
)
def test_fast_requests_run_in_the_event_loop(models, request_):
    """An image, a drawing, a few digits or an invalid request is in the short lane."""
    assert lane(models, **request_) == "short"


@pytest.mark.parametrize(
    "request_",
    [
        {"body": LARGE},
        {"body": encoded(2000, "JPEG")},
        {"body": photo(200)},  # may need a search for what surrounds the digit
        {"body": b"GIF89a" + b" " * 100_000},  # its header may take long to parse
        {"body": encoded(2000, "GIF")},
        {"body": npy(100), "kind": "application/x-npy"},
        {"body": b" " * 5000, "kind": "application/json"},
        {"body": b" " * 5000, "kind": "multipart/form-data; boundary=a"},
        {"body": b" " * 5000, "path": "/v2/models/mnist/infer"},
        {"path": "/occlusion"},
        {"query": "segment=true"},
        {"query": "top_k=1&segment=grid"},
        {"path": "/activations", "query": "format=png"},
        {"path": "/activations", "HTTP_ACCEPT": "image/png"},
        {"path": "/activations", "HTTP_ACCEPT_ENCODING": "gzip"},
        {"query": "%73egment=grid"},
        {"path": "/preprocess", "query": "f%6Frmat=png"},
        {"path": "/activations", "HTTP_ACCEPT": "IMAGE/PNG"},
        {"path": "/activations", "HTTP_ACCEPT": "image/*"},
        {"path": "/activations", "HTTP_ACCEPT": "application/json;q=0, */*"},
        {"path": "/activations", "HTTP_ACCEPT_ENCODING": "GZIP"},
        {"path": "/activations", "HTTP_ACCEPT_ENCODING": "*"},
    ],
)
def test_slow_requests_run_on_a_thread(models, request_):
    """Many pixels, many images or expensive routes are in the long lane."""
    assert lane(models, **request_) == "long"


def test_a_slow_model_runs_on_a_thread(models, monkeypatch):
    """The estimate includes the graph's time, of the requested model only."""
    monkeypatch.setattr(models.get().engine, "seconds", lambda **_: 0.01)
    assert lane(models) == "long"
    assert lane(models, query="model=cats") == "short"


def test_a_model_is_recognised_however_its_name_is_encoded(models_dir):
    """A model that is not loaded is loaded on a thread, whatever the spelling of the query."""
    other = Models(models_dir, "mnist")
    for query in ("model=tiny", "m%6Fdel=tiny", "%6d%6f%64%65%6c=%74iny"):
        assert lane(other, query=query) == "long"


def test_get_requests_have_a_lane_of_their_own(models):
    """Pages and weights are in the lane for reading."""
    assert lane(models, b"", "/", "GET") == lane(models, b"", "/model", "HEAD") == "read"


def test_the_graph_is_measured(models):
    """Each engine has measured its time per image."""
    assert 0 < models.get().engine.seconds() < math.inf

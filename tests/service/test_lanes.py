"""Where a request should run."""

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
    """A picture of that many pixels a side."""
    out = io.BytesIO()
    Image.new("L", (side, side), 255).save(out, kind)
    return out.getvalue()


def npy(count):
    """That many digits."""
    out = io.BytesIO()
    np.save(out, np.zeros((count, 28, 28), np.uint8))
    return out.getvalue()


def lane(models, body=SEVEN, path="/predict", method="POST", query="", **headers):
    """The lane of a request."""
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
        {"body": b"no picture"},
        {"body": b""},
        {"path": "/activations"},
        {"query": "model=cats"},
        {"path": "/v2/models/cats/infer"},
        {"path": "/v2", "body": b""},
    ],
)
def test_what_takes_a_moment_is_short(models, request_):
    """A picture, a drawing, a few digits, a mistake: in the event loop."""
    assert lane(models, **request_) == "short"


@pytest.mark.parametrize(
    "request_",
    [
        {"body": LARGE},
        {"body": encoded(2000, "JPEG")},
        {"body": b"GIF89a" + b" " * 100_000},  # its header may take long to read
        {"body": encoded(2000, "GIF")},
        {"body": npy(100), "kind": "application/x-npy"},
        {"body": b" " * 5000, "kind": "application/json"},
        {"body": b" " * 5000, "kind": "multipart/form-data; boundary=a"},
        {"body": b" " * 5000, "path": "/v2/models/mnist/infer"},
        {"path": "/occlusion"},
        {"path": "/activations", "query": "format=png"},
        {"path": "/activations", "HTTP_ACCEPT": "image/png"},
        {"path": "/activations", "HTTP_ACCEPT_ENCODING": "gzip"},
    ],
)
def test_what_takes_long_runs_on_a_thread(models, request_):
    """Many pixels, many images, many sums: never in the event loop."""
    assert lane(models, **request_) == "long"


def test_a_slow_model_runs_on_a_thread(models, monkeypatch):
    """The time of the graph counts, of the model that is asked."""
    monkeypatch.setattr(models.get().engine, "seconds", 0.01)
    assert lane(models) == "long"
    assert lane(models, query="model=cats") == "short"


def test_reading_has_a_lane_of_its_own(models):
    """Pages and weights."""
    assert lane(models, b"", "/", "GET") == lane(models, b"", "/model", "HEAD") == "read"


def test_the_graph_is_measured(models):
    """Each engine knows what an image takes: a time above zero."""
    assert 0 < models.get().engine.seconds < math.inf

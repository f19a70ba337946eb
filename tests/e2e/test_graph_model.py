"""The API with a model whose layers are a graph: tokens, sums, layers that are not explained."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load
from werkzeug.test import Client

from service.app import create_app
from service.environ import Stream
from service.settings import Settings
from tests.graphs import SHAPE, graph_cnn

IMAGES = np.random.default_rng(4).integers(0, 256, (6, *SHAPE), np.uint8)
NPY = {"Content-Type": "application/x-npy"}


@pytest.fixture(scope="module")
def app(graph_dir):
    """The application with the graph model, and a limit of values."""
    return create_app(Settings(models_dir=graph_dir, max_values=1_600_000))


@pytest.fixture
def post(app):
    """A function that posts images to a route of the graph model."""

    def post(route, images=IMAGES[:1], accept="*/*", **query):
        body = io.BytesIO()
        np.save(body, images)
        return app.test_client().post(
            f"/{route}",
            data=body.getvalue(),
            headers={**NPY, "Accept": accept},
            query_string={"model": "graph", **query},
        )

    return post


def detail(response, status):
    """Return an error's message; its status must be this one."""
    assert response.status_code == status, response.get_data()
    return response.json["detail"]


def test_values_with_two_axes_are_nested_lists(post):
    """A layer of tokens has `values` in JSON, channels last; it equals Keras."""
    layer = post("activations", layers="tokens,block1/conv:2").json["layers"][0]
    assert (layer["name"], layer["shape"], layer["maps"]) == ("tokens", [80, 70], None)
    model = graph_cnn()
    probe = keras.Model(model.inputs, model.get_layer("tokens").output)
    expected = probe.predict(IMAGES[:1] / np.float32(255), verbose=0)[0]
    np.testing.assert_allclose(layer["values"], expected, atol=1e-4)
    some = post("activations", layers="tokens", channels="3,0").json["layers"][0]
    np.testing.assert_array_equal(some["values"], np.array(layer["values"])[:, [3, 0]])


@pytest.mark.parametrize(
    ("route", "query"),
    [("atlas", {"layer": "norm"}), ("activations", {"layers": "stem,norm", "format": "png"})],
)
def test_values_with_two_axes_cannot_be_drawn(post, route, query):
    """The error names the layer, its shape and the formats that have its values."""
    text = detail(post(route, **query), 400)
    assert "'norm' have 2 axes, (80, 70)" in text
    assert "json, npz or safetensors" in text


@pytest.mark.parametrize(
    ("layer", "grid", "inputs"),
    [
        ("stem", {"row": 0, "column": 0}, ["digit"]),
        ("block1/conv:2", {"row": 2, "column": 1}, ["block1/conv"]),
        ("block1/add", {"row": 2, "column": 1}, ["stem_relu", "block1/tanh_35"]),
        ("tokens", {"row": 79}, ["block1/add"]),
        ("classes", {}, ["pool"]),
    ],
)
def test_layers_on_branches_and_behind_unexplained_ones_are_explained(post, layer, grid, inputs):
    """Each layer is explained from the values of its own inputs, wherever it is in the graph."""
    explanation = post("explain", layer=layer, channel=0, **grid).json["explanation"]
    assert explanation["difference"] < 1e-4
    assert (explanation["inputs"], explanation["input"]) == (inputs, inputs[0])


@pytest.mark.parametrize(
    ("layer", "grid", "status", "text"),
    [
        ("norm", {"row": 0}, 422, "Layer 'norm' (LayerNormalization) is of a kind that has no"),
        ("nope", {}, 404, "no layer 'nope'"),
        ("tokens", {"row": 0, "column": 0}, 400, "has no columns: leave column out"),
        ("tokens", {}, 400, "also needs row"),
        ("tokens", {"row": 80}, 404, "has no row 80. It has channel 0–69, row 0–79."),
    ],
)
def test_cells_that_cannot_be_explained_are_rejected(post, layer, grid, status, text):
    """The error names the layer and the reason; for a kind, also the other layers and routes."""
    response = post("explain", layer=layer, channel=0, **grid)
    assert text in detail(response, status)
    if status == 422:
        assert response.json["type"].endswith("not-explainable")
        assert "explains: stem, stem_relu, block1/conv, block1/conv:2" in detail(response, status)
        assert "and 31 more. POST /atlas" in detail(response, status)


def test_too_many_values_name_the_largest_layers(post):
    """The error says how to ask for less, and which layers have the most values."""
    query = {"layers": "all", "format": "npz"}
    text = detail(post("activations", np.repeat(IMAGES, 2, axis=0), **query), 413)
    assert "values, of 12 images; the limit is 1,600,000." in text
    assert "layers=" in text
    assert "channels=" in text
    assert "stem (5,600), stem_relu (5,600), block1/conv (5,600)" in text


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_large_archives_are_streamed_with_the_values_of_small_ones(post, dtype):
    """Npz and safetensors of several images are streams, and equal to single images' archives."""
    query = {"layers": "all", "dtype": dtype, "format": "npz"}
    several = post("activations", **query, images=IMAGES)
    arrays = dict(np.load(io.BytesIO(several.get_data())))
    tensors = load(post("activations", **{**query, "format": "safetensors"}, images=IMAGES).data)
    assert sum(array.nbytes for array in tensors.values()) > 2**20
    assert tensors.keys() == {key for key in arrays if not key.endswith("/range")}
    for key, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, arrays[key])
    if dtype != "uint8":  # whose range is that of all images
        single = dict(np.load(io.BytesIO(post("activations", IMAGES[4:5], **query).get_data())))
        np.testing.assert_array_equal(arrays["stem"][4], single["stem"][0])


def test_the_size_decides_whether_an_archive_is_streamed(app):
    """Below 1 MiB the body is bytes with a length; above, it is a stream."""
    kinds = []

    def watched(environ, start_response):
        result = app.wsgi_app(environ, start_response)
        kinds.append(isinstance(result, Stream))
        return result

    for count in (1, 6):
        body = io.BytesIO()
        np.save(body, IMAGES[:count])
        query = {"model": "graph", "layers": "all", "format": "safetensors"}
        response = Client(watched).post(
            "/activations", data=body.getvalue(), headers=NPY, query_string=query
        )
        assert len(response.get_data()) == int(response.headers["Content-Length"])
    assert kinds == [False, True]


def test_an_atlas_of_a_layer_in_a_block(post):
    """A name with a slash and a colon selects its layer; the second page has the other channels."""
    query = {"layer": "block1/conv:2", "stage": "pre", "page": 1}
    answer = post("atlas", accept="application/json", **query).json
    assert (answer["layer"], answer["page"], answer["pages"]) == ("block1/conv:2", 1, 2)
    assert answer["channels"] == list(range(64, 70))
    assert answer["shape"] == [10, 8, 70]
    drawn = Image.open(io.BytesIO(post("atlas", **query).get_data()))
    tile, columns = answer["tile"], answer["columns"]
    assert drawn.width == columns * (tile["width"] + tile["gap"]) - tile["gap"]
    assert drawn.height == tile["height"]
    assert "no page 2" in detail(post("atlas", layer="block1/conv:2", page=2), 404)


def test_an_atlas_of_the_strongest_channels(post):
    """A preview has as many tiles as asked for, with the largest mean magnitudes first."""
    query = {"layer": "block1/add", "order": "strongest", "limit": 3}
    first, second = (
        post("atlas", accept="application/json", page=page, **query).json for page in (0, 1)
    )
    assert first["pages"] == 24
    answer = post("activations", layers="block1/add", accept="application/json").json
    maps = np.array(answer["layers"][0]["maps"])
    ranked = np.argsort(-np.abs(maps).mean(axis=(1, 2)), kind="stable").tolist()
    assert first["channels"] + second["channels"] == ranked[:6]
    assert "limit must be" in detail(post("atlas", **query | {"limit": 0}), 400)

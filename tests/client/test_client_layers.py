"""The client's activations, explanations, preprocessing and manifest."""

import io
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from convscope_client import (
    AveragePoolingTrace,
    Client,
    ConvolutionTrace,
    DenseTrace,
    FlattenTrace,
    MaxPoolingTrace,
    UnknownKind,
)
from convscope_client.cells import Cell
from convscope_client.images import bodies
from tests.client.servers import RESPONSE, scripted_server

REGION = {"top": 0, "left": 0, "height": 1, "width": 1}
FLATTEN = {
    "kind": "Flatten",
    "cell": {"layer": "flatten", "channel": 0, "row": None, "column": None},
    "input": "digit",
    "receptive_field": {**REGION, "inside": REGION},
    "pre": 1.5,
    "value": 1.5,
    "difference": 0.0,
    "activation": "linear",
    "post": 1.5,
    "source": {"layer": "digit", "channel": 0, "row": 0, "column": 0},
    "added_later": True,
}


def test_activations_are_arrays_by_layer(client, first_digits):
    """Every convolution by default: float32, images first, channels last; and the probabilities."""
    arrays = client.activations(first_digits[0])
    shapes = {name: array.shape for name, array in arrays.items()}
    convolutions = [layer for layer in client.model()["layers"] if layer["kind"] == "Conv2D"]
    assert shapes.pop("probabilities") == (1, 10)
    assert shapes.pop("score") == (1,)
    assert shapes == {layer["name"]: (1, *layer["output_shape"]) for layer in convolutions}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def test_layers_and_stage_select_the_arrays(client, first_digits):
    """All, one or several layers; the ReLU of the `pre` values is the `post` values."""
    names = {layer["name"] for layer in client.model()["layers"]}
    assert set(client.activations(first_digits[0], "all")) == {"probabilities", "score", *names}
    assert set(client.activations(first_digits[0], "dense")) == {"probabilities", "score", "dense"}
    post = client.activations(first_digits[0], ["dense", "conv2d"])
    pre = client.activations(first_digits[0], ["dense", "conv2d"], "pre")
    assert set(pre) == {"probabilities", "score", "dense/pre", "conv2d/pre"}
    np.testing.assert_array_equal(post["conv2d"], np.maximum(pre["conv2d/pre"], 0))


def test_activations_of_several_requests_are_concatenated(client, mnist):
    """Row i of every array belongs to digit i of 150, wherever the requests were split."""
    many = mnist.test_images[:150]
    arrays = client.activations(many, "conv2d_2")
    assert arrays["conv2d_2"].shape[0] == arrays["probabilities"].shape[0] == 150
    for index in (0, 63, 64, 149):
        single = client.activations(many[index], "conv2d_2")
        np.testing.assert_array_equal(arrays["conv2d_2"][index], single["conv2d_2"][0])


def test_an_atlas_is_a_png_of_one_layer(client, first_digits):
    """The tiles of 32 maps are in four rows of eight."""
    with Image.open(io.BytesIO(client.atlas(first_digits[0], "conv2d", scale="map"))) as atlas:
        assert atlas.size == (8 * 53 - 1, 4 * 53 - 1)


def test_a_sheet_is_a_png(client, first_digits):
    """A sheet is a PNG that opens, and is larger for more layers."""
    few, many = client.sheet(first_digits[0], "conv2d"), client.sheet(first_digits[0], "all")
    sizes = [Image.open(io.BytesIO(sheet)).size for sheet in (few, many)]
    assert few.startswith(b"\x89PNG")
    assert np.prod(sizes[0]) < np.prod(sizes[1])


def test_explain_returns_the_arithmetic_of_the_cell(client, first_digits):
    """`pre` and `post` of a trace are the activations at its layer, channel, row and column."""
    pre = client.activations(first_digits[0], "conv2d", "pre")["conv2d/pre"]
    row, column, channel = (int(i) for i in np.unravel_index(np.argmax(pre[0]), pre[0].shape))
    trace = client.explain(first_digits[0], "conv2d", channel, row, column).trace
    assert trace.pre == pytest.approx(pre[0, row, column, channel], abs=1e-4)
    assert trace.post == pytest.approx(max(trace.pre, 0), abs=1e-6)
    unit = client.explain(first_digits[0], "dense", 5)
    dense = client.activations(first_digits[0], "dense")["dense"]
    assert unit.trace.post == pytest.approx(dense[0, 5], abs=1e-4)
    assert unit.prediction == client.predict(first_digits[0])


@pytest.mark.parametrize(
    ("version", "layer", "kind", "trace_type"),
    [
        (None, "conv2d", "Conv2D", ConvolutionTrace),
        (None, "max_pooling2d", "MaxPooling2D", MaxPoolingTrace),
        (None, "flatten", "Flatten", FlattenTrace),
        (None, "dense", "Dense", DenseTrace),
        (None, "dense_1", "Dense", DenseTrace),
        (3, "smooth", "AveragePooling2D", AveragePoolingTrace),
    ],
)
def test_each_kind_of_layer_has_a_trace(client, first_digits, version, layer, kind, trace_type):
    """The fields of a trace are all fields of the service's JSON, with nested dataclasses."""
    image = first_digits[0]
    options = {}
    if version:
        image = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
        options = {"model": "tiny", "version": version}
    cell = (0,) if kind in ("Flatten", "Dense") else (0, 1, 2)
    trace = client.explain(image, layer, *cell, **options).trace
    names = ("channel", "row", "column")
    query = {"layer": layer, **dict(zip(names, cell, strict=False)), **options}
    expected = client._connection.json("POST", "/explain", query, next(bodies([image], 1)))
    assert type(trace) is trace_type
    assert trace.kind == kind
    assert isinstance(trace.cell, Cell)
    assert asdict(trace) == expected["explanation"]


def test_an_unknown_kind_is_an_error_that_names_it():
    """A kind without a dataclass raises `UnknownKind`, which says what to install."""
    response = RESPONSE | {"explanation": {"kind": "Softplus"}}
    with (
        scripted_server((200, {}, response)) as server,
        Client(server.url) as client,
        pytest.raises(UnknownKind, match=r"'Softplus'.*newer convscope-client"),
    ):
        client.explain(b"x", "softplus", 0)


def test_preprocess_returns_the_models_input(client, first_digits):
    """The model's input is an array that gives the prediction of the original image."""
    image = Image.fromarray(255 - first_digits[0]).resize((280, 280))
    digit = client.preprocess(image)
    assert (digit.dtype, digit.shape) == (np.uint8, (28, 28))
    assert client.predict(digit).probabilities == pytest.approx(
        client.predict(image).probabilities, abs=1e-6
    )


def test_explain_and_preprocess_send_the_documented_requests(first_digits):
    """POST /explain?layer=&channel=&row=&column= and /preprocess; None is left out."""
    explanation = RESPONSE | {"explanation": FLATTEN}
    responses = (200, {}, explanation), (200, {}, explanation), (200, {}, {"digit": [[0, 255]]})
    with scripted_server(*responses) as server, Client(server.url) as client:
        assert client.explain(first_digits[0], "conv2d", 3, 5, 0).trace.pre == 1.5
        client.explain(b"x", "dense", 0, model="mnist")
        np.testing.assert_array_equal(client.preprocess(b"x"), np.array([[0, 255]], np.uint8))
        cell, unit, digit = server.requests
    assert cell.path == unit.path == "/explain"
    assert cell.query == {"layer": ["conv2d"], "channel": ["3"], "row": ["5"], "column": ["0"]}
    assert unit.query == {"layer": ["dense"], "channel": ["0"], "model": ["mnist"]}
    assert digit.path == "/preprocess"
    assert digit.headers["Accept"].startswith("application/json")


def test_model_returns_the_manifest(client, mnist_bundle):
    """`model()` returns the manifest of any loaded model."""
    assert client.model()["layers"] == mnist_bundle.manifest["layers"]
    assert client.model("tiny", 3)["name"] == "tiny"

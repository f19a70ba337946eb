"""POST /activations over HTTP: every value, equal to Keras, in each format."""

import io

import keras
import numpy as np
import pytest
import requests

from service.model.manifest import MODEL
from tests.e2e.test_predict import png


def activations(server, digit, **params):
    """Return the response, whose status must be 200."""
    response = requests.post(f"{server}/activations", data=png(digit), params=params, timeout=10)
    assert response.status_code == 200, response.text
    return response


def npz(response):
    """Return the arrays of an npz response."""
    assert response.headers["Content-Type"] == "application/x-npz"
    return dict(np.load(io.BytesIO(response.content)))


def test_the_default_is_every_convolution_after_its_activation(server, mnist):
    """The response has name, kind, stage, shape and maps of the three convolutions."""
    body = activations(server, mnist.test_images[0]).json()
    assert body["predictions"][0]["label"] == "7"
    assert [layer["name"] for layer in body["layers"]] == ["conv2d", "conv2d_1", "conv2d_2"]
    first = body["layers"][0]
    assert (first["kind"], first["stage"], first["shape"]) == ("Conv2D", "post", [26, 26, 32])
    assert np.array(first["maps"]).shape == (32, 26, 26)
    assert np.min(first["maps"]) >= 0


def test_maps_equal_keras(server, mnist, mnist_bundle):
    """No value of a convolution differs from Keras by more than 1e-4, on 100 test digits."""
    model = keras.models.load_model(mnist_bundle.path / MODEL, compile=False)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    probe = keras.Model(model.inputs, [layer.output for layer in convolutions])
    digits = mnist.test_images[:100]
    expected = probe.predict(digits[..., np.newaxis] / np.float32(255), verbose=0)
    for index, digit in enumerate(digits):
        body = activations(server, digit).json()
        for layer, values in zip(body["layers"], expected, strict=True):
            maps = np.array(layer["maps"]).transpose(1, 2, 0)
            np.testing.assert_allclose(maps, values[index], rtol=0, atol=1e-4)


def test_npz_holds_the_same_values_channels_last(server, mnist):
    """format=npz returns arrays by layer name, (N, H, W, C), and the probabilities."""
    arrays = npz(activations(server, mnist.test_images[0], format="npz"))
    assert set(arrays) == {"probabilities", "score", "conv2d", "conv2d_1", "conv2d_2"}
    layers = activations(server, mnist.test_images[0]).json()["layers"]
    for layer in layers:
        array = arrays[layer["name"]]
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array[0].transpose(2, 0, 1), np.float32(layer["maps"]))


def test_accept_chooses_the_format(server, mnist):
    """Accept: application/x-npz equals format=npz; */* means JSON."""
    request = {"url": f"{server}/activations", "data": png(mnist.test_images[0]), "timeout": 10}
    response = requests.post(headers={"Accept": "application/x-npz"}, **request)
    assert "conv2d" in npz(response)
    assert requests.post(headers={"Accept": "*/*"}, **request).json()["layers"]
    rejected = requests.post(headers={"Accept": "text/html"}, **request)
    assert rejected.status_code == 406
    assert rejected.json()["type"].endswith("not-acceptable")


def test_all_layers_at_both_stages(server, mnist):
    """layers=all returns every layer; post is the activation function of pre."""
    digit = mnist.test_images[0]
    pre = activations(server, digit, layers="all", stage="pre").json()["layers"]
    post = activations(server, digit, layers="all").json()["layers"]
    assert [layer["name"] for layer in pre] == [layer["name"] for layer in post]
    assert len(pre) == 8
    for before, after in zip(pre, post, strict=True):
        key = "maps" if before["maps"] is not None else "values"
        if before["name"] == "dense_1":
            logits = np.array(before["values"])
            expected = np.exp(logits) / np.exp(logits).sum()
        else:
            expected = np.maximum(before[key], 0)
        np.testing.assert_allclose(after[key], expected, atol=1e-6)


def test_layers_are_selected_by_name(server, mnist):
    """layers=dense,conv2d returns these in that order; a flat layer has values, not maps."""
    body = activations(server, mnist.test_images[0], layers="dense,conv2d").json()
    assert [layer["name"] for layer in body["layers"]] == ["dense", "conv2d"]
    assert body["layers"][0]["maps"] is None
    assert len(body["layers"][0]["values"]) == 64


@pytest.mark.parametrize(
    ("params", "status", "message"),
    [
        ({"layers": "conv9"}, 404, "no layer 'conv9'. Layers: conv2d, "),
        ({"stage": "during"}, 400, "stage must be one of post, pre, got 'during'"),
        ({"format": "xml"}, 400, "format must be one of json, npz"),
    ],
)
def test_an_invalid_selection_lists_what_is_allowed(server, mnist, params, status, message):
    """The error states the allowed values."""
    response = requests.post(
        f"{server}/activations", data=png(mnist.test_images[0]), params=params, timeout=10
    )
    assert response.status_code == status
    assert message in response.json()["detail"]

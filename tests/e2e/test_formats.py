"""Responses: formats, dtypes, channels, compression, conditional requests."""

import gzip
import io
import struct

import numpy as np
import pytest
import requests
from PIL import Image
from safetensors.numpy import load

from tests.e2e.test_activations import npz
from tests.e2e.test_predict import png


@pytest.fixture
def activations(server, mnist):
    """A function that posts the first test digit to /activations."""

    def post(**params):
        body = png(mnist.test_images[0])
        response = requests.post(f"{server}/activations", data=body, params=params, timeout=20)
        assert response.status_code == 200, response.text
        return response

    return post


def test_safetensors_equal_npz(activations):
    """Both have the same arrays by the same names; the metadata name the model."""
    response = activations(format="safetensors", layers="all")
    expected = npz(activations(format="npz", layers="all"))
    arrays = load(response.content)
    assert response.headers["Content-Type"] == "application/x-safetensors"
    assert set(arrays) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(arrays[name], values)
    (size,) = struct.unpack_from("<Q", response.content)
    assert b'"model"' in response.content[8 : 8 + size]


def test_channels_are_returned_in_the_requested_order(activations):
    """channels=5,0-1 returns these three maps in that order."""
    whole = npz(activations(format="npz", layers="conv2d"))["conv2d"]
    some = npz(activations(format="npz", layers="conv2d", channels="5,0-1"))["conv2d"]
    np.testing.assert_array_equal(some, whole[..., [5, 0, 1]])
    layer = activations(layers="conv2d", channels="5,0-1").json()["layers"][0]
    assert layer["channels"] == [5, 0, 1]
    np.testing.assert_array_equal(np.float32(layer["maps"]).transpose(1, 2, 0), some[0])


def test_all_channels_can_be_requested_backwards(activations):
    """The order is kept also where every channel is selected."""
    whole = npz(activations(format="npz", layers="conv2d"))["conv2d"]
    backwards = ",".join(str(channel) for channel in range(31, -1, -1))
    array = npz(activations(format="npz", layers="conv2d", channels=backwards))["conv2d"]
    np.testing.assert_array_equal(array, whole[..., ::-1])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("uint8", 1 / 255)])
def test_smaller_dtypes_are_close(activations, dtype, tolerance):
    """float16 has three significant digits; uint8 is within half a step of its range."""
    whole = npz(activations(format="npz", layers="conv2d", stage="pre"))["conv2d/pre"]
    small = npz(activations(format="npz", layers="conv2d", stage="pre", dtype=dtype))
    values = small["conv2d/pre"]
    assert values.dtype == dtype
    if dtype == "uint8":
        low, high = small["conv2d/pre/range"]
        values = low + (high - low) * values.astype(np.float32) / 255
    assert np.abs(values - whole).max() <= tolerance * (whole.max() - whole.min())


def test_json_states_the_range_of_uint8(activations):
    """dtype=uint8 returns whole numbers with `low` and `high`."""
    layer = activations(layers="conv2d", dtype="uint8", channels="0").json()["layers"][0]
    maps = np.array(layer["maps"])
    assert maps.dtype.kind == "i"
    assert (maps.min(), maps.max()) == (0, 255)
    assert layer["low"] < layer["high"]


def test_a_contact_sheet_is_a_png(activations):
    """format=png draws every map of the layers."""
    response = activations(format="png", layers="all")
    assert response.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(response.content)).height > 1_000


def test_large_archives_are_sent_in_chunks(server, mnist):
    """An npz of 100 digits has chunks and no length, safetensors has a length; both are equal."""
    body = io.BytesIO()
    np.save(body, mnist.test_images[:100])
    bodies = {}
    for format_ in ("npz", "safetensors"):
        response = requests.post(
            f"{server}/activations?layers=all&format={format_}",
            data=body.getvalue(),
            headers={"Content-Type": "application/x-npy"},
            timeout=30,
        )
        bodies[format_] = response
    assert bodies["npz"].headers["Transfer-Encoding"] == "chunked"
    assert int(bodies["safetensors"].headers["Content-Length"]) > 10_000_000
    arrays, tensors = npz(bodies["npz"]), load(bodies["safetensors"].content)
    assert arrays.keys() == tensors.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, tensors[name])


def test_json_is_compressed_on_request(server, mnist):
    """Accept-Encoding: gzip returns the same content compressed."""
    url, body = f"{server}/activations", png(mnist.test_images[0])
    plain = requests.post(url, data=body, headers={"Accept-Encoding": "identity"}, timeout=9)
    packed = requests.post(
        url, data=body, headers={"Accept-Encoding": "gzip"}, timeout=9, stream=True
    )
    raw = packed.raw.read(decode_content=False)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(raw) < len(plain.content) / 2
    assert gzip.decompress(raw) == plain.content


def test_a_response_above_the_limit_is_rejected_before_it_is_computed(server):
    """Every layer of 10,000 digits exceeds the limit: 413 with what to do."""
    body = io.BytesIO()
    np.save(body, np.zeros((10_000, 28, 28), np.uint8))
    response = requests.post(
        f"{server}/activations?layers=all",
        data=body.getvalue(),
        headers={"Content-Type": "application/x-npy"},
        timeout=20,
    )
    assert response.status_code == 413
    assert "fewer" in response.json()["detail"]


@pytest.mark.parametrize("route", ["model", "models", "model/weights", "model/report"])
def test_an_unchanged_resource_is_not_sent_again(server, route):
    """If-None-Match with the current ETag gives 304 without a body."""
    first = requests.get(f"{server}/{route}", timeout=5)
    again = requests.get(
        f"{server}/{route}", headers={"If-None-Match": first.headers["ETag"]}, timeout=5
    )
    other = requests.get(f"{server}/{route}", headers={"If-None-Match": '"x"'}, timeout=5)
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.content == b""


def test_weights_equal_the_bundles(server, mnist_bundle):
    """Safetensors have the bundle's arrays; JSON has one kernel for each filter or unit."""
    raw = requests.get(f"{server}/model/weights?format=safetensors", timeout=5).content
    for name, values in load(raw).items():
        np.testing.assert_array_equal(values, mnist_bundle.weights[name])
    layers = requests.get(f"{server}/model/weights", timeout=5).json()["layers"]
    assert [np.shape(layer["kernel"]) for layer in layers] == [
        *((32, 1, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3)),
        *((64, 576), (10, 64)),
    ]
    kernel = np.float32(layers[1]["kernel"])
    np.testing.assert_array_equal(kernel[7, 3], mnist_bundle.weights["conv2d_1/kernel"][:, :, 3, 7])


def test_the_report_equals_the_bundles(server, mnist_bundle):
    """The report has the accuracy and the confusion matrix of the test digits."""
    report = requests.get(f"{server}/model/report", timeout=5).json()
    assert report["accuracy"] == pytest.approx(
        mnist_bundle.manifest["metrics"]["accuracy"], abs=1e-6
    )
    assert np.sum(report["confusion"]) == 10_000


def test_a_batch_of_10_000_digits_is_predicted(server, mnist, mnist_bundle):
    """One .npy with all test digits gives predictions of the accuracy in the manifest."""
    body = io.BytesIO()
    np.save(body, mnist.test_images)
    response = requests.post(
        f"{server}/predict?top_k=1",
        data=body.getvalue(),
        headers={"Content-Type": "application/x-npy"},
        timeout=60,
    )
    labels = np.array([int(each["label"]) for each in response.json()["predictions"]])
    accuracy = float(np.mean(labels == mnist.test_labels))
    assert accuracy == pytest.approx(mnist_bundle.manifest["metrics"]["accuracy"], abs=1e-9)

"""What comes back: formats, number types, channels, compression, conditional requests."""

import gzip
import io
import struct

import numpy as np
import pytest
import requests
from PIL import Image
from safetensors.numpy import load

from tests.e2e.test_predict import png


@pytest.fixture
def ask(server, mnist):
    """POST the first test digit to /activations."""

    def post(**params):
        body = png(mnist.test_images[0])
        answer = requests.post(f"{server}/activations", data=body, params=params, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer

    return post


def npz(answer):
    """The arrays of an npz answer."""
    return dict(np.load(io.BytesIO(answer.content)))


def test_safetensors_hold_what_npz_holds(ask):
    """The same arrays by the same names; the metadata say which model."""
    answer = ask(format="safetensors", layers="all")
    expected = npz(ask(format="npz", layers="all"))
    found = load(answer.content)
    assert answer.headers["Content-Type"] == "application/x-safetensors"
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    (size,) = struct.unpack_from("<Q", answer.content)
    assert b'"model"' in answer.content[8 : 8 + size]


def test_channels_are_chosen_in_the_order_asked(ask):
    """channels=5,0-1 gives these three maps, in that order."""
    whole = npz(ask(format="npz", layers="conv2d"))["conv2d"]
    some = npz(ask(format="npz", layers="conv2d", channels="5,0-1"))["conv2d"]
    np.testing.assert_array_equal(some, whole[..., [5, 0, 1]])
    layer = ask(layers="conv2d", channels="5,0-1").json()["layers"][0]
    assert layer["channels"] == [5, 0, 1]
    np.testing.assert_array_equal(np.float32(layer["maps"]).transpose(1, 2, 0), some[0])


def test_every_channel_in_another_order_is_another_order(ask):
    """Asking for all channels backwards gives them backwards."""
    whole = npz(ask(format="npz", layers="conv2d"))["conv2d"]
    backwards = ",".join(str(channel) for channel in range(31, -1, -1))
    found = npz(ask(format="npz", layers="conv2d", channels=backwards))["conv2d"]
    np.testing.assert_array_equal(found, whole[..., ::-1])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("uint8", 1 / 255)])
def test_smaller_number_types_are_near(ask, dtype, tolerance):
    """float16 keeps three digits; uint8 is within half a step of its stated range."""
    whole = npz(ask(format="npz", layers="conv2d", stage="pre"))["conv2d/pre"]
    small = npz(ask(format="npz", layers="conv2d", stage="pre", dtype=dtype))
    values = small["conv2d/pre"]
    assert values.dtype == dtype
    if dtype == "uint8":
        low, high = small["conv2d/pre/range"]
        values = low + (high - low) * values.astype(np.float32) / 255
    assert np.abs(values - whole).max() <= tolerance * (whole.max() - whole.min())


def test_json_states_the_range_that_bytes_span(ask):
    """dtype=uint8 in JSON: whole numbers, with `low` and `high` beside them."""
    layer = ask(layers="conv2d", dtype="uint8", channels="0").json()["layers"][0]
    maps = np.array(layer["maps"])
    assert maps.dtype.kind == "i"
    assert (maps.min(), maps.max()) == (0, 255)
    assert layer["low"] < layer["high"]


def test_a_contact_sheet_is_a_picture(ask):
    """format=png draws every map of the layers."""
    answer = ask(format="png", layers="all")
    assert answer.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).height > 1_000


def test_json_is_compressed_for_who_asks(server, mnist):
    """Accept-Encoding: gzip makes it smaller, and it is the same; without it, it is plain."""
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


def test_an_answer_that_would_not_fit_is_refused_before_it_is_made(server):
    """Every layer of 10,000 digits is more than one answer may hold: 413, and what to do."""
    body = io.BytesIO()
    np.save(body, np.zeros((10_000, 28, 28), np.uint8))
    answer = requests.post(
        f"{server}/activations?layers=all",
        data=body.getvalue(),
        headers={"Content-Type": "application/x-npy"},
        timeout=20,
    )
    assert answer.status_code == 413
    assert "fewer" in answer.json()["detail"]


@pytest.mark.parametrize("route", ["model", "models", "model/weights", "model/report"])
def test_what_a_client_has_is_not_sent_again(server, route):
    """ETag and If-None-Match: 304 without a body for the same model."""
    first = requests.get(f"{server}/{route}", timeout=5)
    again = requests.get(
        f"{server}/{route}", headers={"If-None-Match": first.headers["ETag"]}, timeout=5
    )
    other = requests.get(f"{server}/{route}", headers={"If-None-Match": '"x"'}, timeout=5)
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.content == b""


def test_weights_are_the_models(server, mnist_bundle):
    """Safetensors are the bundle's own; JSON has one kernel for each filter or unit."""
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


def test_the_report_is_the_bundles(server, mnist_bundle):
    """Accuracy and confusion matrix of the test digits."""
    report = requests.get(f"{server}/model/report", timeout=5).json()
    assert report["accuracy"] == pytest.approx(
        mnist_bundle.manifest["metrics"]["accuracy"], abs=1e-6
    )
    assert np.sum(report["confusion"]) == 10_000


def test_a_batch_of_10_000_digits_is_answered(server, mnist, mnist_bundle):
    """One .npy with all test digits: a prediction each, as accurate as the manifest says."""
    body = io.BytesIO()
    np.save(body, mnist.test_images)
    answer = requests.post(
        f"{server}/predict?top_k=1",
        data=body.getvalue(),
        headers={"Content-Type": "application/x-npy"},
        timeout=60,
    )
    labels = np.array([int(each["label"]) for each in answer.json()["predictions"]])
    accuracy = float(np.mean(labels == mnist.test_labels))
    assert accuracy == pytest.approx(mnist_bundle.manifest["metrics"]["accuracy"], abs=1e-9)

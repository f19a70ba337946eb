"""TensorFlow Serving's REST API over HTTP, with the requests of its documentation.

https://www.tensorflow.org/tfx/serving/api_rest: only names, numbers and inputs are adapted to this
model.
"""

import base64
import io
import json

import numpy as np
import pytest
import requests

from tests.conftest import start_server
from tests.e2e.test_predict import png


@pytest.fixture(scope="module")
def digits(mnist):
    """Two test digits, uint8 (2, 28, 28)."""
    return mnist.test_images[:2]


@pytest.fixture(scope="module")
def expected(server, digits):
    """The values of POST /activations for these digits: float32 (2, …) by output."""
    response = requests.post(
        f"{server}/activations",
        files=[("image", ("d.png", png(digit))) for digit in digits],
        params={"layers": "all", "format": "npz"},
        timeout=10,
    )
    arrays = np.load(io.BytesIO(response.content))
    return {name: arrays[name] for name in arrays.files if name != "score"}  # not an output


def predict(server, body, path="mnist"):
    """Send :predict as `curl -d '…' -X POST` does; return the JSON of a response with 200."""
    response = requests.post(
        f"{server}/v1/models/{path}:predict",
        data=json.dumps(body),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=10,
    )
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    return response.json()


def encoded(digit):
    """Return a digit as an encoded image, as the documentation encodes binary values."""
    return {"b64": base64.b64encode(png(digit)).decode()}


@pytest.mark.parametrize("path", ["mnist", "mnist/versions/{version}"])
def test_status(server, mnist_bundle, path):
    """`curl http://host:port/v1/models/${MODEL_NAME}[/versions/${VERSION}]`, as documented."""
    version = str(mnist_bundle.version)
    response = requests.get(f"{server}/v1/models/{path.format(version=version)}", timeout=5)
    assert response.json() == {
        "model_version_status": [
            {
                "version": version,
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }


@pytest.mark.parametrize("path", ["mnist", "mnist/versions/{version}"])
def test_metadata(server, mnist_bundle, path):
    """`…/metadata` is GetModelMetadataResponse: the signatures, int64 as strings."""
    version = str(mnist_bundle.version)
    response = requests.get(
        f"{server}/v1/models/{path.format(version=version)}/metadata", timeout=5
    )
    metadata = response.json()
    assert metadata["model_spec"] == {"name": "mnist", "signature_name": "", "version": version}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    default, activations = signatures["serving_default"], signatures["activations"]
    assert default["method_name"] == activations["method_name"] == "tensorflow/serving/predict"
    assert default["inputs"] == activations["inputs"]
    image = default["inputs"]["image"]
    assert image["dtype"] == "DT_FLOAT"
    assert [side["size"] for side in image["tensor_shape"]["dim"]] == ["-1", "28", "28", "1"]
    assert set(default["outputs"]) == {"probabilities"}
    for layer in mnist_bundle.layers:
        sides = activations["outputs"][layer.name]["tensor_shape"]["dim"]
        assert [int(side["size"]) for side in sides] == [-1, *layer.output_shape]


def forms_of(digits):
    """Return the digits in every form that the documentation allows."""
    floats = digits / np.float32(255)
    return {
        "floats": floats.tolist(),
        "floats with a channel": floats[..., np.newaxis].tolist(),
        "whole numbers": digits.tolist(),
        "b64": [encoded(digit) for digit in digits],
    }


@pytest.mark.parametrize("form", forms_of(np.zeros((2, 28, 28), np.uint8)))
def test_every_form_in_rows_and_columns_equals_activations(server, digits, expected, form):
    """Row and column format, named and unnamed inputs give exactly the values of /activations."""
    images = forms_of(digits)[form]
    for body, key in (
        ({"instances": images}, "predictions"),
        ({"instances": [{"image": image} for image in images]}, "predictions"),
        ({"inputs": images}, "outputs"),
        ({"inputs": {"image": images}}, "outputs"),
        ({"signature_name": "serving_default", "instances": images}, "predictions"),
        ({"signature_name": "", "inputs": images}, "outputs"),
    ):
        result = predict(server, body)
        assert set(result) == {key}
        np.testing.assert_array_equal(np.array(result[key], np.float32), expected["probabilities"])


def test_a_version_can_be_requested(server, digits, expected, mnist_bundle):
    """`POST /v1/models/${MODEL_NAME}/versions/${VERSION}:predict`."""
    path = f"mnist/versions/{mnist_bundle.version}"
    result = predict(server, {"instances": digits.tolist()}, path)["predictions"]
    np.testing.assert_array_equal(np.array(result, np.float32), expected["probabilities"])


def test_the_signature_activations_returns_every_layer(server, digits, expected):
    """Several outputs are a list of objects in row format, one object in column format."""
    images = [encoded(digit) for digit in digits]
    rows = predict(server, {"signature_name": "activations", "instances": images})["predictions"]
    columns = predict(server, {"signature_name": "activations", "inputs": images})["outputs"]
    assert len(rows) == len(digits)
    assert set(rows[0]) == set(columns) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(np.array(columns[name], np.float32), values)
        np.testing.assert_array_equal(np.array([row[name] for row in rows], np.float32), values)


def test_whole_numbers_up_to_1_are_in_the_range_0_to_1(server):
    """Without a larger value, 1 is full foreground, the same as 1.0."""
    whole = np.eye(28, dtype=int)[np.newaxis]
    assert predict(server, {"instances": whole.tolist()}) == predict(
        server, {"instances": (whole * 1.0).tolist()}
    )


def test_another_model_returns_its_own_classes(server, tiny_bundle):
    """The name in the path selects the model."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, *tiny_bundle.input_shape))
    result = predict(server, {"instances": pixels.tolist()}, "tiny")["predictions"]
    assert np.array(result).shape == (2, len(tiny_bundle.labels))


BLANK = [[0.0] * 28] * 28
BAD_REQUESTS = {
    # the documentation's example of an error: an unknown model
    "model": ("cats:predict", {"instances": [1.0, 5.0]}, 404, "no model 'cats'. Models: "),
    "version": ("mnist/versions/99:predict", {"instances": [BLANK]}, 404, "version 99"),
    "documented numbers": ("mnist:predict", {"instances": [0.1, 0.2, 0.5]}, 422, "(3,)"),
    "signature": (
        "mnist:predict",
        {"signature_name": "classify_objects", "instances": [BLANK]},
        400,
        "Signatures: serving_default, activations.",
    ),
    "signature's type": ("mnist:predict", {"signature_name": 7}, 400, "`$.signature_name`"),
    "neither": ("mnist:predict", {}, 400, 'Send either "instances"'),
    "both": ("mnist:predict", {"instances": [BLANK], "inputs": [BLANK]}, 400, "either"),
    "no list": ("mnist:predict", {"instances": {"image": [BLANK]}}, 400, "`$.instances`"),
    "no instances": ("mnist:predict", {"instances": []}, 400, "either"),
    "no inputs": ("mnist:predict", {"inputs": {"image": []}}, 400, "either"),
    "input's name": ("mnist:predict", {"inputs": {"x": [BLANK]}}, 400, "either"),
    "instance's name": ("mnist:predict", {"instances": [{"x": BLANK}]}, 400, "must be numbers"),
    "mixed": ("mnist:predict", {"instances": [BLANK, {"b64": ""}]}, 400, "the same kind"),
    "shape": ("mnist:predict", {"instances": [[[0.0] * 5] * 5]}, 422, "(1, 5, 5, 1)"),
    "words": ("mnist:predict", {"instances": ["foo", "bar", "baz"]}, 400, "not numbers"),
    "ragged": ("mnist:predict", {"instances": [[0, 1], [0]]}, 400, "rows of one length"),
    "fractions above 1": ("mnist:predict", {"instances": [[[1.5] * 28] * 28]}, 422, "in 0–1"),
    "floats to 255": ("mnist:predict", {"instances": [[[255.0] * 28] * 28]}, 422, "in 0–1"),
    "above 255": ("mnist:predict", {"instances": [[[256] * 28] * 28]}, 422, "in 0–255"),
    "below 0": ("mnist:predict", {"instances": [[[-1] * 28] * 28]}, 422, "in 0–255"),
    "beyond float32": ("mnist:predict", {"instances": [[[1e300] * 28] * 28]}, 422, "in 0–1"),
    "base64": ("mnist:predict", {"instances": [{"b64": "?!"}]}, 400, "not base64"),
    "no ASCII": ("mnist:predict", {"instances": [{"b64": "é"}]}, 400, "not base64"),
    "base64's type": ("mnist:predict", {"instances": [{"b64": 7}]}, 400, "base64 of an image"),
    "documented bytes": (
        "mnist:predict",
        {"instances": [{"image": {"b64": "aW1hZ2UgYnl0ZXM="}}]},
        415,
        "",
    ),
    "blank image": (
        "mnist:predict",
        {"instances": [encoded(np.zeros((60, 60), np.uint8))]},
        422,
        "",
    ),
    "images for another model": ("tiny:predict", {"instances": [{"b64": ""}]}, 422, "(12, 10, 3)"),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_bad_request_is_answered_in_tensorflow_servings_form(server, case):
    """The response is {"error": …} with what to do, never a 500 or a stack trace."""
    path, body, status, message = BAD_REQUESTS[case]
    response = requests.post(f"{server}/v1/models/{path}", json=body, timeout=10)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert set(response.json()) == {"error"}
    assert message in response.json()["error"]
    assert "Traceback" not in response.text


@pytest.mark.parametrize("body", [b"", b"{", b'{"instances":[NaN]}', b"[" * 9999, b'["\xff"]'])
def test_invalid_json_is_rejected(server, body):
    """400 with the reason; NaN, which TensorFlow Serving accepts, is not a pixel."""
    response = requests.post(f"{server}/v1/models/mnist:predict", data=body, timeout=10)
    assert response.status_code == 400
    assert response.json()["error"].startswith("The request body is invalid: ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "models/cats", 404),
        ("GET", "models/mnist/versions/99", 404),
        ("GET", "models/mnist/labels/stable", 404),
        ("GET", "models/cats/metadata", 404),
        ("GET", "models", 404),
        ("POST", "models/mnist", 405),
        ("POST", "models/mnist:classify", 404),
        ("GET", "models/mnist:predict", 405),
    ],
)
def test_unknown_routes_and_models_give_the_protocols_errors(server, method, path, status):
    """Unsupported routes of TensorFlow Serving and unknown models give {"error": …}."""
    response = requests.request(method, f"{server}/v1/{path}", timeout=5)
    assert response.status_code == status
    assert set(response.json()) == {"error"}


def test_limits_hold(digits):
    """A body or batch above the limits gives 413; the next request works."""
    process, url = start_server(CONVSCOPE_MAX_BODY_BYTES="20000", CONVSCOPE_MAX_IMAGES="2")
    try:
        route = f"{url}/v1/models/mnist:predict"
        for instances in ([encoded(digits[0])] * 3, [[[0.123456789] * 28] * 28] * 3):
            response = requests.post(route, json={"instances": instances}, timeout=5)
            assert response.status_code == 413, response.text
            assert set(response.json()) == {"error"}
        assert requests.post(route, json={"instances": [encoded(digits[0])]}, timeout=5).ok
    finally:
        process.terminate()
        process.communicate(timeout=40)

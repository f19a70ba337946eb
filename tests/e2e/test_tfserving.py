"""TensorFlow Serving's REST API on a real socket, with the requests that its documentation prints.

https://www.tensorflow.org/tfx/serving/api_rest: its model's names, numbers and inputs are replaced
by this model's, and nothing else.
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
    """What POST /activations says of these two: float32 (2, …) by layer, and probabilities."""
    answer = requests.post(
        f"{server}/activations",
        files=[("image", ("d.png", png(digit))) for digit in digits],
        params={"layers": "all", "format": "npz"},
        timeout=10,
    )
    found = np.load(io.BytesIO(answer.content))
    return {name: found[name] for name in found.files if name != "score"}  # no output of the model


def predict(server, body, path="mnist"):
    """The answer to a :predict, sent as `curl -d '…' -X POST` sends it, checked to be one."""
    answer = requests.post(
        f"{server}/v1/models/{path}:predict",
        data=json.dumps(body),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def encoded(digit):
    """A picture of it, as the documentation encodes binary values."""
    return {"b64": base64.b64encode(png(digit)).decode()}


@pytest.mark.parametrize("path", ["mnist", "mnist/versions/{version}"])
def test_status(server, mnist_bundle, path):
    """`curl http://host:port/v1/models/${MODEL_NAME}[/versions/${VERSION}]`, as documented."""
    version = str(mnist_bundle.version)
    answer = requests.get(f"{server}/v1/models/{path.format(version=version)}", timeout=5)
    assert answer.json() == {
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
    answer = requests.get(f"{server}/v1/models/{path.format(version=version)}/metadata", timeout=5)
    metadata = answer.json()
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
    """What the documentation says an image can look like."""
    floats = digits / np.float32(255)
    return {
        "floats": floats.tolist(),
        "floats with a channel": floats[..., np.newaxis].tolist(),
        "whole numbers": digits.tolist(),
        "b64": [encoded(digit) for digit in digits],
    }


@pytest.mark.parametrize("form", forms_of(np.zeros((2, 28, 28), np.uint8)))
def test_every_form_in_rows_and_columns_equals_activations(server, digits, expected, form):
    """Row and column format, named input and unnamed: bit for bit what /activations says."""
    images = forms_of(digits)[form]
    for body, key in (
        ({"instances": images}, "predictions"),
        ({"instances": [{"image": image} for image in images]}, "predictions"),
        ({"inputs": images}, "outputs"),
        ({"inputs": {"image": images}}, "outputs"),
        ({"signature_name": "serving_default", "instances": images}, "predictions"),
        ({"signature_name": "", "inputs": images}, "outputs"),
    ):
        found = predict(server, body)
        assert set(found) == {key}
        np.testing.assert_array_equal(np.array(found[key], np.float32), expected["probabilities"])


def test_a_version_can_be_named(server, digits, expected, mnist_bundle):
    """`POST /v1/models/${MODEL_NAME}/versions/${VERSION}:predict`."""
    path = f"mnist/versions/{mnist_bundle.version}"
    found = predict(server, {"instances": digits.tolist()}, path)["predictions"]
    np.testing.assert_array_equal(np.array(found, np.float32), expected["probabilities"])


def test_the_signature_activations_answers_every_layer(server, digits, expected):
    """Several named outputs: in rows a list of objects, in columns one object."""
    images = [encoded(digit) for digit in digits]
    rows = predict(server, {"signature_name": "activations", "instances": images})["predictions"]
    columns = predict(server, {"signature_name": "activations", "inputs": images})["outputs"]
    assert len(rows) == len(digits)
    assert set(rows[0]) == set(columns) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(np.array(columns[name], np.float32), values)
        np.testing.assert_array_equal(np.array([row[name] for row in rows], np.float32), values)


def test_whole_numbers_without_any_above_1_are_taken_as_they_are(server):
    """Ink of 1 is full ink where nothing says otherwise, the same as 1.0."""
    whole = np.eye(28, dtype=int)[np.newaxis]
    assert predict(server, {"instances": whole.tolist()}) == predict(
        server, {"instances": (whole * 1.0).tolist()}
    )


def test_another_model_answers_with_its_own_classes(server, tiny_bundle):
    """The name in the route chooses; there are as many values as that model has classes."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, *tiny_bundle.input_shape))
    found = predict(server, {"instances": pixels.tolist()}, "tiny")["predictions"]
    assert np.array(found).shape == (2, len(tiny_bundle.labels))


BLANK = [[0.0] * 28] * 28
BAD_REQUESTS = {
    # the documentation's own error: a model that is not there
    "model": ("cats:predict", {"instances": [1.0, 5.0]}, 404, "'cats' is not loaded. Loaded: "),
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
    "base64's type": ("mnist:predict", {"instances": [{"b64": 7}]}, 400, "base64 of a picture"),
    "documented bytes": (
        "mnist:predict",
        {"instances": [{"image": {"b64": "aW1hZ2UgYnl0ZXM="}}]},
        415,
        "",
    ),
    "blank picture": (
        "mnist:predict",
        {"instances": [encoded(np.zeros((60, 60), np.uint8))]},
        422,
        "",
    ),
    "pictures for another model": ("tiny:predict", {"instances": [{"b64": ""}]}, 422, "tiny"),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_bad_request_is_answered_in_tensorflow_servings_form(server, case):
    """The status that fits and {"error": …} with what to do; never a 500, never a stack trace."""
    path, body, status, said = BAD_REQUESTS[case]
    answer = requests.post(f"{server}/v1/models/{path}", json=body, timeout=10)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"error"}
    assert said in answer.json()["error"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b'{"instances":[NaN]}', b"[" * 9999, b'["\xff"]'])
def test_what_is_no_json_is_said_so(server, body):
    """400 and the reason; NaN is a number to TensorFlow Serving, but no pixel."""
    answer = requests.post(f"{server}/v1/models/mnist:predict", data=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The request does not fit: ")


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
def test_what_is_not_there_speaks_the_protocol_too(server, method, path, status):
    """Routes of TensorFlow Serving that this server lacks, and models that it has not."""
    answer = requests.request(method, f"{server}/v1/{path}", timeout=5)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


def test_limits_hold(digits):
    """A body and a batch beyond the limits are 413; the next request works."""
    process, url = start_server(CONVSCOPE_MAX_BODY_BYTES="20000", CONVSCOPE_MAX_IMAGES="2")
    try:
        route = f"{url}/v1/models/mnist:predict"
        for instances in ([encoded(digits[0])] * 3, [[[0.123456789] * 28] * 28] * 3):
            answer = requests.post(route, json={"instances": instances}, timeout=5)
            assert answer.status_code == 413, answer.text
            assert set(answer.json()) == {"error"}
        assert requests.post(route, json={"instances": [encoded(digits[0])]}, timeout=5).ok
    finally:
        process.terminate()
        process.communicate(timeout=40)

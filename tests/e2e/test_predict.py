"""POST /predict over HTTP: every form of input, every parameter, every error."""

import base64
import io

import numpy as np
import pytest
import requests
from PIL import Image


def png(digit, **save):
    """Return an image as PNG bytes."""
    out = io.BytesIO()
    Image.fromarray(digit).save(out, "PNG", **save)
    return out.getvalue()


@pytest.fixture(scope="session")
def seven(mnist):
    """The first test digit, a 7, uint8 (28, 28)."""
    assert mnist.test_labels[0] == 7
    return mnist.test_images[0]


def predict(server, **request):
    """Return the response's JSON; its status must be 200."""
    response = requests.post(f"{server}/predict", timeout=10, **request)
    assert response.status_code == 200, response.text
    return response.json()


def test_an_image_gets_a_prediction(server, seven, mnist_bundle):
    """The response has label, confidence, ten probabilities and the model's hash."""
    body = predict(server, data=png(seven), headers={"Content-Type": "image/png"})
    assert body["model"] == {"name": "mnist", "version": 1, "sha256": mnist_bundle.sha256}
    (prediction,) = body["predictions"]
    assert prediction["label"] == "7"
    assert set(prediction["probabilities"]) == set("0123456789")
    assert prediction["confidence"] == prediction["probabilities"]["7"] > 0.9
    assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert prediction["preprocessing"]["mode"] == "none"


def forms_of(digit):
    """Return a digit in every form that a request can have."""
    raw = png(digit)
    text = base64.b64encode(raw).decode()
    npy = io.BytesIO()
    np.save(npy, digit)
    floats = io.BytesIO()
    np.save(floats, digit[np.newaxis, :, :, np.newaxis] / np.float32(255))
    return {
        "octet-stream": {"data": raw, "headers": {"Content-Type": "application/octet-stream"}},
        "no type": {"data": raw},
        "curl's type": {
            "data": raw,
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        "multipart": {"files": {"image": ("seven.png", raw)}},
        "base64": {"json": {"image": text}},
        "data URL": {"json": {"image": f"data:image/png;base64,{text}"}},
        "images": {"json": {"images": [text]}},
        "instances 0-255": {"json": {"instances": [digit.tolist()], "range": "0-255"}},
        "instances 0-1": {"json": {"instances": [(digit / 255).tolist()], "range": "0-1"}},
        "npy": {"data": npy.getvalue(), "headers": {"Content-Type": "application/x-npy"}},
        "npy floats": {"data": floats.getvalue(), "headers": {"Content-Type": "application/x-npy"}},
    }


@pytest.mark.parametrize("form", forms_of(np.zeros((28, 28), np.uint8)))
def test_every_form_of_input_gives_the_same_prediction(server, seven, form):
    """The probabilities do not depend on the form of the request."""
    expected = predict(server, data=png(seven))["predictions"][0]["probabilities"]
    probabilities = predict(server, **forms_of(seven)[form])["predictions"][0]["probabilities"]
    assert probabilities == pytest.approx(expected, abs=1e-6)


def test_predictions_have_the_order_of_the_images(server, mnist):
    """A form with 20 files gives 20 predictions in the same order."""
    files = [("image", (f"{i}.png", png(mnist.test_images[i]))) for i in range(20)]
    labels = [p["label"] for p in predict(server, files=files)["predictions"]]
    alone = [
        predict(server, data=png(digit))["predictions"][0]["label"]
        for digit in mnist.test_images[:20]
    ]
    assert labels == alone


def test_top_k_returns_the_most_probable_classes(server, seven):
    """top_k=3 returns three classes, highest first; the label is the first of them."""
    body = predict(server, data=png(seven), params={"top_k": 3})
    probabilities = body["predictions"][0]["probabilities"]
    assert len(probabilities) == 3
    assert list(probabilities.values()) == sorted(probabilities.values(), reverse=True)
    assert next(iter(probabilities)) == "7"


def test_another_model_can_be_requested(server):
    """model= selects a model with its own input shape and labels."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 12, 10, 3), np.uint8)
    npy = io.BytesIO()
    np.save(npy, pixels)
    body = predict(
        server,
        data=npy.getvalue(),
        headers={"Content-Type": "application/x-npy"},
        params={"model": "tiny", "version": 3},
    )
    assert body["model"]["name"] == "tiny"
    assert [len(p["probabilities"]) for p in body["predictions"]] == [3, 3]


def test_black_on_white_is_inverted(server, mnist):
    """A drawing on white, ten times as large, gives the same label."""
    for digit, label in zip(mnist.test_images[:10], mnist.test_labels[:10], strict=True):
        drawn = Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC)
        (prediction,) = predict(server, data=png(np.asarray(drawn)))["predictions"]
        assert prediction["label"] == str(label)
        assert prediction["preprocessing"]["inverted"] is True


def bad_requests():
    """Return invalid requests by name, with the status and slug of the error."""
    blank, valid = png(np.zeros((50, 50), np.uint8)), png(np.eye(28, dtype=np.uint8) * 255)
    wrong = io.BytesIO()
    np.save(wrong, np.zeros((2, 5, 5), np.uint8))
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    npy = {"Content-Type": "application/x-npy"}
    return {
        "text": (
            {"data": b"hello", "headers": {"Content-Type": "image/png"}},
            415,
            "unsupported-format",
        ),
        "cut short": ({"data": valid[:-30]}, 400, "image-not-decodable"),
        "empty": ({"data": b""}, 400, "malformed-request"),
        "blank": ({"data": blank}, 422, "nothing-drawn"),
        "content type": (
            {"data": b"<x/>", "headers": {"Content-Type": "text/xml"}},
            415,
            "unsupported-format",
        ),
        "no field": ({"files": {"file": b"x"}}, 400, "malformed-request"),
        "not JSON": (
            {"data": b"{", "headers": {"Content-Type": "application/json"}},
            400,
            "malformed-request",
        ),
        "other JSON": ({"json": {"picture": 1}}, 400, "malformed-request"),
        "two forms": ({"json": {"image": "x", "images": []}}, 400, "malformed-request"),
        "not base64": ({"json": {"image": "?!"}}, 400, "malformed-request"),
        "no range": ({"json": {"instances": [[[0]]]}}, 400, "malformed-request"),
        "ragged": (
            {"json": {"instances": [[[0], [0, 1]]], "range": "0-1"}},
            400,
            "malformed-request",
        ),
        "shape": ({"data": wrong.getvalue(), "headers": npy}, 422, "wrong-shape"),
        "pickle": ({"data": pickled.getvalue(), "headers": npy}, 400, "malformed-request"),
        "no npy": ({"data": b"x", "headers": npy}, 400, "malformed-request"),
        "over range": (
            {"json": {"instances": [[[2.0] * 28] * 28], "range": "0-1"}},
            422,
            "wrong-shape",
        ),
        "mode": ({"data": valid, "params": {"preprocess": "magic"}}, 400, "malformed-request"),
        "none": ({"data": blank, "params": {"preprocess": "none"}}, 422, "wrong-shape"),
        "top_k": ({"data": valid, "params": {"top_k": "-1"}}, 400, "malformed-request"),
        "unknown": ({"data": valid, "params": {"topk": "1"}}, 400, "malformed-request"),
        "model": ({"data": valid, "params": {"model": "cats"}}, 404, "unknown-model"),
        "version": ({"data": valid, "params": {"version": "9"}}, 404, "unknown-model"),
    }


@pytest.mark.parametrize("case", bad_requests())
def test_an_invalid_request_gets_a_problem(server, case):
    """The problem has status, type and what to do, never a 500 or a stack trace."""
    request, status, slug = bad_requests()[case]
    response = requests.post(f"{server}/predict", timeout=10, **request)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["type"] == f"urn:convscope:problem:{slug}"
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert problem["detail"].endswith(".")
    assert "Traceback" not in response.text


def test_accuracy_over_http_equals_the_manifests(server, mnist, mnist_bundle):
    """The 10,000 test digits as PNGs give the accuracy in the manifest."""
    session, correct = requests.Session(), 0
    for start in range(0, 10_000, 500):
        files = [
            ("image", ("d.png", png(digit))) for digit in mnist.test_images[start : start + 500]
        ]
        response = session.post(f"{server}/predict", files=files, timeout=60)
        labels = [prediction["label"] for prediction in response.json()["predictions"]]
        correct += sum(map(str.__eq__, labels, map(str, mnist.test_labels[start : start + 500])))
    assert correct / 10_000 == pytest.approx(mnist_bundle.manifest["metrics"]["accuracy"], abs=1e-9)

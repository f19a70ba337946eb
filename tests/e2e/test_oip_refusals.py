"""Invalid requests to the routes of the Open Inference Protocol."""

import gzip
import json
import zlib

import pytest
import requests

from tests.conftest import start_server

HEADER_LENGTH = "Inference-Header-Content-Length"


def image(**changes):
    """Return a request with one blank digit; a change to None removes a field."""
    whole = {"name": "image", "shape": [1, 28, 28, 1], "datatype": "UINT8", "data": [0] * 784}
    return {"inputs": [{k: v for k, v in (whole | changes).items() if v is not None}]}


def in_binary(request, binary, length=None):
    """Return a request with binary data, and the header that states where they begin."""
    text = json.dumps(request).encode()
    return {"data": text + binary, "headers": {HEADER_LENGTH: length or str(len(text))}}


def sized(size, **changes):
    """Return a request whose data are binary."""
    return image(data=None, parameters={"binary_data_size": size}, **changes)


BAD_REQUESTS = {
    "model": ({"json": image()}, "cats", 404, "Models: mnist"),
    "version": ({"json": image()}, "mnist/versions/99", 404, "no version 99"),
    "no JSON": ({"data": b"{"}, "mnist", 400, "is invalid: Input data was truncated"),
    "no UTF-8": ({"data": b'{"id":"\xff"}'}, "mnist", 400, "is invalid"),
    "nested": ({"data": b'{"outputs":' + b"[" * 9999}, "mnist", 400, "is invalid"),
    "nested data": (
        {"data": b'{"inputs":[{"data":' + b"[" * 99999},
        "mnist",
        400,
        "is invalid",
    ),
    "no object": ({"json": [1]}, "mnist", 400, "Expected `object`"),
    "id": ({"json": {**image(), "id": 7}}, "mnist", 400, "`$.id`"),
    "no input": ({"json": {"inputs": []}}, "mnist", 400, 'Send one input "image"'),
    "two inputs": ({"json": {"inputs": image()["inputs"] * 2}}, "mnist", 400, "`$.inputs`"),
    "input's name": ({"json": image(name="x")}, "mnist", 400, "`$.inputs[0].name`"),
    "datatype": ({"json": image(datatype="INT64")}, "mnist", 400, "UINT8 (0–255), FP32 (0–1)"),
    "no datatype": ({"json": image(datatype=None)}, "mnist", 400, "`datatype`"),
    "shape": ({"json": image(shape=[1, 14, 56, 1])}, "mnist", 422, "(1, 14, 56, 1)"),
    "no shape": ({"json": image(shape=[])}, "mnist", 400, "`$.inputs[0].shape`"),
    "negative shape": ({"json": image(shape=[-1, 28, 28, 1])}, "mnist", 400, "shape"),
    "shape of Booleans": ({"json": image(shape=[True, 28, 28])}, "mnist", 400, "shape"),
    "endless shape": ({"json": image(shape=[2**60] * 4)}, "mnist", 400, "got 784"),
    "too few values": ({"json": image(data=[0] * 783)}, "mnist", 400, "got 783"),
    "no data": ({"json": image(data=None)}, "mnist", 400, "binary_data_size"),
    "words": ({"json": image(data=["0"] * 784)}, "mnist", 400, "not numbers"),
    "nulls": ({"json": image(data=[None] * 784)}, "mnist", 400, "not numbers"),
    "ragged": ({"json": image(data=[[0], [0, 1]])}, "mnist", 400, "rows of one length"),
    "endless number": ({"json": image(data=[10**99] * 784)}, "mnist", 400, "not numbers"),
    "fractions": ({"json": image(data=[0.5] * 784)}, "mnist", 400, "whole numbers in 0–255"),
    "over 255": ({"json": image(data=[256] * 784)}, "mnist", 400, "whole numbers in 0–255"),
    "over 1": ({"json": image(datatype="FP32", data=[1.5] * 784)}, "mnist", 422, "outside 0–1"),
    "over float32": ({"json": image(datatype="FP32", data=[1e300] * 784)}, "mnist", 422, "0–1"),
    "base64": (
        {"json": image(shape=[1], datatype="BYTES", data=["?!"])},
        "mnist",
        400,
        "not base64",
    ),
    "no ASCII": (
        {"json": image(shape=[1], datatype="BYTES", data=["é"])},
        "mnist",
        400,
        "not base64",
    ),
    "no base64": (
        {"json": image(shape=[1], datatype="BYTES", data=[7])},
        "mnist",
        400,
        "must be strings",
    ),
    "no image": (
        {"json": image(shape=[1], datatype="BYTES", data=["aGVsbG8="])},
        "mnist",
        415,
        "",
    ),
    "shape of BYTES": (
        {"json": image(shape=[1, 2], datatype="BYTES", data=["", ""])},
        "mnist",
        400,
        "[N] or [N, 1]",
    ),
    "nested too deep": (
        {"data": json.dumps(image(data=[7])).replace("7", "[" * 99 + "7" + "]" * 99)},
        "mnist",
        400,
        "rows of one length",
    ),
    "preprocess": (
        {"json": {**image(), "parameters": {"preprocess": "magic"}}},
        "mnist",
        400,
        "auto, mnist or none",
    ),
    "parameters": ({"json": {**image(), "parameters": 7}}, "mnist", 400, "`$.parameters`"),
    "output": (
        {"json": {**image(), "outputs": [{"name": "conv9"}]}},
        "mnist",
        404,
        "no output 'conv9'. Outputs: probabilities, logits, ",
    ),
    "outputs": ({"json": {**image(), "outputs": [7]}}, "mnist", 400, "`$.outputs[0]`"),
    "no length": (in_binary(image(), b"", "seven"), "mnist", 400, "the length of the JSON"),
    "long length": (in_binary(image(), b"", "99999"), "mnist", 400, "the length of the JSON"),
    "endless length": (in_binary(image(), b"", "9" * 5000), "mnist", 400, "length of the JSON"),
    "short length": (in_binary(image(), b"", "5"), "mnist", 400, "is invalid"),
    "size": (in_binary(sized(784), bytes(783)), "mnist", 400, "783 bytes follow"),
    "negative size": (in_binary(sized(-1), b""), "mnist", 400, "binary_data_size"),
    "size and data": (
        in_binary(image(parameters={"binary_data_size": 784}), bytes(784)),
        "mnist",
        400,
        "either",
    ),
    "unclaimed bytes": (in_binary(image(), b"?"), "mnist", 400, "1 bytes follow"),
    "size and shape": (in_binary(sized(783), bytes(783)), "mnist", 400, "requires 784 bytes"),
    "cut element": (
        in_binary(sized(6, shape=[1], datatype="BYTES"), b"\x05\0\0\0ab"),
        "mnist",
        400,
        "little-endian",
    ),
    "cut length": (
        in_binary(sized(2, shape=[1], datatype="BYTES"), b"\x05\0"),
        "mnist",
        400,
        "little-endian",
    ),
    "too few elements": (
        in_binary(sized(4, shape=[2], datatype="BYTES"), bytes(4)),
        "mnist",
        400,
        "got 1",
    ),
    "encoding": (
        {"data": b"?", "headers": {"Content-Encoding": "br"}},
        "mnist",
        415,
        "gzip or deflate",
    ),
    "no gzip": (
        {"data": b"?", "headers": {"Content-Encoding": "gzip"}},
        "mnist",
        400,
        "whole gzip",
    ),
    "no deflate": (
        {"data": b"hello", "headers": {"Content-Encoding": "deflate"}},
        "mnist",
        400,
        "not deflate",
    ),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_bad_request_is_answered_in_the_protocols_form(server, case):
    """The response is {"error": …} with what to do, never a 500 or a stack trace."""
    request, model, status, message = BAD_REQUESTS[case]
    response = requests.post(f"{server}/v2/models/{model}/infer", timeout=10, **request)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert set(response.json()) == {"error"}
    assert message in response.json()["error"]
    assert "Traceback" not in response.text


def test_limits_apply_to_decompressed_bodies():
    """A body or batch above the limits gives 413; the next request works."""
    process, url = start_server(CONVSCOPE_MAX_BODY_BYTES="20000", CONVSCOPE_MAX_IMAGES="2")
    try:
        route = f"{url}/v2/models/mnist/infer"
        large = json.dumps(image(data=[200] * 784) | {"id": "x" * 20000}).encode()
        three = image(shape=[3, 28, 28, 1], data=[0] * 3 * 784)
        for request in (
            {"data": large},
            {"data": gzip.compress(large), "headers": {"Content-Encoding": "gzip"}},
            {"data": zlib.compress(bytes(10**7)), "headers": {"Content-Encoding": "deflate"}},
            {"json": three},
        ):
            response = requests.post(route, timeout=5, **request)
            assert response.status_code == 413, response.text
            assert set(response.json()) == {"error"}
        assert requests.post(route, json=image(), timeout=5).ok
    finally:
        process.terminate()
        process.communicate(timeout=40)

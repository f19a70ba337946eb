"""Hostile and malformed requests: rejected cheaply, with the right status."""

import io
import json
import socket
import struct
import zipfile
import zlib
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

NPY = {"Content-Type": "application/x-npy"}
FORM = {"Content-Type": "multipart/form-data; boundary=a"}
JSON = {"Content-Type": "application/json"}
TIMEOUT_S = 60.0  # a body that is not rejected cheaply takes minutes


def npy(shape, descr="|u1", data=b"\0" * 784, order="False"):
    """Return a .npy file whose header need not match its data."""
    header = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def grey_png(width, height, data):
    """Return a PNG whose header need not match its data."""

    def chunk(kind, content):
        sum_ = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", sum_)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(data, 9)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def zip_bomb():
    """Return an .npz whose array decompresses to 100 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\0" * 100_000_000)
    return out.getvalue()


def gzip_bomb():
    """Return a gzip stream of 100 MB of spaces, which JSON allows anywhere."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    return packer.compress(b" " * 100_000_000) + packer.flush()


def nested(depth, body="{%s}"):
    """Return JSON with nested lists as instances."""
    lists = "[" * depth + "1" + "]" * depth
    return (body % f'"instances": {lists}, "range": "0-1"').encode()


WIDE_TEXTS = json.dumps({"instances": ["a" * 1_000_000, *[""] * 100_000]}).encode()
GREY = grey_png(28, 28, (b"\0" * 13 + b"\xff" * 4 + b"\0" * 12) * 28)
# by name: (route, headers, body, status)
BODIES = {
    "npy of 784 GB": ("/predict", NPY, npy("(1000000000, 28, 28)"), 400),
    "npy of negative sides": ("/predict", NPY, npy("(-1, -784)"), 400),
    "npy of a huge side": ("/predict", NPY, npy(f"({'9' * 300},)"), 400),
    "npy of nothing, hugely": ("/predict", NPY, npy(f"(0, {'9' * 30})"), 422),
    "npy of 100 axes": ("/predict", NPY, npy("(" + "1," * 100 + ")"), 422),
    "npy of objects": ("/predict", NPY, npy("(28, 28)", "|O"), 400),
    "npy of empty texts": ("/predict", NPY, npy("(28, 28)", "|S0"), 422),
    "npy of infinity": ("/predict", NPY, npy("(14, 7)", "<f8", b"\xff" * 784), 422),
    "npy header in brackets": ("/predict", NPY, npy("(" * 4000), 400),
    "npy that is longer": ("/predict", NPY, npy("(28, 28)", data=b"\0" * 785), 400),
    "npz bomb": ("/predict", NPY, zip_bomb(), 400),
    "no zip": ("/predict", NPY, b"PK\x03\x04", 400),
    "form of 100,000 parts": (
        "/predict",
        FORM,
        b'--a\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' * 100_000 + b"--a--\r\n",
        413,
    ),
    "PNG of 10 gigapixels": ("/predict", {}, grey_png(100_000, 100_000, b"\0"), 413),
    "PNG of the largest size": ("/predict", {}, grey_png(2**31 - 1, 2**31 - 1, b""), 413),
    "PNG with far more data": ("/predict", {}, grey_png(10, 10, b"\0" * 100_000_000), 422),
    "JSON, not UTF-8": ("/predict", JSON, b'{"image": "\xff"}', 400),
    "JSON, UTF-16": ("/predict", JSON, '{"image": ""}'.encode("utf-16"), 400),
    "JSON, half a surrogate": ("/predict", JSON, b'{"image": "\\ud800"}', 400),
    "JSON, NaN": ("/predict", JSON, b'{"instances": [[[NaN]]], "range": "0-1"}', 400),
    "JSON, infinite": ("/predict", JSON, b'{"instances": [[[1e999]]], "range": "0-1"}', 400),
    "JSON, 5,000 digits": (
        "/predict",
        JSON,
        b'{"instances": [[[' + b"9" * 5000 + b']]], "range": "0-1"}',
        400,
    ),
    "JSON, nested": ("/predict", JSON, nested(500), 400),
    "JSON, nested deeply": ("/predict", JSON, nested(100_000), 400),
    "V1, nested": ("/v1/models/mnist:predict", JSON, nested(500), 400),
    "V1, nested deeply": ("/v1/models/mnist:predict", JSON, nested(100_000), 400),
    "V1, texts as wide as the widest": ("/v1/models/mnist:predict", JSON, WIDE_TEXTS, 400),
    "V2, nested": (
        "/v2/models/mnist/infer",
        JSON,
        b'{"inputs": [{"name": "image", "datatype": "FP32", "shape": [1], "data": '
        + b"[" * 500
        + b"]" * 500
        + b"}]}",
        400,
    ),
    "V2, a huge shape": (
        "/v2/models/mnist/infer",
        JSON,
        b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [4611686018427387904, 4], '
        b'"data": [1]}]}',
        400,
    ),
    "V2, gzip bomb": ("/v2/models/mnist/infer", {"Content-Encoding": "gzip"}, gzip_bomb(), 413),
    "V2, a length of 50 digits": (
        "/v2/models/mnist/infer",
        {"Inference-Header-Content-Length": "9" * 50},
        b"{}",
        400,
    ),
    "form of 20,000 fields": (
        "/predict",
        FORM,
        b'--a\r\nContent-Disposition: form-data; name="image"\r\n\r\n\r\n' * 20_000 + b"--a--",
        413,
    ),
    "form with no boundary": ("/predict", {"Content-Type": "multipart/form-data"}, b"x", 400),
    "form with names not UTF-8": (
        "/predict",
        FORM,
        b'--a\r\nContent-Disposition: form-data; name="\xff"; filename="\xff"\r\n\r\nx\r\n--a--',
        400,
    ),
    "no content type": ("/predict", {"Content-Type": "/"}, GREY, 415),
    "long content type": ("/predict", {"Content-Type": "x" * 3000}, GREY, 415),
    "strange parameters of JSON": ("/predict", {"Content-Type": "application/json;;;="}, b"x", 400),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_hostile_body_is_rejected_cheaply(server, case):
    """The declared size is checked before a body is decoded or decompressed."""
    path, headers, body, status = BODIES[case]
    response = requests.post(server + path, data=body, headers=headers, timeout=TIMEOUT_S)
    assert response.status_code == status, response.text
    assert requests.get(f"{server}/healthz", timeout=5).ok


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("top_k=1&top_k=1", 400),
        ("top_k=%", 400),
        ("top_k=%ff", 400),
        ("top_k=%D9%A3", 400),  # 3 in Arabic digits
        ("top_k=" + "9" * 30, 400),
        ("top_k", 400),
        ("=", 400),
        ("%00=1", 400),
        ("version=null", 400),
        ("preprocess=auto%00", 400),
        ("model=%2e%2e%2f", 404),
        ("model=%ff", 404),
        ("top_k=%31", 200),
        ("&&&", 200),
    ],
)
def test_queries_are_parsed_strictly(server, query, status):
    """Repeated parameters, invalid encodings, other scripts' digits and null give 400."""
    assert requests.post(f"{server}/predict?{query}", data=GREY, timeout=5).status_code == status


@pytest.mark.parametrize("channels", ["%D9%A3", "0%0A", "-1", "1-", "0,,1", "9" * 40])
def test_channels_are_parsed_strictly(server, channels):
    """Other scripts' digits and line breaks are rejected."""
    url = f"{server}/activations?channels={channels}"
    assert requests.post(url, data=GREY, timeout=5).status_code == 400


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*;q=0", 406),
        ("application/json;q=0", 406),
        (";;;", 406),
        ("text/html", 406),
        ("application/*", 200),
        ("text/html, */*;q=0.1", 200),
        ("*/*;q=nan", 200),
        (",", 200),
        ('application/json;q="', 200),
    ],
)
def test_an_unusual_accept_header_is_handled(server, accept, status):
    """JSON where the header allows it, else 406."""
    headers = {"Accept": accept}
    response = requests.post(f"{server}/predict", data=GREY, headers=headers, timeout=5)
    assert response.status_code == status


def exchange(server, request):
    """Send bytes and return the response, up to the end of the connection."""
    address = urlsplit(server)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(request)
        response = b""
        while more := connection.recv(65_536):
            response += more
        return response


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"5\r\nabcdeXX5\r\n"])
def test_a_body_of_broken_chunks_is_malformed(server, chunk):
    """The server responds with 400 and closes: the start of the next request is unknown."""
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    response = exchange(server, head + chunk)
    assert response.startswith(b"HTTP/1.1 400 ")
    assert response.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/models/%ff",
        b"/v1/models/%00",
        b"/v1/models/a%2Fb",
        b"/v1//models/mnist",
        b"/v2/models/mnist/versions/" + b"9" * 40,
        b"/v2/models/mnist/versions/-1",
        b"/web/../settings.py",
        b"/web/..\\settings.py",
        b"/web//etc/passwd",
        b"/%ff",
    ],
)
def test_an_unusual_path_is_unknown(server, path):
    """404, without a redirect or a file from another folder."""
    response = exchange(
        server, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert response.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("method", [b"TRACE", b"PATCH", b"PROPFIND"])
def test_an_unknown_method_is_rejected(server, method):
    """405 as a problem, with the allowed methods."""
    response = exchange(
        server, method + b" /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert response.startswith(b"HTTP/1.1 405 ")
    assert b"\r\ncontent-type: application/problem+json\r\n" in response
    assert b"\r\nallow: " in response


def test_fortran_order_is_supported(server):
    """A .npy in Fortran order gives the same response as in C order, on every route."""
    digit = np.frombuffer(zlib.decompress(GREY[GREY.index(b"IDAT") + 4 : -16]), np.uint8)
    digit = digit.reshape(28, 29)[:, 1:]
    for path in ("predict", "preprocess", "occlusion", "activations"):
        responses = []
        for array in (np.ascontiguousarray(digit), np.asfortranarray(digit)):
            out = io.BytesIO()
            np.save(out, array)
            url = f"{server}/{path}"
            responses.append(requests.post(url, data=out.getvalue(), headers=NPY, timeout=5))
        assert [response.status_code for response in responses] == [200, 200]
        assert responses[0].content == responses[1].content


def test_units_are_selected_for_several_images(server):
    """channels= of a flat layer applies to each of two images in one request."""
    files = [("image", ("d.png", GREY))] * 2
    url = f"{server}/activations?layers=dense&channels=5-7"
    layers = requests.post(url, files=files, timeout=5).json()["layers"]
    assert [len(layer["values"]) for layer in layers] == [3, 3]

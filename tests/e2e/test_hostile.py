"""Requests that no well-meaning client sends: refused cheaply, with the status that fits."""

import io
import json
import socket
import struct
import time
import zipfile
import zlib
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

NPY = {"Content-Type": "application/x-npy"}
FORM = {"Content-Type": "multipart/form-data; boundary=a"}
JSON = {"Content-Type": "application/json"}
SOON_S = 5.0  # by far longer than any of these takes; a bomb that goes off takes minutes


def npy(shape, descr="|u1", data=b"\0" * 784, order="False"):
    """A .npy file whose header claims whatever it is told to."""
    header = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def grey_png(width, height, data):
    """A PNG whose header claims a size that its data need not have."""

    def chunk(kind, content):
        sum_ = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", sum_)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(data, 9)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def zip_bomb():
    """An .npz whose one array unpacks to 100 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\0" * 100_000_000)
    return out.getvalue()


def gzip_bomb():
    """A gzip stream of 100 MB of spaces, which JSON allows anywhere."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    return packer.compress(b" " * 100_000_000) + packer.flush()


def nested(depth, body="{%s}"):
    """JSON with lists in lists where instances should be."""
    lists = "[" * depth + "1" + "]" * depth
    return (body % f'"instances": {lists}, "range": "0-1"').encode()


WIDE_TEXTS = json.dumps({"instances": ["a" * 1_000_000, *[""] * 100_000]}).encode()
GREY = grey_png(28, 28, (b"\0" * 13 + b"\xff" * 4 + b"\0" * 12) * 28)
# by what is wrong: (route, headers, body, status)
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
def test_a_hostile_body_is_refused_cheaply(server, case):
    """The status that fits, at once: what a body claims to be is checked before it is unpacked."""
    path, headers, body, status = BODIES[case]
    started = time.monotonic()
    answer = requests.post(server + path, data=body, headers=headers, timeout=60)
    assert answer.status_code == status, answer.text
    assert time.monotonic() - started < SOON_S
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
def test_a_strange_query_is_read_strictly(server, query, status):
    """Twice the same parameter, odd percent-encodings and digits, null: 400, never a guess."""
    assert requests.post(f"{server}/predict?{query}", data=GREY, timeout=5).status_code == status


@pytest.mark.parametrize("channels", ["%D9%A3", "0%0A", "-1", "1-", "0,,1", "9" * 40])
def test_channels_are_read_strictly(server, channels):
    """Other scripts' digits and a line's end are no channels."""
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
def test_a_strange_accept_is_answered(server, accept, status):
    """JSON where it can be meant, else 406."""
    headers = {"Accept": accept}
    answer = requests.post(f"{server}/predict", data=GREY, headers=headers, timeout=5)
    assert answer.status_code == status


def say(server, request):
    """What answers these bytes, until the connection is closed."""
    address = urlsplit(server)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while more := connection.recv(65_536):
            answer += more
        return answer


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"5\r\nabcdeXX5\r\n"])
def test_a_body_of_broken_chunks_is_malformed(server, chunk):
    """400 and no more, from the HTTP server itself: where the next request begins is unknown."""
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = say(server, head + chunk)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


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
def test_a_strange_path_is_no_route(server, path):
    """404: no redirect, no file from elsewhere."""
    answer = say(server, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("method", [b"TRACE", b"PATCH", b"PROPFIND"])
def test_a_strange_method_is_refused(server, method):
    """405, in the form of every problem, with the methods that there are."""
    answer = say(server, method + b" /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\ncontent-type: application/problem+json\r\n" in answer
    assert b"\r\nallow: " in answer


def test_the_order_of_an_arrays_axes_in_memory_does_not_matter(server):
    """A .npy in Fortran's order is the same digit, on every route."""
    digit = np.frombuffer(zlib.decompress(GREY[GREY.index(b"IDAT") + 4 : -16]), np.uint8)
    digit = digit.reshape(28, 29)[:, 1:]
    for path in ("predict", "preprocess", "occlusion", "activations"):
        answers = []
        for array in (np.ascontiguousarray(digit), np.asfortranarray(digit)):
            out = io.BytesIO()
            np.save(out, array)
            url = f"{server}/{path}"
            answers.append(requests.post(url, data=out.getvalue(), headers=NPY, timeout=5))
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content


def test_chosen_units_of_several_pictures_are_told(server):
    """channels= of a flat layer, for two pictures in one request, as JSON."""
    files = [("image", ("d.png", GREY))] * 2
    url = f"{server}/activations?layers=dense&channels=5-7"
    layers = requests.post(url, files=files, timeout=5).json()["layers"]
    assert [len(layer["values"]) for layer in layers] == [3, 3]

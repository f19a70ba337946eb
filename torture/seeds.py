"""Valid requests of every form, from which fuzzing begins."""

import base64
import gzip
import io
import json
import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.environments import ROOT
from service.model.bundle import read_bundle

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_ROUTES = (
    "/explain?layer=conv2d_1&channel=3&row=4&column=5",
    "/activations?layers=conv2d",
    "/activations?layers=conv2d&format=safetensors",
    "/occlusion?patch=7&stride=4",
    "/preprocess?format=png",
    "/atlas?layer=conv2d&format=json",
)
_EXAMPLES = {"fashion": "conv2", "shapes": "block1/conv1", "efficientnet-lite0": "stem_conv"}
_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Seed:
    """A request that is answered with 200.

    Attributes:
        name: of its form.
        path: where it is sent.
        body: what is sent.
        headers: besides those that every request has.
    """

    name: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def seeds() -> list[Seed]:
    """Return a request of each form, all of the same digit."""
    digit = read_bundle(ROOT / "models" / "mnist" / "1").golden[3].pixels[..., 0]
    array = io.BytesIO()
    np.save(array, digit)
    npy, png = array.getvalue(), _encode(digit, "PNG")
    tensor = {"name": "image", "shape": [1, 28, 28, 1], "datatype": "UINT8"}
    binary = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": 784}}]}).encode()
    json_of = {
        "json": ("/predict", {"instances": [digit.tolist()], "range": "0-255"}),
        "tfserving": ("/v1/models/mnist:predict", {"instances": [(digit / 255).tolist()]}),
        "oip": ("/v2/models/mnist/infer", {"inputs": [{**tensor, "data": digit.ravel().tolist()}]}),
    }
    part = b'--a\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    compressed = gzip.compress(json.dumps(json_of["tfserving"][1]).encode(), mtime=0)
    return [
        *(Seed(kind, "/predict", _encode(digit, kind)) for kind in _FORMATS),
        Seed("page", "/predict?segment=true", _encode(np.tile(digit, (2, 3)), "PNG")),
        Seed("npy", "/predict", npy, {"Content-Type": "application/x-npy"}),
        *(Seed(f"mnist {path}", path, png) for path in _ROUTES),
        *_other_models(np.tile(digit, (8, 8))),
        Seed(
            *("multipart", "/predict", part + png + b"\r\n--a--\r\n"),
            {"Content-Type": "multipart/form-data; boundary=a"},
        ),
        *(
            Seed(name, path, json.dumps(body).encode(), {"Content-Type": "application/json"})
            for name, (path, body) in json_of.items()
        ),
        Seed(
            *("tfserving gzip", "/v1/models/mnist:predict", compressed),
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        ),
        Seed(
            *("oip binary", "/v2/models/mnist/infer", binary + digit.tobytes()),
            {"Content-Type": "application/octet-stream", _LENGTH: str(len(binary))},
        ),
    ]


def _other_models(pixels: NDArray[np.uint8]) -> list[Seed]:
    """Return requests to the example models that are there, in all protocols."""
    photo = _encode(pixels, "JPEG")
    text = base64.b64encode(photo).decode()
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES"}
    sized = {**tensor, "parameters": {"binary_data_size": len(photo) + 4}}
    head = json.dumps({"inputs": [sized]}).encode()
    json_type = {"Content-Type": "application/json"}
    found = []
    for name, layer in _EXAMPLES.items():
        if not (ROOT / "models" / name).exists():
            continue
        cell = f"model={name}&layer={layer}&channel=3&row=4&column=5"
        found += [
            *(
                Seed(f"{name} {kind}", f"/predict?model={name}", _encode(pixels, kind))
                for kind in _FORMATS
            ),
            Seed(f"{name} explain", f"/explain?{cell}", photo),
            Seed(
                f"{name} activations", f"/activations?model={name}&layers={layer}&format=npz", photo
            ),
            Seed(f"{name} atlas", f"/atlas?model={name}&layer={layer}&limit=4", photo),
            Seed(f"{name} preprocess", f"/preprocess?model={name}&format=png", photo),
            Seed(
                *(f"{name} tfserving", f"/v1/models/{name}:predict"),
                *(json.dumps({"instances": [{"b64": text}]}).encode(), json_type),
            ),
            Seed(
                *(f"{name} oip", f"/v2/models/{name}/infer"),
                *(json.dumps({"inputs": [{**tensor, "data": [text]}]}).encode(), json_type),
            ),
            Seed(
                *(f"{name} oip binary", f"/v2/models/{name}/infer"),
                head + struct.pack("<I", len(photo)) + photo,
                {"Content-Type": "application/octet-stream", _LENGTH: str(len(head))},
            ),
        ]
    return found


def digits(count: int) -> list[bytes]:
    """Return PNG files of digits that all differ: the golden ones, moved."""
    golden = read_bundle(ROOT / "models" / "mnist" / "1").golden
    pixels = [each.pixels[..., 0] for each in golden]
    moved = [np.roll(pixels[i % len(pixels)], i // len(pixels), axis=i % 2) for i in range(count)]
    return [_encode(digit, "PNG") for digit in moved]


def _encode(pixels: NDArray[np.uint8], kind: str) -> bytes:
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, kind)
    return body.getvalue()

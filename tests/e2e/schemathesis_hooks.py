"""What schemathesis cannot make up from a schema: pictures, arrays, and bodies that agree.

`schemathesis.toml` names this module. Requests that are meant to be refused stay as they are.
"""

import base64
import io
import struct
from typing import Any

import numpy as np
import orjson
import schemathesis
from hypothesis import strategies as st
from PIL import Image

HEADER_LENGTH = "Inference-Header-Content-Length"


def digit(seed: int) -> Any:
    """A cross with strokes of some thickness, uint8 (28, 28): enough of a digit to be drawn."""
    random = np.random.default_rng(seed)
    array = np.zeros((28, 28), np.uint8)
    row, column, width = random.integers(8, 18, 3)
    array[4:24, column : column + 2 + width % 3] = 255
    array[row : row + 2, 6:22] = random.integers(150, 256)
    return array


DIGITS = st.integers(0, 2**32 - 1).map(digit)


def as_file(array: Any, kind: str, scale: int = 1) -> bytes:
    """A picture file, enlarged."""
    out = io.BytesIO()
    Image.fromarray(array.repeat(scale, 0).repeat(scale, 1)).save(out, kind)
    return out.getvalue()


def encoded(kind: str) -> st.SearchStrategy[bytes]:
    """Picture files of that format."""
    return st.builds(as_file, DIGITS, st.just(kind), st.integers(1, 4))


def as_npy(array: Any) -> bytes:
    """The bytes of a .npy file."""
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


PICTURES = st.one_of(*(encoded(kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")))
SHAPES = st.sampled_from([(28, 28), (28, 28, 1)])
ARRAYS = st.one_of(
    st.builds(lambda array, shape: array.reshape(shape), DIGITS, SHAPES),
    DIGITS.map(lambda array: np.float32([array]) / 255),
    DIGITS.map(np.asfortranarray),
)
TEXTS = PICTURES.map(base64.b64encode).map(bytes.decode)
for media in ("png", "jpeg", "webp", "bmp", "gif", "tiff"):
    schemathesis.openapi.media_type(f"image/{media}", encoded(media))
schemathesis.openapi.media_type("application/octet-stream", PICTURES)
schemathesis.openapi.media_type("application/x-npy", ARRAYS.map(as_npy))
schemathesis.openapi.format("binary", PICTURES)
schemathesis.openapi.format(
    "base64-picture", st.one_of(TEXTS, TEXTS.map("data:image/png;base64,{}".format))
)


@schemathesis.serializer("application/octet-stream")
def serialize(context: Any, value: str | bytes) -> bytes:  # noqa: ARG001 - as it is called
    """Bytes as they are, and those that `infer` made a string of."""
    return value.encode("latin-1") if isinstance(value, str) else value


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:  # noqa: ARG001 - as it is called
    """Make a request that is meant to be answered agree with itself, as no schema can say."""
    if case.meta is None or case.meta.generation.mode.is_negative:
        return case
    name_what_is_there(case)
    if case.path == "/occlusion":
        agree_on_places(case.query)
    if case.path == "/explain":
        agree_on_cell(case.query)
    if case.path.endswith("/infer"):
        infer(case)
    elif case.path.endswith(":predict"):
        case.body = predict(case.body)
    else:
        native(case)
    return case


def name_what_is_there(case: Any) -> None:
    """Not the model that takes no pictures, which schemathesis learns of from /readyz."""
    if case.path_parameters.get("name") == "tiny":
        case.path_parameters["name"] = "mnist"
    if case.query.get("layer") == "":
        case.query["layer"] = "conv2d"


def agree_on_places(query: dict[str, Any]) -> None:
    """No stride beyond the patch, and no more places than the service covers."""
    patch = max(int(query.get("patch", 6)), 2)
    stride = min(max(int(query.get("stride", 2)), 2), patch)
    query |= {"patch": patch, "stride": stride}


def agree_on_cell(query: dict[str, Any]) -> None:
    """A row and a column where the layer has them, and every number small enough for each layer."""
    flat = query["layer"] in ("flatten", "dense", "dense_1")
    cell = {"channel": int(query["channel"]) % 10, "row": 1, "column": 2}
    for name in ("row", "column"):
        query.pop(name, None)
    query |= {"channel": cell["channel"]} if flat else cell


def native(case: Any) -> None:
    """Instances are digits, and a sheet is asked for one picture only."""
    if case.media_type == "application/json":
        body = dict(case.body)
        if "instances" in body:
            body["instances"] = digits(len(body["instances"]), body["range"] == "0-1")
        if case.query.get("format") == "png":
            body |= {key: body[key][:1] for key in ("images", "instances") if key in body}
        case.body = body


def digits(count: int, as_floats: bool) -> Any:
    """That many digits as lists; as floats, 0–1."""
    array = np.stack([digit(seed) for seed in range(count)])
    return (array / 255 if as_floats else array).tolist()


def infer(case: Any) -> None:
    """The data are of the shape and kind stated; the header tells of binary data only."""
    case.headers.pop(HEADER_LENGTH, None)
    if case.media_type == "application/octet-stream":
        raw = struct.pack("<I", len(case.body)) + case.body
        tensor = {"name": "image", "datatype": "BYTES", "shape": [1]}
        tensor["parameters"] = {"binary_data_size": len(raw)}
        told = orjson.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}})
        case.headers[HEADER_LENGTH] = str(len(told))
        case.body = (told + raw).decode("latin-1")  # a string, as the schema has it
    else:
        (tensor,) = case.body["inputs"]
        parameters = {**tensor.get("parameters", {}), "binary_data_size": None}
        case.body = {
            **case.body,
            "inputs": [{**tensor, "parameters": parameters, **data(tensor["datatype"])}],
        }


def data(datatype: str) -> dict[str, Any]:
    """One digit as a tensor of that type: its shape and data."""
    if datatype == "BYTES":
        return {"shape": [1], "data": [as_text(digit(7))]}
    return {"shape": [1, 28, 28, 1], "data": digits(1, datatype == "FP32")}


def as_text(array: Any) -> str:
    """A PNG in base64."""
    return base64.b64encode(as_file(array, "PNG")).decode()


def predict(body: Any) -> Any:
    """As many images as there were, all of one kind and under a name where they had one."""
    key = "instances" if "instances" in body else "inputs"
    given = body[key]
    if isinstance(given, dict):
        return {**body, key: {"image": alike(given["image"])}}
    return {**body, key: alike(given)}


def alike(images: list[Any]) -> list[Any]:
    """Encoded where the first one is, else numbers."""
    first = images[0]
    named = isinstance(first, dict) and "image" in first
    inner = first["image"] if named else first
    found = [
        {"b64": as_text(digit(seed))} if isinstance(inner, dict) else digits(1, True)[0]
        for seed in range(len(images))
    ]
    return [{"image": image} for image in found] if named else found

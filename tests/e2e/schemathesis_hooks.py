"""Generate what a schema cannot describe: images, arrays, and consistent bodies.

`schemathesis.toml` names this module. Requests that are meant to be rejected are left unchanged.
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
    """Return a cross with strokes of some thickness, uint8 (28, 28), which counts as a digit."""
    random = np.random.default_rng(seed)
    array = np.zeros((28, 28), np.uint8)
    row, column, width = random.integers(8, 18, 3)
    array[4:24, column : column + 2 + width % 3] = 255
    array[row : row + 2, 6:22] = random.integers(150, 256)
    return array


DIGITS = st.integers(0, 2**32 - 1).map(digit)


def as_file(array: Any, kind: str, scale: int = 1) -> bytes:
    """Return an image file, enlarged."""
    out = io.BytesIO()
    Image.fromarray(array.repeat(scale, 0).repeat(scale, 1)).save(out, kind)
    return out.getvalue()


def encoded(kind: str) -> st.SearchStrategy[bytes]:
    """Return a strategy for image files of that format."""
    return st.builds(as_file, DIGITS, st.just(kind), st.integers(1, 4))


def as_npy(array: Any) -> bytes:
    """Return the bytes of a .npy file."""
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


IMAGES = st.one_of(*(encoded(kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")))
SHAPES = st.sampled_from([(28, 28), (28, 28, 1)])
ARRAYS = st.one_of(
    st.builds(lambda array, shape: array.reshape(shape), DIGITS, SHAPES),
    DIGITS.map(lambda array: np.float32([array]) / 255),
    DIGITS.map(np.asfortranarray),
)
TEXTS = IMAGES.map(base64.b64encode).map(bytes.decode)
for media in ("png", "jpeg", "webp", "bmp", "gif", "tiff"):
    schemathesis.openapi.media_type(f"image/{media}", encoded(media))
schemathesis.openapi.media_type("application/octet-stream", IMAGES)
schemathesis.openapi.media_type("application/x-npy", ARRAYS.map(as_npy))
schemathesis.openapi.format("binary", IMAGES)
schemathesis.openapi.format(
    "base64-picture", st.one_of(TEXTS, TEXTS.map("data:image/png;base64,{}".format))
)


@schemathesis.serializer("application/octet-stream")
def serialize(context: Any, value: str | bytes) -> bytes:  # noqa: ARG001 - schemathesis passes it
    """Return the bytes; decode those that `infer` stored as a string."""
    return value.encode("latin-1") if isinstance(value, str) else value


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:  # noqa: ARG001 - schemathesis passes it
    """Make a valid request consistent in ways that a schema cannot describe."""
    if case.meta is None or case.meta.generation.mode.is_negative:
        return case
    use_loaded_names(case)
    write_timeout_without_exponent(case)
    if case.path == "/occlusion":
        limit_positions(case.query)
    if case.path == "/explain":
        choose_cell(case.query)
    if case.path.endswith("/infer"):
        infer(case)
    elif case.path.endswith(":predict"):
        case.body = predict(case.body)
    else:
        native(case)
    return case


def write_timeout_without_exponent(case: Any) -> None:
    """Replace a timeout such as 1e-301, because the service takes plain decimals only."""
    if "e" in str(case.headers.get("Request-Timeout", "")).lower():
        case.headers["Request-Timeout"] = "30"


def use_loaded_names(case: Any) -> None:
    """Avoid the model that takes no images, which schemathesis finds in /readyz."""
    if case.path_parameters.get("name") == "tiny":
        case.path_parameters["name"] = "mnist"
    if case.query.get("layer") == "":
        case.query["layer"] = "conv2d"


def limit_positions(query: dict[str, Any]) -> None:
    """Limit the patch to a digit, the stride to it, and the positions to the service's limit."""
    patch = min(max(int(query.get("patch", 6)), 2), 28)
    stride = min(max(int(query.get("stride", 2)), 2), patch)
    query |= {"patch": patch, "stride": stride}


def choose_cell(query: dict[str, Any]) -> None:
    """Choose a row and a column where the layer has them, within the shape of each layer."""
    flat = query["layer"] in ("flatten", "dense", "dense_1")
    cell = {"channel": int(query["channel"]) % 10, "row": 1, "column": 2}
    for name in ("row", "column"):
        query.pop(name, None)
    query |= {"channel": cell["channel"]} if flat else cell


def native(case: Any) -> None:
    """Use digits as instances, a single image for a contact sheet, and segment encoded images."""
    has_instances = isinstance(case.body, dict) and "instances" in case.body
    is_array = has_instances or case.media_type == "application/x-npy"
    if is_array or case.query.get("preprocess") == "none":
        case.query.pop("segment", None)
    if case.media_type == "application/json":
        body = dict(case.body)
        if "instances" in body:
            body["instances"] = digits(len(body["instances"]), body["range"] == "0-1")
        if case.query.get("format") == "png":
            body |= {key: body[key][:1] for key in ("images", "instances") if key in body}
        case.body = body


def digits(count: int, as_floats: bool) -> Any:
    """Return that many digits as lists; as floats, 0–1."""
    array = np.stack([digit(seed) for seed in range(count)])
    return (array / 255 if as_floats else array).tolist()


def infer(case: Any) -> None:
    """Send data of the stated shape and type; set the header for binary data only."""
    case.headers.pop(HEADER_LENGTH, None)
    if case.media_type == "application/octet-stream":
        raw = struct.pack("<I", len(case.body)) + case.body
        tensor = {"name": "image", "datatype": "BYTES", "shape": [1]}
        tensor["parameters"] = {"binary_data_size": len(raw)}
        header = orjson.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}})
        case.headers[HEADER_LENGTH] = str(len(header))
        case.body = (header + raw).decode("latin-1")  # the schema requires a string
    else:
        (tensor,) = case.body["inputs"]
        parameters = {**tensor.get("parameters", {}), "binary_data_size": None}
        case.body = {
            **case.body,
            "inputs": [{**tensor, "parameters": parameters, **data(tensor["datatype"])}],
        }


def data(datatype: str) -> dict[str, Any]:
    """Return the shape and data of one digit as a tensor of that type."""
    if datatype == "BYTES":
        return {"shape": [1], "data": [as_text(digit(7))]}
    return {"shape": [1, 28, 28, 1], "data": digits(1, datatype == "FP32")}


def as_text(array: Any) -> str:
    """Return a PNG in base64."""
    return base64.b64encode(as_file(array, "PNG")).decode()


def predict(body: Any) -> Any:
    """Replace the images by digits of one kind, named where the first one is."""
    key = "instances" if "instances" in body else "inputs"
    images = body[key]
    if isinstance(images, dict):
        return {**body, key: {"image": uniform(images["image"])}}
    return {**body, key: uniform(images)}


def uniform(images: list[Any]) -> list[Any]:
    """Return encoded images where the first one is encoded, otherwise numbers."""
    first = images[0]
    named = isinstance(first, dict) and "image" in first
    inner = first["image"] if named else first
    values = [
        {"b64": as_text(digit(seed))} if isinstance(inner, dict) else digits(1, True)[0]
        for seed in range(len(images))
    ]
    return [{"image": image} for image in values] if named else values

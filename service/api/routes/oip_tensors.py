"""Parse Open Inference Protocol requests: JSON and binary tensors, encoded images.

Does not know routes or responses.
"""

import math
import re
import struct
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from service.api.http import inputs
from service.api.http.arrays import numbers
from service.errors import MalformedRequest
from service.images.digit.preprocessing import Mode
from service.inputs import Inputs
from service.model.bundle import Bundle
from service.model.engine import Pixels
from service.settings import Settings

HEADER_LENGTH = "Inference-Header-Content-Length"
_HINT = (
    'Send one input "image" with its shape and a datatype, UINT8 (0–255), FP32 (0–1) or BYTES '
    "(encoded images); the parameter preprocess is auto, mnist or none."
)
# the protocol's binary data are little-endian on every machine
_DTYPES: dict[str, np.dtype[Any]] = {"UINT8": np.dtype(np.uint8), "FP32": np.dtype("<f4")}


class InputParameters(msgspec.Struct, frozen=True):
    """Parameters of an input; unknown ones are ignored, as the protocol requires."""

    binary_data_size: Annotated[int, Meta(ge=0)] | None = None
    preprocess: Mode | None = None


class InputTensor(msgspec.Struct, frozen=True, kw_only=True):
    """The images: data in JSON, flat or nested, or binary data after the JSON."""

    name: Literal["image"]
    shape: Annotated[list[Annotated[int, Meta(ge=1)]], Meta(min_length=1, max_length=4)]
    datatype: Literal["UINT8", "FP32", "BYTES"]
    parameters: InputParameters = InputParameters()
    data: list[Any] | UnsetType = UNSET


# these parameters are parsed to be rejected by name
Unsupported = Annotated[Any, Meta(extra_json_schema={"type": "null"})]


class OutputParameters(msgspec.Struct, frozen=True):
    """Parameters of an output; the last two belong to unsupported extensions."""

    binary_data: bool | None = None
    classification: Unsupported = None
    shared_memory_region: Unsupported = None


class OutputTensor(msgspec.Struct, frozen=True, kw_only=True):
    """A requested output."""

    name: str
    parameters: OutputParameters = OutputParameters()


class InferParameters(msgspec.Struct, frozen=True):
    """Parameters of the request; unknown ones are ignored, as the protocol requires."""

    binary_data_output: bool = False
    preprocess: Mode | None = None


class InferRequest(msgspec.Struct, frozen=True, kw_only=True):
    """POST /v2/models/<name>/infer."""

    inputs: Annotated[list[InputTensor], Meta(min_length=1, max_length=1)]
    id: str | UnsetType = UNSET
    parameters: InferParameters = InferParameters()
    outputs: list[OutputTensor] = []


def split(body: bytes, header_length: str | None) -> tuple[InferRequest, bytes]:
    """Split a body into the parsed JSON and the binary data after it.

    Args:
        body: the request's body.
        header_length: the header that states the length of the JSON; None: the whole body.

    Raises:
        MalformedRequest: the length is invalid, or the JSON is.
    """
    if header_length is None:
        header_length = str(len(body))
    if not re.fullmatch("[0-9]{1,18}", header_length) or int(header_length) > len(body):
        raise MalformedRequest(
            f"{HEADER_LENGTH} must be the length of the JSON at the beginning of the body "
            f"({len(body):,} bytes), got {header_length[:40]!r}."
        )
    end = int(header_length)
    return inputs.read_json(body[:end], InferRequest, _HINT), body[end:]


def read_image(fields: InferRequest, binary: bytes, bundle: Bundle, settings: Settings) -> Inputs:
    """Convert the request's input to the model's.

    The parameter `preprocess` of the input or of the request is `auto` by default for encoded
    images (BYTES), and `none` for tensors.

    Args:
        fields: the request's JSON.
        binary: the data after it.
        bundle: of the requested model.
        settings: the limits.

    Raises:
        RequestError: the input is invalid.
    """
    (tensor,) = fields.inputs
    mode = tensor.parameters.preprocess or fields.parameters.preprocess
    _check_binary(tensor, binary)
    if tensor.datatype == "BYTES":
        return inputs.from_images(_files(tensor, binary), mode or "auto", bundle, settings)
    array = _from_binary(tensor, binary) if tensor.data is UNSET else _from_json(tensor)
    return inputs.from_array(array, mode or "none", bundle, settings)


def _check_binary(tensor: InputTensor, binary: bytes) -> None:
    """Check that the data are either JSON or binary, and the number of binary bytes."""
    size = tensor.parameters.binary_data_size
    if (tensor.data is UNSET) == (size is None):
        raise MalformedRequest(
            'The input must have either "data" or the parameter binary_data_size with that many '
            "bytes after the JSON."
        )
    if (size or 0) != len(binary):
        raise MalformedRequest(
            f"binary_data_size is {size}, but {len(binary):,} bytes follow the JSON, whose length "
            f"is the header {HEADER_LENGTH}; make them equal."
        )


def _from_binary(tensor: InputTensor, binary: bytes) -> Pixels:
    dtype = _DTYPES[tensor.datatype]
    expected = math.prod(tensor.shape) * dtype.itemsize
    if len(binary) != expected:
        raise MalformedRequest(
            f"{tensor.datatype} of shape {tensor.shape} requires {expected:,} bytes, got "
            f"{len(binary):,}."
        )
    array = np.frombuffer(binary, dtype).reshape(tensor.shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _from_json(tensor: InputTensor) -> Pixels:
    array = numbers(tensor.data)
    _check_count(tensor, array.size)
    if tensor.datatype == "UINT8":
        if array.dtype.kind == "f" or array.min() < 0 or array.max() > 255:
            raise MalformedRequest(
                "UINT8 data must be whole numbers in 0–255; send FP32 for values in 0–1."
            )
        return array.astype(np.uint8).reshape(tensor.shape)
    with np.errstate(over="ignore"):  # the range 0–1 is checked later
        return array.astype(np.float32).reshape(tensor.shape)


def _files(tensor: InputTensor, binary: bytes) -> list[bytes]:
    """Return the encoded images of a BYTES tensor."""
    if math.prod(tensor.shape) != tensor.shape[0]:
        raise MalformedRequest(
            f"BYTES must have the shape [N] or [N, 1], one encoded image per element, got "
            f"{tensor.shape}."
        )
    if tensor.data is UNSET:
        files = _split_bytes(binary)
    else:
        texts = np.array(tensor.data, object).ravel().tolist()
        if not all(isinstance(text, str) for text in texts):
            raise MalformedRequest("BYTES data in JSON must be strings: images in base64.")
        files = [inputs.from_base64(text) for text in texts]
    _check_count(tensor, len(files))
    return files


def _split_bytes(binary: bytes) -> list[bytes]:
    """Split binary BYTES, whose elements follow their lengths in 4 bytes, little-endian."""
    files, start = [], 0
    while start < len(binary):
        size = struct.unpack_from("<I", binary, start)[0] if start + 4 <= len(binary) else 0
        end = start + 4 + size
        if end > len(binary):
            raise MalformedRequest(
                "The BYTES data end within an element; each element must follow its length in 4 "
                "bytes, little-endian."
            )
        files.append(binary[start + 4 : end])
        start = end
    return files


def _check_count(tensor: InputTensor, count: int) -> None:
    expected = math.prod(tensor.shape)
    if count != expected:
        raise MalformedRequest(f"Shape {tensor.shape} requires {expected:,} values, got {count:,}.")

"""An Open Inference Protocol request → the model's input: JSON and binary tensors, pictures.

Knows the request's form and nothing of routes or answers.
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
from service.inference import Inputs
from service.model.bundle import Bundle
from service.model.engine import Pixels
from service.settings import Settings

HEADER_LENGTH = "Inference-Header-Content-Length"
_HINT = (
    'Send one input "image" with its shape and a datatype, UINT8 (0–255), FP32 (0–1) or BYTES '
    "(encoded pictures); the parameter preprocess is auto, mnist or none."
)
# the protocol's binary data are little-endian on every machine
_DTYPES: dict[str, np.dtype[Any]] = {"UINT8": np.dtype(np.uint8), "FP32": np.dtype("<f4")}


class InputParameters(msgspec.Struct, frozen=True):
    """Of an input; others are passed over, as the protocol has it."""

    binary_data_size: Annotated[int, Meta(ge=0)] | None = None
    preprocess: Mode | None = None


class InputTensor(msgspec.Struct, frozen=True, kw_only=True):
    """The image or images: data in JSON, flat or nested, or else binary after the JSON."""

    name: Literal["image"]
    shape: Annotated[list[Annotated[int, Meta(ge=1)]], Meta(min_length=1, max_length=4)]
    datatype: Literal["UINT8", "FP32", "BYTES"]
    parameters: InputParameters = InputParameters()
    data: list[Any] | UnsetType = UNSET


# taken only to be refused by name
Lacking = Annotated[Any, Meta(extra_json_schema={"type": "null"})]


class OutputParameters(msgspec.Struct, frozen=True):
    """Of an output. The last two are of extensions that this server lacks."""

    binary_data: bool | None = None
    classification: Lacking = None
    shared_memory_region: Lacking = None


class OutputTensor(msgspec.Struct, frozen=True, kw_only=True):
    """An output that is asked for."""

    name: str
    parameters: OutputParameters = OutputParameters()


class InferParameters(msgspec.Struct, frozen=True):
    """Of the whole request; others are passed over, as the protocol has it."""

    binary_data_output: bool = False
    preprocess: Mode | None = None


class InferRequest(msgspec.Struct, frozen=True, kw_only=True):
    """POST /v2/models/<name>/infer."""

    inputs: Annotated[list[InputTensor], Meta(min_length=1, max_length=1)]
    id: str | UnsetType = UNSET
    parameters: InferParameters = InferParameters()
    outputs: list[OutputTensor] = []


def split(body: bytes, header_length: str | None) -> tuple[InferRequest, bytes]:
    """The request's JSON, and the binary data after it.

    Args:
        body: all of it.
        header_length: how many bytes the JSON has, as the client says; None: all.

    Raises:
        MalformedRequest: that is no length within the body, or no such JSON.
    """
    if header_length is None:
        header_length = str(len(body))
    if not re.fullmatch("[0-9]{1,18}", header_length) or int(header_length) > len(body):
        raise MalformedRequest(
            f"{HEADER_LENGTH} is {header_length[:40]!r}; it must be the length of the JSON that "
            f"the body of {len(body):,} bytes begins with."
        )
    end = int(header_length)
    return inputs.read_json(body[:end], InferRequest, _HINT), body[end:]


def read_image(asked: InferRequest, binary: bytes, bundle: Bundle, settings: Settings) -> Inputs:
    """The request's one input, brought to the model's.

    Pictures (BYTES) are preprocessed and tensors taken as they are, unless the parameter
    `preprocess` of the input or of the request says otherwise.

    Args:
        asked: the request's JSON.
        binary: what follows it.
        bundle: of the model that is asked.
        settings: the limits.

    Raises:
        RequestError: of the kind that fits.
    """
    (tensor,) = asked.inputs
    mode = tensor.parameters.preprocess or asked.parameters.preprocess
    _check_binary(tensor, binary)
    if tensor.datatype == "BYTES":
        return inputs.from_images(_files(tensor, binary), mode or "auto", bundle, settings)
    array = _from_binary(tensor, binary) if tensor.data is UNSET else _from_json(tensor)
    return inputs.from_array(array, mode or "none", bundle, settings)


def _check_binary(tensor: InputTensor, binary: bytes) -> None:
    """The data are in JSON or binary, and the binary ones as many bytes as the tensor says."""
    size = tensor.parameters.binary_data_size
    if (tensor.data is UNSET) == (size is None):
        raise MalformedRequest(
            'The input must have either "data" or the parameter binary_data_size with that many '
            "bytes after the JSON."
        )
    if (size or 0) != len(binary):
        raise MalformedRequest(
            f"binary_data_size is {size}, but {len(binary):,} bytes follow the JSON (whose length "
            f"{HEADER_LENGTH} gives)."
        )


def _from_binary(tensor: InputTensor, binary: bytes) -> Pixels:
    dtype = _DTYPES[tensor.datatype]
    expected = math.prod(tensor.shape) * dtype.itemsize
    if len(binary) != expected:
        raise MalformedRequest(
            f"{tensor.datatype} of shape {tensor.shape} is {expected:,} bytes; {len(binary):,} "
            "were sent."
        )
    array = np.frombuffer(binary, dtype).reshape(tensor.shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _from_json(tensor: InputTensor) -> Pixels:
    array = numbers(tensor.data)
    _check_count(tensor, array.size)
    if tensor.datatype == "UINT8":
        if array.dtype.kind == "f" or array.min() < 0 or array.max() > 255:
            raise MalformedRequest("UINT8 data must be whole numbers in 0–255.")
        return array.astype(np.uint8).reshape(tensor.shape)
    with np.errstate(over="ignore"):  # beyond float32 is beyond 0–1 too, which is checked later
        return array.astype(np.float32).reshape(tensor.shape)


def _files(tensor: InputTensor, binary: bytes) -> list[bytes]:
    """The encoded pictures that a BYTES tensor holds."""
    if math.prod(tensor.shape) != tensor.shape[0]:
        raise MalformedRequest(
            f"BYTES of shape {tensor.shape} are not taken; send [N] or [N, 1], each an encoded "
            "picture."
        )
    if tensor.data is UNSET:
        files = _split_bytes(binary)
    else:
        texts = np.array(tensor.data, object).ravel().tolist()
        if not all(isinstance(text, str) for text in texts):
            raise MalformedRequest("BYTES data in JSON must be strings: pictures in base64.")
        files = [inputs.from_base64(text) for text in texts]
    _check_count(tensor, len(files))
    return files


def _split_bytes(binary: bytes) -> list[bytes]:
    """Binary BYTES: before each element its length, 4 bytes, little-endian."""
    files, at = [], 0
    while at < len(binary):
        size = struct.unpack_from("<I", binary, at)[0] if at + 4 <= len(binary) else 0
        end = at + 4 + size
        if end > len(binary):
            raise MalformedRequest(
                "The BYTES data end within an element; each element must follow its length in 4 "
                "bytes, little-endian."
            )
        files.append(binary[at + 4 : end])
        at = end
    return files


def _check_count(tensor: InputTensor, count: int) -> None:
    expected = math.prod(tensor.shape)
    if count != expected:
        raise MalformedRequest(
            f"Shape {tensor.shape} has {expected:,} values; {count:,} were sent."
        )

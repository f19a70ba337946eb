"""Parse arrays of numbers in request bodies: `.npy` files and JSON lists."""

import io
import math
from typing import Any

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from service.api.http.bodies import Instance, Range
from service.errors import MalformedRequest, WrongShape
from service.model.engine import Pixels

_NPY_HEADERS: dict[Any, Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_NOT_NUMBERS = "The data are not numbers in rows of one length."


def from_instances(rows: list[Instance], scale: Range | UnsetType) -> Pixels:
    """Convert JSON instances to an array: uint8 0–255 where all are integers, else float32 0–1.

    Raises:
        MalformedRequest: the range is missing, or the instances are not a regular array.
    """
    if scale is UNSET:
        raise MalformedRequest('JSON instances need a "range"; add "range": "0-255" or "0-1".')
    try:
        array = np.array(rows, np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise MalformedRequest(
            f"The instances are not numbers in rows of one length: {error}."
        ) from error
    if scale == "0-1":
        return array
    whole = np.array_equal(array, np.clip(np.rint(array), 0, 255))
    return array.astype(np.uint8) if whole else array / np.float32(255)


def load_npy(body: bytes) -> Pixels:
    """Parse a `.npy` file into an array of uint8 or float32.

    `np.load` is not used, because it allocates as much memory as the header states.

    Raises:
        MalformedRequest: the file is damaged, or does not hold numbers.
        WrongShape: the dtype is neither uint8 nor float, or there are more than four axes.
    """
    file = io.BytesIO(body)
    try:
        shape, fortran, dtype = _NPY_HEADERS[np.lib.format.read_magic(file)](file)
    # a header is Python source, so NumPy raises many types of exceptions
    except Exception as error:
        raise MalformedRequest(
            "The body is not a .npy file of version 1 or 2; write it with numpy.save."
        ) from error
    data = body[file.tell() :]
    if dtype.hasobject or min(shape, default=1) < 0:
        raise MalformedRequest("The .npy array must hold plain numbers; send uint8 or float.")
    if dtype != np.uint8 and dtype.kind != "f":
        raise WrongShape(f"The array's dtype is {dtype}; send uint8 in 0–255 or float in 0–1.")
    if len(shape) > 4 or not math.prod(shape):
        raise WrongShape(
            f"The array's shape is {shape}; send one image or several, at most (N, H, W, C)."
        )
    size = math.prod(shape) * dtype.itemsize
    if len(data) != size:
        raise MalformedRequest(
            f"{dtype} of shape {shape} requires {size:,} bytes; the .npy file has {len(data):,} "
            "after its header. Send the whole file."
        )
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    if dtype == np.uint8:
        return array.astype(np.uint8, order="C")
    with np.errstate(over="ignore"):  # the range 0–1 is checked later
        return array.astype(np.float32, order="C")


def numbers(data: object) -> NDArray[Any]:
    """Convert nested lists of JSON numbers to an array of int64 or float64.

    Raises:
        MalformedRequest: an element is not a number, or rows have different lengths.
    """
    array = np.array(data, object)  # otherwise NumPy pads every string to the longest one
    kinds = set(map(type, array.ravel()))
    if not kinds <= {int, float}:
        raise MalformedRequest(_NOT_NUMBERS)
    try:
        return array.astype(np.int64 if kinds == {int} else np.float64)
    except OverflowError as overflow:
        raise MalformedRequest(_NOT_NUMBERS) from overflow

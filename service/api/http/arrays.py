"""Arrays of numbers in a request body: `.npy` files and JSON lists, under the service's limits."""

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


def from_instances(rows: list[Instance], scale: Range | UnsetType) -> Pixels:
    """Return JSON instances as an array: uint8 0–255 where all are whole numbers, else float32 0–1.

    Raises:
        MalformedRequest: their range is not stated, or they are not numbers in rows of one length.
    """
    if scale is UNSET:
        raise MalformedRequest('Instances need "range": "0-255" or "0-1".')
    try:
        array = np.array(rows, np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise MalformedRequest(
            f"Instances are not numbers in rows of one length: {error}."
        ) from error
    if scale == "0-1":
        return array
    whole = np.array_equal(array, np.clip(np.rint(array), 0, 255))
    return array.astype(np.uint8) if whole else array / np.float32(255)


def load_npy(body: bytes) -> Pixels:
    """Return the array of a `.npy` file: uint8, or float32.

    Not `np.load`, which reserves whatever memory the header states.

    Raises:
        MalformedRequest: the file is damaged, or holds other objects than numbers.
        WrongShape: another dtype than uint8 or float, or more than four axes.
    """
    file = io.BytesIO(body)
    try:
        shape, fortran, dtype = _NPY_HEADERS[np.lib.format.read_magic(file)](file)
    # a header is Python source: NumPy raises whatever its parser trips over
    except Exception as error:
        raise MalformedRequest("The body is not a .npy array of version 1 or 2.") from error
    data = body[file.tell() :]
    if dtype.hasobject or min(shape, default=1) < 0:
        raise MalformedRequest("The .npy array must hold plain numbers.")
    if dtype != np.uint8 and dtype.kind != "f":
        raise WrongShape(f"The array is {dtype}; send uint8 in 0–255 or float in 0–1.")
    if len(shape) > 4 or not math.prod(shape):
        raise WrongShape(f"The array is {shape}; send one image or several.")
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise MalformedRequest(
            f"{dtype} of shape {shape} is {math.prod(shape) * dtype.itemsize:,} bytes; the .npy "
            f"array has {len(data):,} after its header."
        )
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    if dtype == np.uint8:
        return array.astype(np.uint8, order="C")
    with np.errstate(over="ignore"):  # beyond float32 is beyond 0–1 too, which is checked later
        return array.astype(np.float32, order="C")


def numbers(data: object) -> NDArray[Any]:
    """JSON numbers in lists, as an array of integers where all are whole, else of floats.

    Raises:
        MalformedRequest: something else than numbers, or rows of different lengths.
    """
    refusal = MalformedRequest("The data are not numbers in rows of one length.")
    array = np.array(data, object)  # left to itself, NumPy makes every text as wide as the widest
    kinds = set(map(type, array.ravel()))
    if not kinds <= {int, float}:
        raise refusal
    try:
        return array.astype(np.int64 if kinds == {int} else np.float64)
    except OverflowError as error:
        raise refusal from error

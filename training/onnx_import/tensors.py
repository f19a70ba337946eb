"""Convert the tensors of an ONNX file to arrays, without reading any other file."""

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.errors import ExportError

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]
FIX = "Export the model again with torch.onnx.export."
_ONE_FILE = (
    "Save the model as one file: torch.onnx.export(…, external_data=False), or "
    "onnx.save(onnx.load(path), path)."
)
# By ONNX's name of the type: where numbers are stored, bytes of one as raw data, the array's type.
_TYPES: dict[str, tuple[str, int, type]] = {
    "FLOAT": ("float_data", 4, np.float32),
    "DOUBLE": ("double_data", 8, np.float32),
    "FLOAT16": ("int32_data", 2, np.float32),
    "BFLOAT16": ("int32_data", 2, np.float32),
    "INT64": ("int64_data", 8, np.int64),
    "INT32": ("int32_data", 4, np.int64),
    "BOOL": ("int32_data", 1, np.bool_),
}


def to_array(tensor: "onnx.TensorProto") -> Array:
    """Return a tensor as float32, int64 or bool.

    Raises:
        ExportError: its numbers are in another file, of another type, or not as many as its shape
            says; nothing of that shape is allocated.
    """
    from onnx import numpy_helper

    name = tensor.name[:80]
    if tensor.data_location == type(tensor).EXTERNAL or tensor.external_data:
        raise ExportError(f"The tensor {name!r} is stored in another file. {_ONE_FILE}")
    names = {number: text for text, number in type(tensor).DataType.items()}
    kind = names.get(tensor.data_type, str(tensor.data_type))
    if kind not in _TYPES:
        raise ExportError(
            f"The tensor {name!r} has the type {kind}; supported are {', '.join(_TYPES)}. Export "
            "the model in float32."
        )
    field, width, dtype = _TYPES[kind]
    expected = prod(tensor.dims)
    if tensor.HasField("raw_data"):
        expected, stored = expected * width, len(tensor.raw_data)
    else:
        stored = len(getattr(tensor, field))
    if min(tensor.dims, default=0) < 0 or expected != stored:
        shape = " × ".join(map(str, tensor.dims[:8]))
        raise ExportError(
            f"The tensor {name!r} of the shape {shape} does not have as many numbers: the file is "
            f"damaged. {FIX}"
        )
    with np.errstate(over="ignore"):  # a float64 may be too large; weights are checked for that
        array: Array = numpy_helper.to_array(tensor).astype(dtype, copy=False)
    return array

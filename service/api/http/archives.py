"""Encode named arrays as npz or safetensors while they are sent, one after the other."""

import io
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import orjson
from numpy.lib import format as npy
from numpy.typing import NDArray

from service.api.http import formats
from service.environ import Stream

MIN_STREAMED = 2**20  # bytes; smaller archives are encoded at once, by `formats`
PIECE = 2**20  # bytes of an array that are encoded at once
_SAFETENSORS_TYPES = {"float32": "F32", "float16": "F16", "uint8": "U8"}


@dataclass(frozen=True)
class Entry:
    """An array of an archive.

    Attributes:
        compute: returns the array; called once, when the array is encoded.
        shape: of the array.
        dtype: its name.
    """

    compute: Callable[[], NDArray[Any]]
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Return the array's bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def entry_of(array: NDArray[Any]) -> Entry:
    """Return an entry for an array that exists."""
    return Entry(lambda: array, array.shape, array.dtype.name)


def respond(
    format_: Literal["npz", "safetensors"],
    entries: dict[str, Entry],
    metadata: Mapping[str, Any],
    retained: int,
) -> formats.FastResponse:
    """Return an archive of arrays by name, encoded while it is sent.

    Args:
        format_: of the archive.
        entries: by name.
        metadata: of safetensors.
        retained: bytes that the entries keep in memory until the client has received them.
    """
    if format_ == "npz":
        return formats.stream(Stream(npz(entries), retained), formats.MEDIA_TYPES["npz"])
    # so that each array is aligned to its items
    entries = dict(sorted(entries.items(), key=lambda item: -np.dtype(item[1].dtype).itemsize))
    header = safetensors_header(entries, metadata)
    length = len(header) + sum(entry.size for entry in entries.values())
    pieces = safetensors(header, entries)
    media_type = formats.MEDIA_TYPES["safetensors"]
    return formats.stream(Stream(pieces, retained), media_type, length)


def npz(entries: dict[str, Entry]) -> Iterator[bytes]:
    """Yield an uncompressed `.npz`; entries are removed once they are encoded."""
    buffer = _Buffer()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in list(entries):
            array = _take(entries, name)
            # arrays above 2 GiB need it, and the size is unknown when the entry begins
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
                for piece in _pieces(array):
                    file.write(piece)
                    yield buffer.take()
    yield buffer.take()


def safetensors_header(entries: Mapping[str, Entry], metadata: Mapping[str, Any]) -> bytes:
    """Return the header of safetensors: its length, then types, shapes and offsets as JSON."""
    header: dict[str, Any] = {"__metadata__": formats.texts(metadata)}
    end = 0
    for name, entry in entries.items():
        begin, end = end, end + entry.size
        kind = _SAFETENSORS_TYPES[entry.dtype]
        header[name] = {"dtype": kind, "shape": entry.shape, "data_offsets": [begin, end]}
    text = orjson.dumps(header)
    text += b" " * (-len(text) % 8)  # so that the arrays are aligned in memory
    return len(text).to_bytes(8, "little") + text


def safetensors(header: bytes, entries: dict[str, Entry]) -> Iterator[bytes]:
    """Yield safetensors; entries are removed once they are encoded."""
    yield header
    for name in list(entries):
        yield from _pieces(_take(entries, name))


def _take(entries: dict[str, Entry], name: str) -> NDArray[Any]:
    """Return an entry's array in C order, and remove the entry."""
    return np.ascontiguousarray(entries.pop(name).compute())


def _pieces(array: NDArray[Any]) -> Iterator[bytes]:
    """Yield an array's bytes in pieces."""
    view = array.reshape(-1).view(np.uint8)
    for first in range(0, len(view), PIECE):
        yield view[first : first + PIECE].tobytes()


class _Buffer(io.RawIOBase):
    """A file that can only be written; `take` empties it."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        written, self._written = self._written, []
        return b"".join(written)

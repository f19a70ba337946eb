"""Find the shards of a source: folders and patterns of images, tar, `.npy`, IDX and Parquet."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import fsdecode
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileType

from service.bulk.files import BulkError, Location, matches, printable, walk
from service.bulk.shards import IMAGES, TARS, ArrayRows, ImageFiles, RowGroups, Shard, Tar

_FILES = 1000  # images that become one part: some seconds of work for a large model
_ROWS = 5000  # of an array that become one part, and at most so many bytes:
_BYTES = 2**24
_IDX = re.compile(r"idx[2-4](-ubyte)?(\.gz)?$")  # of more axes than one, which would be labels
_WILD = re.compile(r"[*?[]")


@dataclass
class Size:
    """How much there is to do.

    Attributes:
        rows: images that are known before they are read.
        bytes: of archives, whose images are not known.
        ignored: the number of files of other kinds, by suffix.
    """

    rows: int = 0
    bytes: int = 0
    ignored: Counter[str] = field(default_factory=Counter)


class Source:
    """A source of images."""

    def __init__(self, place: str, column: str = "image") -> None:
        """Look the source up.

        Args:
            place: a file, a folder or a pattern with `*`, `?`, `[…]` or `**`; a path, or an address
                such as s3://bucket/folder.
            column: of Parquet files, the one with the images.

        Raises:
            BulkError: there is no such source.
        """
        base, self._pattern = _split(place)
        self._root = Location.of(base)
        self._column = column
        kind = self._root.kind
        if kind == FileType.NotFound or (self._pattern and kind != FileType.Directory):
            raise BulkError(f"There is no {base}.")
        self._is_file = kind == FileType.File

    def contains(self, place: Location) -> bool:
        """Return whether a folder is the source or lies in it."""
        return place.system == self._root.system and f"{place.path}/".startswith(
            f"{self._root.path}/"
        )

    def size(self) -> Size:
        """List the source once, and read the headers of its arrays and Parquet files.

        Raises:
            BulkError: there is no image in it, or a header is damaged.
        """
        size = Size()
        for shard in self._walk(size.ignored):
            size.rows += shard.rows or 0
            size.bytes += shard.bytes if shard.rows is None else 0
        if not size.rows and not size.bytes:
            kinds = ", ".join((*IMAGES, *TARS, ".npy", "idx3-ubyte", ".parquet"))
            raise BulkError(f"The source has no images; it may have files of {kinds}.")
        return size

    def shards(self) -> Iterator[Shard]:
        """Yield the shards, in the same order whenever the source is the same."""
        return self._walk(Counter())

    def _walk(self, ignored: Counter[str]) -> Iterator[Shard]:
        if self._is_file:
            parent, _, name = self._root.path.rpartition("/")
            folder = Location(self._root.system, parent)
            shards = self._file(folder, "", name)
            yield from [_files(folder, "", [name], 0)] if shards is None else shards
            return
        for relative, folder, names in walk(self._root, self._is_wanted):
            prefix = f"{relative}/" if relative else ""
            images: list[str] = []
            count = 0
            for name in map(fsdecode, names):
                is_image = name.lower().endswith(IMAGES)
                shards = None if is_image else self._file(folder, prefix, name)
                yield from shards or []
                if is_image or (self._pattern and shards is None):
                    images.append(name)
                elif shards is None:
                    ignored[name[name.rfind(".") :]] += 1
                if len(images) == _FILES:
                    yield _files(folder, prefix, images, count)
                    images, count = [], count + 1
            if images:
                yield _files(folder, prefix, images, count)

    def _is_wanted(self, path: str) -> bool:
        return not self._pattern or matches(path, self._pattern)

    def _file(self, folder: Location, prefix: str, name: str) -> list[Shard] | None:
        """Return the shards of a file that contains images; None for another file."""
        file, lower, name = folder / name, name.lower(), printable(prefix + name)
        try:
            if lower.endswith(TARS):
                return [Tar(name, file, file.size)]
            if lower.endswith(".npy"):
                return _array(file, name, *_npy_header(file))
            if _IDX.search(lower):
                return _array(file, name, *_idx_header(file), lower.endswith(".gz"))
            if lower.endswith(".parquet"):
                return self._parquet(file, name)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise BulkError(f"{name} cannot be read ({error}); replace it.") from error
        return None

    def _parquet(self, file: Location, name: str) -> list[Shard]:
        with file.open() as opened:
            parquet = pq.ParquetFile(opened)
            columns = parquet.schema_arrow.names
            if self._column not in columns:
                raise BulkError(
                    f"{name} has no column {self._column!r}; name another with --column: "
                    f"{', '.join(columns)}."
                )
            kind = parquet.schema_arrow.field(self._column).type
            has_bytes = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
            if (
                not has_bytes
                and not pa.types.is_binary(kind)
                and not pa.types.is_large_binary(kind)
            ):
                raise BulkError(
                    f"Column {self._column!r} of {name} has the type {kind}; images are bytes, or "
                    "structures with bytes. Name another column with --column."
                )
            metadata = parquet.metadata
            rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        shards: list[Shard] = []
        groups: list[int] = []
        first = 0
        count = 0
        for index, size in enumerate(rows):
            groups.append(index)
            count += size
            if count >= _FILES or index == len(rows) - 1:
                part = f"{name}-{len(shards):05}"
                shards.append(RowGroups(part, file, name, self._column, groups, first, count))
                groups, first, count = [], first + count, 0
        return shards


def _split(place: str) -> tuple[str, str]:
    """Return the folder before a place's first wildcard, and the rest; without one, no rest."""
    found = _WILD.search(place)
    if found is None:
        return place, ""
    base, slash, first = place[: found.start()].rpartition("/")
    return base or slash or ".", first + place[found.start() :]


def _files(folder: Location, prefix: str, names: list[str], index: int) -> ImageFiles:
    return ImageFiles(f"{printable(prefix)}images-{index:05}", folder, prefix, tuple(names))


def _array(
    file: Location,
    name: str,
    offset: int,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    is_compressed: bool = False,
) -> list[Shard]:
    """Return the shards of an array; a compressed one is read as a whole."""
    if len(shape) < 3:
        raise BulkError(f"{name} has the shape {shape}; images have (N, H, W) or (N, H, W, C).")
    size = dtype.itemsize * int(np.prod(shape[1:]))
    step = shape[0] if is_compressed else max(1, min(_ROWS, _BYTES // size))
    return [
        ArrayRows(
            f"{name}-{index:05}",
            *(file, name, offset, dtype, shape[1:], first),
            min(first + step, shape[0]),
            is_compressed,
        )
        for index, first in enumerate(range(0, shape[0], step or 1))
    ]


def _npy_header(file: Location) -> tuple[int, np.dtype[Any], tuple[int, ...]]:
    with file.open() as opened:
        version = np.lib.format.read_magic(opened)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
        shape, is_fortran, dtype = (read or np.lib.format.read_array_header_2_0)(opened)
        offset = opened.tell()
    if is_fortran:
        raise BulkError(f"{file.path} is in Fortran order; save it with numpy.ascontiguousarray.")
    if dtype != np.uint8 and dtype.kind != "f":
        raise BulkError(f"{file.path} has the type {dtype}; images are uint8 or floats.")
    return offset, dtype, shape


def _idx_header(file: Location) -> tuple[int, np.dtype[Any], tuple[int, ...]]:
    compression = "gzip" if file.path.endswith(".gz") else None
    with file.system.open_input_stream(file.path, compression=compression) as opened:
        magic = opened.read(4)
        if len(magic) < 4 or magic[:3] != b"\0\0\x08":
            raise ValueError("not an IDX file of bytes")
        offset = 4 + 4 * magic[3]
        shape = np.frombuffer(opened.read(4 * magic[3]), ">u4")
    return offset, np.dtype(np.uint8), tuple(map(int, shape))

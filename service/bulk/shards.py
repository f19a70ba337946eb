"""The pieces of a source, each of which becomes one part of the output, and how they are read."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.bulk.archives import DAMAGES, Encoded, tar_files
from service.bulk.files import Location, printable
from service.errors import ImageNotDecodable, RequestError

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TARS = (".tar", ".tar.gz", ".tgz")
_ROWS = 256  # that are read at once


class Batch(NamedTuple):
    """Some images of a shard, in its order.

    Attributes:
        keys: of the images, unique in the source.
        images: encoded, or why they cannot be read; or decoded, uint8 0–255 or float32, (N, …).
    """

    keys: Sequence[str]
    images: Sequence[Encoded] | NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True)
class ImageFiles:
    """Some files of a folder.

    Like every shard it has the attributes `name`, of its part, unique in the source; `rows`, the
    number of its images, None where that is not known; and `bytes`, of its file, 0 where that does
    not matter. `read` yields its images; one that cannot be read is an error among them.

    Attributes:
        folder: where they are.
        keys: the folder's path from the source, with a slash at the end unless it is empty.
        files: the names, sorted.
    """

    name: str
    folder: Location
    keys: str
    files: Sequence[str]
    bytes: int = 0

    @property
    def rows(self) -> int:
        """Return the number of files."""
        return len(self.files)

    @property
    def identity(self) -> str:
        """Return a hash of the names."""
        return sha256("\n".join(self.files).encode(errors="surrogateescape")).hexdigest()

    def read(self) -> Iterator[Batch]:
        """Read the files one after the other."""
        for first in range(0, len(self.files), _ROWS):
            names = self.files[first : first + _ROWS]
            keys = [printable(self.keys + name) for name in names]
            yield Batch(keys, [self._image(name) for name in names])

    def _image(self, name: str) -> Encoded:
        try:
            return self.folder.read(name)
        except OSError as error:
            return _unreadable(error)
        except RequestError as error:
            return error


@dataclass(frozen=True)
class Tar:
    """An archive of image files, compressed or not; other files in it are ignored (WebDataset).

    Attributes:
        file: the archive.
    """

    name: str
    file: Location
    bytes: int
    rows: None = None

    @property
    def identity(self) -> str:
        """Return the archive's size."""
        return f"{self.bytes} bytes"

    def read(self) -> Iterator[Batch]:
        """Read the archive from its beginning to its end."""
        keys: list[str] = []
        images: list[Encoded] = []
        last = "the beginning"
        try:
            for name, image in tar_files(self.file, IMAGES):
                last = name
                keys.append(f"{self.name}/{printable(name)}")
                images.append(image)
                if len(keys) == _ROWS:
                    yield Batch(keys, images)
                    keys, images = [], []
        except DAMAGES as error:
            keys.append(f"{self.name}/after {printable(last)}")
            images.append(
                ImageNotDecodable(
                    f"The archive is damaged from here ({error}). Replace it; delete its part."
                )
            )
        if keys:
            yield Batch(keys, images)


@dataclass(frozen=True)
class ArrayRows:
    """Some rows of an array in a file: `.npy` or IDX.

    Attributes:
        file: with the array.
        offset: of the array in the file, in bytes.
        dtype: of its elements.
        shape: of a row.
        start, stop: the rows.
        is_compressed: whether the file is compressed with gzip.
    """

    name: str
    file: Location
    keys: str
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int
    is_compressed: bool = False
    bytes: int = 0

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self.stop - self.start

    @property
    def identity(self) -> str:
        """Return which rows of what array they are."""
        return f"{self.start}-{self.stop} {self.dtype} {self.shape}"

    def read(self) -> Iterator[Batch]:
        """Read some rows at a time; rows that cannot be read are errors."""
        first = self.start
        try:
            for rows in self._chunks():
                yield Batch(self._keys(first, first + len(rows)), rows)
                first += len(rows)
            reason = "the file ends before it"
        except (pa.ArrowException, OSError) as error:
            reason = str(error)
        if first < self.stop:
            missing = ImageNotDecodable(f"The row cannot be read: {reason}. Replace the file.")
            yield Batch(self._keys(first, self.stop), [missing] * (self.stop - first))

    def _keys(self, first: int, stop: int) -> list[str]:
        return [f"{self.keys}#{row}" for row in range(first, stop)]

    def _chunks(self) -> Iterator[NDArray[np.uint8] | NDArray[np.float32]]:
        """Yield some rows at a time, until the file or the shard ends."""
        size, left = self._row_bytes, self.rows
        at_once = max(1, min(_ROWS * 4, 2**24 // size))
        with self._open() as file:
            while left:
                data = file.read(min(at_once, left) * size)
                count = len(data) // size
                if not count:
                    return
                left -= count
                rows = np.frombuffer(data, self.dtype, count * prod(self.shape))
                rows = rows.reshape(count, *self.shape)
                yield rows if self.dtype == np.uint8 else rows.astype(np.float32)

    @property
    def _row_bytes(self) -> int:
        return self.dtype.itemsize * prod(self.shape)

    def _open(self) -> Any:
        if self.is_compressed:
            stream = self.file.system.open_input_stream(self.file.path, compression="gzip")
            stream.read(self.offset)
            return stream
        file = self.file.open()
        file.seek(self.offset + self.start * self._row_bytes)
        return file


@dataclass(frozen=True)
class RowGroups:
    """Some row groups of a Parquet file with a column of encoded images.

    Attributes:
        file: the Parquet file.
        column: the images: bytes, or a structure with `bytes`, as in data sets of Hugging Face.
        groups: the indices of the row groups.
        first: the index of the first row in the file.
    """

    name: str
    file: Location
    keys: str
    column: str
    groups: Sequence[int]
    first: int
    rows: int
    bytes: int = 0

    @property
    def identity(self) -> str:
        """Return which rows they are."""
        return f"{self.first}-{self.first + self.rows}"

    def read(self) -> Iterator[Batch]:
        """Read some rows at a time; a row without an image is an error."""
        index, end = self.first, self.first + self.rows
        try:
            for images in self._images():
                keys = [f"{self.keys}#{row}" for row in range(index, index + len(images))]
                index += len(images)
                yield Batch(keys, images)
        except (pa.ArrowException, OSError) as error:
            damaged = ImageNotDecodable(f"The Parquet file is damaged ({error}); replace it.")
            keys = [f"{self.keys}#{row}" for row in range(index, end)]
            yield Batch(keys, [damaged] * len(keys))

    def _images(self) -> Iterator[list[Encoded]]:
        none = ImageNotDecodable("The row has no image.")
        with self.file.open() as file:
            parquet = pq.ParquetFile(file)
            for batch in parquet.iter_batches(_ROWS, row_groups=self.groups, columns=[self.column]):
                values = batch.column(0).to_pylist()
                images = [each.get("bytes") if isinstance(each, dict) else each for each in values]
                yield [none if image is None else image for image in images]


Shard: TypeAlias = ImageFiles | Tar | ArrayRows | RowGroups


def _unreadable(error: OSError) -> ImageNotDecodable:
    return ImageNotDecodable(f"The file cannot be read: {os.strerror(error.errno or 0)}.")

"""Files on this machine or in any other file system that pyarrow opens."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem

from service.errors import ImageTooLarge

MAX_BYTES = 2**28  # of an encoded image
_BUFFER = 2**20  # of files elsewhere, where each read is a request


class BulkError(Exception):
    """A job cannot begin or go on; the message says why, and what to do."""


@dataclass(frozen=True)
class Location:
    """A file or folder. Picklable.

    Attributes:
        system: its file system.
        path: as the file system writes it, without a slash at the end.
    """

    system: FileSystem
    path: str

    @classmethod
    def of(cls, place: str) -> Self:
        """Return the location of a path or of an address such as s3://bucket/folder.

        Raises:
            BulkError: no file system opens the address.
        """
        if "://" not in place:
            return cls(LocalFileSystem(), str(Path(place).resolve()))
        try:
            system, path = FileSystem.from_uri(place)
        except (OSError, ValueError) as error:
            raise BulkError(f"{place} cannot be opened ({error}).") from error
        return cls(system, path.rstrip("/"))

    def __truediv__(self, name: str) -> Self:
        """Return the location of a file or folder in this folder."""
        return replace(self, path=f"{self.path}/{name}" if name else self.path)

    @property
    def is_local(self) -> bool:
        """Return whether it is on this machine."""
        return isinstance(self.system, LocalFileSystem)

    @property
    def kind(self) -> FileType:
        """Return whether it is a file, a folder, or neither."""
        return self.system.get_file_info(self.path).type

    @property
    def size(self) -> int:
        """Return a file's bytes."""
        return int(self.system.get_file_info(self.path).size)

    def open(self) -> BinaryIO:
        """Open a file to read any part of it."""
        if self.is_local:  # reads are several times faster than through pyarrow
            return Path(self.path).open("rb", buffering=2**16)
        return BufferedReader(self.system.open_input_file(self.path), _BUFFER)

    def read(self, name: str) -> bytes:
        """Return the contents of an image file in this folder.

        Raises:
            OSError: the file cannot be read.
            ImageTooLarge: it has more than `MAX_BYTES`.
        """
        path = f"{self.path}/{name}"
        if not self.is_local:
            with self.system.open_input_file(path) as stream:
                check_size(stream.size())
                data: bytes = stream.read()
                return data
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe is an empty file
        try:
            return os.read(descriptor, check_size(os.fstat(descriptor).st_size))
        finally:
            os.close(descriptor)

    def entries(self, keep: Callable[[str], bool]) -> tuple[list[str], NDArray[np.bytes_]]:
        """Return the names of a folder's folders, and of those of its files that are kept, sorted.

        The names are bytes of one array, because a million strings would take much more memory.
        Hidden entries and those that begin with an underscore are left out.

        Raises:
            BulkError: the folder cannot be listed.
        """
        try:
            return self._entries(keep)
        except OSError as error:
            raise BulkError(f"{self.path} cannot be listed ({error.strerror}).") from error

    def _entries(self, keep: Callable[[str], bool]) -> tuple[list[str], NDArray[np.bytes_]]:
        folders: list[str] = []
        count = longest = 0
        for name, is_folder in self._list():
            if is_folder:
                folders.append(name)
            elif keep(name):
                count, longest = count + 1, max(longest, len(os.fsencode(name)))
        files = (os.fsencode(name) for name, is_folder in self._list() if not is_folder)
        kept = (name for name in files if keep(os.fsdecode(name)))
        names = np.fromiter(kept, dtype=f"S{longest or 1}", count=count)
        names.sort()
        return sorted(folders), names

    def _list(self) -> Iterator[tuple[str, bool]]:
        if self.is_local:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    is_folder = entry.is_dir()
                    if entry.name[0] in "._" or (is_folder and self._is_in(entry)):
                        continue
                    yield entry.name, is_folder
            return
        for info in self.system.get_file_info(FileSelector(self.path)):
            if info.base_name[0] not in "._":
                yield info.base_name, info.type == FileType.Directory

    def _is_in(self, entry: os.DirEntry[str]) -> bool:
        """Return whether an entry is a link to a folder that contains this one: a loop."""
        return entry.is_symlink() and Path(self.path).resolve().is_relative_to(
            Path(entry.path).resolve()
        )


def printable(name: str) -> str:
    """Return a name as text; bytes of it that are no UTF-8 are escaped."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def check_size(size: int) -> int:
    """Return the size of an encoded image.

    Raises:
        ImageTooLarge: it is more than `MAX_BYTES`.
    """
    if size > MAX_BYTES:
        raise ImageTooLarge(f"The file has {size:,} bytes; the limit is {MAX_BYTES:,}.")
    return size


def walk(
    folder: Location, keep: Callable[[str], bool]
) -> Iterator[tuple[str, Location, NDArray[np.bytes_]]]:
    """Yield each folder with files that are kept: its path from `folder`, itself, their names.

    Args:
        folder: where to begin.
        keep: gets a file's path from `folder`.
    """
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        place = folder / relative
        prefix = f"{relative}/" if relative else ""
        folders, names = place.entries(partial(_is_kept, keep, prefix))
        waiting += [prefix + name for name in reversed(folders)]
        if len(names):
            yield relative, place, names


def _is_kept(keep: Callable[[str], bool], prefix: str, name: str) -> bool:
    return keep(prefix + name)


def matches(path: str, pattern: str) -> bool:
    """Return whether a path from a folder fits a pattern; `**` stands for any number of folders."""
    own, others = PurePosixPath(path).parts, PurePosixPath(pattern).parts
    if "**" not in others:
        return len(own) == len(others) and PurePosixPath(path).match(pattern)
    at = others.index("**")
    rest = PurePosixPath(*others[at + 1 :]) if others[at + 1 :] else PurePosixPath("*")
    begins = all(PurePosixPath(a).match(b) for a, b in zip(own, others[:at], strict=False))
    return begins and len(own) >= len(others) - 1 and PurePosixPath(path).match(str(rest))

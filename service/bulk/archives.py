"""Read the files of tar archives from the first to the last, local or not, compressed or not."""

import gzip
import re
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from service.bulk.files import Location, check_size
from service.errors import ImageNotDecodable, RequestError

Encoded = bytes | RequestError
_BLOCK = 512
_END = 1024  # zeros at the end of an archive
_BUFFER = 2**20
# what an extended header may add without a change of the next file's name or size
_DETAILS = re.compile(rb"(\d+ ([acm]time|[ug]id|[ug]name)=[^\n]*\n)+")


def tar_files(archive: Location, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Encoded]]:
    """Yield the name and the contents of each file of an archive.

    The library needs 40 µs for two headers, as long as an image needs to be decoded, so the
    ordinary headers at the beginning of a local archive are parsed here: in most archives, all.

    Args:
        archive: the file, whose name ends with .tar, .tar.gz or .tgz.
        suffixes: of the files that are yielded, in lower case.

    Raises:
        tarfile.TarError, OSError, EOFError: the archive is damaged, or its end is missing.
    """
    is_plain = archive.path.endswith(".tar")
    if is_plain and archive.is_local:
        with archive.open() as file:
            yield from _ordinary(file, suffixes)
            yield from _others(file, "r:", suffixes)
    else:
        with archive.system.open_input_stream(
            archive.path, compression=None, buffer_size=_BUFFER
        ) as stream:
            yield from _others(
                stream if is_plain else gzip.GzipFile(fileobj=stream), "r|", suffixes
            )
    if is_plain:  # the library accepts an archive that ends after any file
        with archive.open() as file:
            file.seek(max(archive.size - _END, 0))
            if any(file.read(_END)):
                raise EOFError("its end is missing")


def _ordinary(file: Any, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Encoded]]:
    """Yield files while headers are ordinary; leave the file at the first other one."""
    position = 0
    while True:
        file.seek(position)
        header = file.read(_BLOCK)
        kind, size, checksum = header[156:157], header[124:135], header[148:154]
        has_prefix = header[345:346] != b"\0"  # of a long name; or the header is cut off
        is_ordinary = kind in (b"0", b"x") and header[257:262] == b"ustar" and not has_prefix
        if not (is_ordinary and size.isdigit() and checksum.isdigit()):
            break
        if sum(header) - sum(header[148:156]) + 8 * ord(" ") != int(checksum, 8):
            break
        length = int(size, 8)
        after = position + _BLOCK + -(-length // _BLOCK) * _BLOCK
        if kind == b"x":
            if not _DETAILS.fullmatch(file.read(length)):
                break
            position = after
            continue
        name = header[: header.index(0)].decode(errors="surrogateescape")
        if name.lower().endswith(suffixes):
            yield name, _contents(file, length)
        position = after
    file.seek(position)


def _others(file: Any, mode: Any, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Encoded]]:
    """Yield files from where the file is, as the library reads them."""
    with tarfile.open(fileobj=file, mode=mode) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # they would fill the memory
            if member.isfile() and member.name.lower().endswith(suffixes):
                yield member.name, _contents(archive.extractfile(member), member.size)


def _contents(file: BinaryIO | Any, size: int) -> Encoded:
    try:
        data: bytes = file.read(check_size(size))
    except RequestError as error:
        return error
    if len(data) < size:
        return ImageNotDecodable("The archive ends in the middle of this file; replace it.")
    return data

"""Read the files of tar archives from the first to the last, compressed with gzip or not."""

import gzip
import re
import tarfile
import zlib
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO

from service.bulk.files import Location, check_size
from service.errors import ImageNotDecodable, RequestError

Encoded = bytes | RequestError
_BLOCK, _NAME = 512, 100  # bytes of a header, and of the name at its beginning
_BUFFER = 2**20
DAMAGES = (tarfile.TarError, OSError, EOFError, zlib.error)
# what an extended header may add without a change of the next file's name or size
_DETAILS = re.compile(rb"(\d+ ([acm]time|[ug]id|[ug]name)=[^\n]*\n)+")


def tar_files(archive: Location, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Encoded]]:
    """Yield the name and the contents of each file of an archive.

    The library needs 40 µs for two headers, as long as an image needs to be decoded, so the
    ordinary headers at the beginning are parsed here: in most archives, all.

    Args:
        archive: the file, whose name ends with .tar, .tar.gz or .tgz.
        suffixes: of the files that are yielded, in lower case.

    Raises:
        DAMAGES: the archive is damaged, or its end is missing.
    """
    with archive.open() as raw:
        file: Any = raw if archive.path.endswith(".tar") else gzip.GzipFile(fileobj=raw)
        yield from _ordinary(file, suffixes)
        end = yield from _others(file, suffixes)
        # The library ends without an error at a header that is damaged, or after any file.
        file.seek(end)
        block = file.read(_BLOCK)
        if any(block) or not block:
            raise EOFError("a header is damaged, or the end is missing")
        while file.read(_BUFFER):  # what is compressed has its checksum at the end
            pass


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
        name = header[:_NAME].split(b"\0", 1)[0].decode(errors="surrogateescape")
        if name.lower().endswith(suffixes):
            yield name, _contents(file, length)
        position = after
    file.seek(position)


def _others(file: Any, suffixes: tuple[str, ...]) -> Generator[tuple[str, Encoded], None, int]:
    """Yield files from where the file is, as the library reads them; return where it ends."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # they would fill the memory
            if member.isfile() and member.name.lower().endswith(suffixes):
                yield member.name, _contents(archive.extractfile(member), member.size)
        return archive.offset


def _contents(file: BinaryIO | Any, size: int) -> Encoded:
    try:
        data: bytes = file.read(check_size(size))
    except RequestError as error:
        return error
    if len(data) < size:
        return ImageNotDecodable("The archive ends in the middle of this file; replace it.")
    return data

"""Archives of every format are read as the standard library reads them."""

import io
import tarfile
from pathlib import Path

import pytest

from service.bulk.archives import DAMAGES, tar_files
from service.bulk.files import Location
from service.errors import RequestError

NAMES = [
    *("a.png", "é/b.png", "c.txt", "f.PNG"),
    *("d" * 94 + ".png", "d" * 120 + ".png", "long/" * 40 + "e.png"),  # the first has no final NUL
]
FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}


def write(path: Path, style: str, suffix: str) -> dict[str, bytes]:
    """Write an archive with ordinary and unusual members; return its PNG files."""
    files: dict[str, bytes] = {}
    with tarfile.open(path, "w:gz" if suffix else "w", format=FORMATS[style]) as archive:
        for index, name in enumerate(NAMES * 2):
            if style == "ustar" and len(name) > 98:
                continue
            data = bytes([index]) * (index * 300)
            member = tarfile.TarInfo(f"{index:02}{name}")
            member.size, member.mtime = len(data), index + 0.5  # type: ignore[assignment]
            archive.addfile(member, io.BytesIO(data))
            if name.lower().endswith(".png"):
                files[member.name] = data
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE):
            member = tarfile.TarInfo("folder.png")
            member.type, member.linkname = kind, "00a.png"
            archive.addfile(member)
        last = tarfile.TarInfo("last.png")
        last.size = 1
        archive.addfile(last, io.BytesIO(b"z"))
        files["last.png"] = b"z"
    return files


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("style", FORMATS)
def test_files_of_every_format_are_read(style: str, suffix: str, tmp_path: Path) -> None:
    """Names and contents are right, long names and details included; others are left out."""
    path = tmp_path / f"a.tar{suffix}"
    expected = write(path, style, suffix)
    assert dict(tar_files(Location.of(str(path)), (".png",))) == expected


@pytest.mark.parametrize("style", FORMATS)
def test_a_damaged_header_is_an_error(style: str, tmp_path: Path) -> None:
    """With a bit of any header changed, the archive is damaged, or all files are read as before."""
    path = tmp_path / "a.tar"
    expected = write(path, style, "")
    whole = path.read_bytes()
    with tarfile.open(path) as archive:
        headers = [member.offset for member in archive]
    for place in [header + byte for header in headers for byte in range(0, 512, 37)]:
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        try:
            found = dict(tar_files(Location.of(str(path)), (".png",)))
        except DAMAGES:
            continue
        assert found == expected, place


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_cut_archive_is_an_error_wherever_it_is_cut(suffix: str, tmp_path: Path) -> None:
    """No file is lost in silence, also where the cut is between two files."""
    path = tmp_path / f"a.tar{suffix}"
    expected = write(path, "gnu", suffix)
    whole = path.read_bytes()
    end = len(whole.rstrip(b"\0")) if not suffix else len(whole) - 1
    for cut in range(0, end, max(end // 40, 1) if suffix else 512):
        path.write_bytes(whole[:cut])
        try:
            files = list(tar_files(Location.of(str(path)), (".png",)))
        except DAMAGES:
            continue
        has_error = any(isinstance(data, RequestError) for _, data in files)
        assert has_error or dict(files) == expected, cut


def test_a_damaged_compressed_archive_is_an_error(tmp_path: Path) -> None:
    """With any byte of it changed, the files are right, or it is damaged."""
    path = tmp_path / "a.tar.gz"
    expected = write(path, "gnu", ".gz")
    whole = path.read_bytes()
    for place in range(0, len(whole), 5):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        path.write_bytes(changed)
        try:
            found = dict(tar_files(Location.of(str(path)), (".png",)))
        except DAMAGES:
            continue
        assert found == expected, place

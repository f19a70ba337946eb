"""Archives of every format are read as the standard library reads them."""

import io
import tarfile
from pathlib import Path

import pytest

from service.bulk.archives import tar_files
from service.bulk.files import Location
from service.errors import RequestError

NAMES = ["a.png", "é/b.png", "c.txt", "d" * 120 + ".png", "long/" * 40 + "e.png", "f.PNG"]
FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}


def write(path: Path, style: str, suffix: str) -> dict[str, bytes]:
    """Write an archive with ordinary and unusual members; return its PNG files."""
    files: dict[str, bytes] = {}
    with tarfile.open(path, "w:gz" if suffix else "w", format=FORMATS[style]) as archive:
        for index, name in enumerate(NAMES * 2):
            if style == "ustar" and len(name) > 99:
                continue
            data = bytes([index]) * (index * 300)
            member = tarfile.TarInfo(f"{index}{name}")
            member.size, member.mtime = len(data), index + 0.5  # type: ignore[assignment]
            archive.addfile(member, io.BytesIO(data))
            if name.lower().endswith(".png"):
                files[member.name] = data
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE):
            member = tarfile.TarInfo("folder.png")
            member.type, member.linkname = kind, "0a.png"
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
def test_every_byte_of_a_header_is_checked(style: str, tmp_path: Path) -> None:
    """With any bit of a header changed, the file has an error, is left out or is read as before."""
    path = tmp_path / "a.tar"
    expected = write(path, style, "")
    whole = path.read_bytes()
    for place in range(0, 512, 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        found: dict[str, object] = {}
        try:
            found = dict(tar_files(Location.of(str(path)), (".png",)))
        except (tarfile.TarError, OSError, EOFError):
            continue
        assert all(expected.get(name) == data for name, data in found.items())


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
        except (tarfile.TarError, OSError, EOFError):
            continue
        has_error = any(isinstance(data, RequestError) for _, data in files)
        assert has_error or dict(files) == expected, cut

"""Small bodies that ask for much memory or time."""

import gzip
import io
import json
import struct
import time
import zlib
from collections.abc import Callable

from PIL import Image

from torture.row import Figure, Row
from torture.target import target

_MOST_MS = 100
_MOST_MIB = 50
_TIMES = 3  # the fastest counts, because the machine may be busy
_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "multipart/form-data; boundary=a"}


def run(share: float) -> list[Figure]:
    """Send each bomb a few times; each must be refused at once."""
    names = list(BOMBS)[: max(int(len(BOMBS) * share), 2)]
    figures: list[Figure] = []
    with target() as tested:
        tested.post("/predict", _png(28, 28, b"\0" * 784), {})
        for name in names:
            body, headers = BOMBS[name]()
            before, times = tested.peak_mib(), []
            for _ in range(_TIMES):
                begin = time.perf_counter()
                status, _ = tested.post("/predict", body, headers)
                times.append(time.perf_counter() - begin)
                if not 400 <= status < 500:
                    tested.note(f"{name} got {status}")
            figures.append(Figure(f"{name}: ms", min(times) * 1000, _MOST_MS))
            figures.append(Figure(f"{name}: MiB more", tested.peak_mib() - before, _MOST_MIB))
    faults = sum(tested.faults.values())
    return [*figures, Figure("faults", faults, 0), *map(_fault, tested.faults.items())]


def _fault(fault: tuple[str, int]) -> Figure:
    return Figure(f"of these: {fault[0]}", fault[1])


def _png(width: int, height: int, data: bytes) -> bytes:
    """Return a grey PNG whose header need not fit its data."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _gif() -> bytes:
    """Return a GIF of 100,000 frames of the largest size, with an empty first one."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\2\1\x44\0"
    return screen + frame * 100_000 + b";"


def _tiff() -> bytes:
    """Return a TIFF whose directory is its own successor."""
    entries = [(256, 4, 1, 40_000), (257, 4, 1, 40_000), (258, 3, 1, 8), (262, 3, 1, 1),
               (273, 4, 1, 8), (279, 4, 1, 10)]  # fmt: skip
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 8)


def _parts() -> bytes:
    return b'--a\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' * 100_000 + b"--a--\r\n"


def _webp() -> bytes:
    body = io.BytesIO()
    Image.new("L", (16_383, 8_000)).save(body, "WEBP", lossless=True)
    return body.getvalue()


Bomb = tuple[bytes, dict[str, str]]
BOMBS: dict[str, Callable[[], Bomb]] = {
    "PNG of 50,000 × 50,000": lambda: (_png(50_000, 50_000, b"\0"), {}),
    "PNG with 100 MB in 97 KB": lambda: (_png(28, 28, b"\0" * 100_000_000), {}),
    "GIF of 100,000 frames": lambda: (_gif(), {}),
    "TIFF in a loop": lambda: (_tiff(), {}),
    "WebP of 131 megapixels": lambda: (_webp(), {}),
    "JSON of a million keys": lambda: (
        json.dumps({str(i): 0 for i in range(10**6)}).encode(),
        _JSON,
    ),
    "JSON of 100,000 levels": lambda: (b'{"instances": ' + b"[" * 100_000, _JSON),
    "100,000 parts": lambda: (_parts(), _FORM),
    "gzip of 100 MB": lambda: (
        gzip.compress(b" " * 100_000_000),
        {**_JSON, "Content-Encoding": "gzip"},
    ),
}

ROW = Row("A body that would need much more than it weighs is refused, quickly and cheaply.", run)

"""Untrusted bytes to grey pixels, safely. Knows file formats; does not know what a digit is.

Only the format that the first bytes announce is tried, the size is checked before any pixel is
decoded, and whatever Pillow raises on damaged data becomes one exception. Nothing is kept between
calls, so any number of threads may decode at once.
"""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from service.errors import ImageNotDecodable, ImageTooLarge, UnsupportedFormat

# (first bytes, the decoder of the format that they announce)
_SIGNATURES: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"GIF87a", GifImagePlugin.GifImageFile),
    (b"GIF89a", GifImagePlugin.GifImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"II+\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0+", TiffImagePlugin.TiffImageFile),
)
_FORMATS_TAKEN = "PNG, JPEG, WebP, BMP, GIF and TIFF"
_EXIF_ORIENTATION = 0x0112
# keys of `Image.info` under which Pillow keeps what may state an orientation
_ORIENTATION_KEYS = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
_TWO_TONED = 96  # grey levels between ink and paper, from which a picture shows both
_WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")  # more than 8 bits a pixel
# numpy's way to undo each EXIF orientation; 1 is upright
_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: np.fliplr,
    3: lambda grey: np.rot90(grey, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda grey: np.rot90(grey, -1),
    7: lambda grey: np.rot90(grey, 2).T,
    8: np.rot90,
}


def decode(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """Decode the first frame or page of a picture to grey.

    Transparent parts get the background they imply (see `_flatten`), the EXIF orientation is
    applied, and more than 8 bits a pixel are brought to 8.

    Args:
        data: a PNG, JPEG, WebP, BMP, GIF or TIFF file.
        max_pixels: the most pixels (width × height) that are decoded.

    Returns:
        uint8 (H, W) in 0–255, 0 black.

    Raises:
        UnsupportedFormat: the bytes begin like no format that is taken.
        ImageTooLarge: more than `max_pixels`; found before any pixel is decoded.
        ImageNotDecodable: empty, damaged or cut short.
    """
    decoder = _decoder(data)
    try:
        # called directly: the search of `Image.open` would take as long as decoding 28 × 28 pixels
        image = decoder(io.BytesIO(data))
        _check_size(image.size, max_pixels)
        image.draft("L", None)  # JPEG: brightness only, a photo's colour is never decoded
        image.load()
        return np.ascontiguousarray(_upright(_pixels(_to_grey(image)), image))
    except ImageTooLarge:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise ImageTooLarge(_too_large("far too many pixels", max_pixels)) from bomb
    # damaged files make Pillow raise whatever its parsers trip over: struct.error, KeyError, …
    except Exception as damage:
        raise ImageNotDecodable(
            f"The {decoder.format} picture is damaged or cut short; send the whole file."
        ) from damage


def count_pixels(data: bytes) -> int:
    """Return width × height as a picture's header states them; 0 where it cannot be read.

    Args:
        data: a file of any format that `decode` takes, or anything else.
    """
    if data.startswith(b"\x89PNG"):
        return int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big")
    try:
        image = _decoder(data)(io.BytesIO(data))
        return image.width * image.height
    except Exception:  # whatever is wrong with it, `decode` says so
        return 0


def _decoder(data: bytes) -> type[ImageFile.ImageFile]:
    """Return Pillow's decoder of the format that the first bytes announce."""
    for signature, decoder in _SIGNATURES:
        if data.startswith(signature):
            return decoder
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    if not data:
        raise ImageNotDecodable("The picture is empty (0 bytes); send the whole file.")
    raise UnsupportedFormat(f"This is no picture of a format taken here: send {_FORMATS_TAKEN}.")


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Raise ImageTooLarge beyond `max_pixels` or the limit at which `Image.open` itself refuses."""
    width, height = size
    most = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
    if width * height > most:
        raise ImageTooLarge(_too_large(f"{width} × {height} pixels", most))


def _too_large(size: str, max_pixels: int) -> str:
    return f"The picture has {size}, more than the {max_pixels:,} allowed; send a smaller one."


def _to_grey(image: Image.Image) -> Image.Image:
    """A loaded picture of any mode as mode L."""
    if image.mode in _WIDE_MODES:
        return _narrow(image)
    if image.mode == "LAB":
        return image.getchannel("L")
    if image.has_transparency_data:
        return _flatten(image)
    return image if image.mode == "L" else image.convert("L")


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of a picture of mode L, uint8 (h, w)."""
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width)


def _narrow(image: Image.Image) -> Image.Image:
    """More than 8 bits a pixel, brought to 8.

    The file does not say what white is, so it is the smallest customary value that no pixel
    exceeds: 1, 255 or 65535. Values beyond those (elevations, counts) are stretched to fit.
    """
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0, neginf=0)
    low, high = min(float(values.min()), 0.0), float(values.max())
    whites = (1, 255, 65535) if image.mode == "F" else (255, 65535)
    white = next((white for white in whites if low == 0 and high <= white), high)
    if white > low:
        values = (values - low) * np.float32(255 / (white - low))
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


def _flatten(image: Image.Image) -> Image.Image:
    """Lay a picture with transparency on the background that it implies.

    Ink alone on a transparent canvas implies paper of the opposite tone: white under dark ink,
    black under bright ink. A whole picture, ink and paper, whose corners or margin are transparent
    goes on with its own paper, the tone that most of it has.
    """
    image = image.convert("LA" if image.mode in ("L", "1", "LA", "La") else "RGBA")
    alpha = image.getchannel("A")
    if _pixels(alpha).min() == 255:  # every pixel is opaque: no background shows
        return image.convert("L")
    strongest = alpha.getextrema()[1]
    visible = alpha.point(lambda opacity: 255 * (2 * opacity > strongest))
    tones = np.cumsum(image.convert("L").histogram(visible))  # pixels no brighter than each tone
    darkest, median, brightest = np.searchsorted(tones, tones[-1] * np.array([0.02, 0.5, 0.98]))
    opposite = 255 if median < 128 else 0
    background = int(median) if brightest - darkest > _TWO_TONED else opposite
    canvas = Image.new("L", image.size, background)
    canvas.paste(image.convert("L"), mask=alpha)
    return canvas


def _upright(grey: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    """Undo the rotation that the camera noted in EXIF (Pillow does it for TIFF alone)."""
    if image.info.keys().isdisjoint(_ORIENTATION_KEYS):
        return grey
    try:
        turn = _UPRIGHT.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a damaged note about a picture that itself decoded: take it as it lies
        return grey
    return grey if turn is None else turn(grey)

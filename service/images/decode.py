"""Decode untrusted image files to greyscale or RGB. Knows file formats; does not know models.

Only the format that the first bytes indicate is tried, the size is checked before any pixel is
decoded, and every exception that Pillow raises on damaged data becomes one error. The module keeps
no state between calls, so any number of threads may decode at once.
"""

import io
from collections.abc import Callable
from typing import Literal, TypeVar

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
from service.images.picture import Picture

Converted = TypeVar("Converted")
# (signature, Pillow's decoder of that format)
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
_SUPPORTED_FORMATS = "PNG, JPEG, WebP, BMP, GIF and TIFF"
_EXIF_ORIENTATION = 0x0112
# keys of `Image.info` under which Pillow stores metadata that can hold an orientation
_ORIENTATION_KEYS = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
_MIN_CONTRAST = 96  # grey levels; from here an image shows both foreground and background
_WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")  # more than 8 bits a pixel
# the function that undoes each EXIF orientation, of (H, W) and of (H, W, 3); 1 is upright
_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}
_TURNED = (5, 6, 7, 8)  # the orientations that exchange height and width


def decode(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """Decode the first frame or page of an image file to greyscale.

    Transparent parts get the background that they imply (see `_flatten`), the EXIF orientation is
    applied, and more than 8 bits a pixel are scaled to 8.

    Args:
        data: a PNG, JPEG, WebP, BMP, GIF or TIFF file.
        max_pixels: the largest width × height that is decoded.

    Returns:
        uint8 (H, W) in 0–255, 0 black.

    Raises:
        UnsupportedFormat: the file's signature is of no supported format.
        ImageTooLarge: the image exceeds `max_pixels`; raised before any pixel is decoded.
        ImageNotDecodable: the file is empty, damaged or truncated.
    """
    return _decode(data, max_pixels, _grey_pixels, "L", None)[0]


def decode_rgb(data: bytes, max_pixels: int, min_side: int | None = None) -> Picture:
    """Decode the first frame or page of an image file to RGB.

    Transparent parts are composited on white, the EXIF orientation is applied, and more than 8 bits
    a pixel are scaled to 8. Colour profiles are ignored, as most training pipelines ignore them.

    Args:
        data: a PNG, JPEG, WebP, BMP, GIF or TIFF file.
        max_pixels: the largest width × height that is decoded.
        min_side: allows a JPEG to be decoded at a half, a quarter or an eighth of its size, which
            is many times faster, as long as both sides have at least so many pixels; None to decode
            every file at its size.

    Raises:
        UnsupportedFormat: the file's signature is of no supported format.
        ImageTooLarge: the image exceeds `max_pixels`; raised before any pixel is decoded.
        ImageNotDecodable: the file is empty, damaged or truncated.
    """
    bounds = None if min_side is None else (min_side, min_side)
    rgb, image, full = _decode(data, max_pixels, _upright_rgb, "RGB", bounds)
    if image.size == full or not isinstance(image, JpegImagePlugin.JpegImageFile):
        return Picture(rgb, (rgb.height, rgb.width))  # Pillow turns a TIFF's image itself
    # libjpeg rounds the reduced size up
    reduction = next(n for n in (2, 4, 8) if image.size == (-(-full[0] // n), -(-full[1] // n)))
    return Picture(rgb, full if _orientation(image) in _TURNED else full[::-1], reduction)


def count_pixels(data: bytes) -> int:
    """Return width × height as an image file's header states them; 0 where it cannot be read.

    Args:
        data: any bytes.
    """
    if data.startswith(b"\x89PNG"):
        return int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big")
    try:
        image = _decoder(data)(io.BytesIO(data))
        return image.width * image.height
    except Exception:  # `decode` raises the error that names the reason
        return 0


def _decode(
    data: bytes,
    max_pixels: int,
    convert: Callable[[Image.Image], Converted],
    draft_mode: Literal["L", "RGB"],
    bounds: tuple[int, int] | None,
) -> tuple[Converted, Image.Image, tuple[int, int]]:
    """Return what the loaded image was converted to, the image, and its size before reduction.

    Args:
        data: the file.
        max_pixels: the largest width × height that is decoded.
        convert: converts the loaded image, and turns it upright.
        draft_mode: "L" to decode only the luminance of a JPEG.
        bounds: the smallest width and height to which a JPEG may be reduced; None for its size.
    """
    decoder = _decoder(data)
    try:
        # call the decoder directly: the search of `Image.open` takes as long as decoding 28 × 28
        image = decoder(io.BytesIO(data))
        full = image.size
        _check_size(full, max_pixels)
        image.draft(draft_mode, bounds)
        image.load()
        return convert(image), image, full
    except ImageTooLarge:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise ImageTooLarge(_too_large("more pixels than can be decoded", max_pixels)) from bomb
    # Pillow's parsers raise many types on damaged files: struct.error, KeyError, …
    except Exception as error:
        raise ImageNotDecodable(
            f"The {decoder.format} image is damaged or truncated; send the whole file."
        ) from error


def _decoder(data: bytes) -> type[ImageFile.ImageFile]:
    """Return Pillow's decoder for the file's signature."""
    for signature, decoder in _SIGNATURES:
        if data.startswith(signature):
            return decoder
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    if not data:
        raise ImageNotDecodable("The image is empty (0 bytes); send the whole file.")
    raise UnsupportedFormat(
        f"The image's format is not supported; supported formats are {_SUPPORTED_FORMATS}."
    )


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Raise ImageTooLarge above `max_pixels` or above Pillow's own limit."""
    width, height = size
    limit = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
    if width * height > limit:
        raise ImageTooLarge(_too_large(f"{width} × {height} pixels", limit))


def _too_large(size: str, max_pixels: int) -> str:
    return f"The image has {size}; the limit is {max_pixels:,} pixels. Send a smaller image."


def _grey_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Convert a loaded image of any mode to upright greyscale, uint8 (H, W)."""
    return _upright(_pixels(_to_grey(image)), image)


def _upright_rgb(image: Image.Image) -> Image.Image:
    """Convert a loaded image of any mode to upright RGB."""
    rgb = _to_rgb(image)
    if _orientation(image) not in _UPRIGHT:
        return rgb
    return Image.fromarray(_upright(np.asarray(rgb), image))


def _to_grey(image: Image.Image) -> Image.Image:
    """Convert a loaded image of any mode to mode L."""
    if image.mode in _WIDE_MODES:
        return _narrow(image)
    if image.mode == "LAB":
        return image.getchannel("L")
    if image.has_transparency_data:
        return _flatten(image)
    return image if image.mode == "L" else image.convert("L")


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert a loaded image of any mode to mode RGB, transparent parts composited on white."""
    if image.mode in _WIDE_MODES:
        return _narrow(image).convert("RGB")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return canvas


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an image of mode L, uint8 (h, w)."""
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width)


def _narrow(image: Image.Image) -> Image.Image:
    """Scale an image of more than 8 bits a pixel to 8.

    The file does not state its white level, so the smallest usual one that no pixel exceeds is
    assumed: 1, 255 or 65535. Other ranges (elevations, counts) are stretched to 0–255.
    """
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0, neginf=0)
    low, high = min(float(values.min()), 0.0), float(values.max())
    whites = (1, 255, 65535) if image.mode == "F" else (255, 65535)
    white = next((white for white in whites if low == 0 and high <= white), high)
    if white > low:
        values = (values - low) * np.float32(255 / (white - low))
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


def _flatten(image: Image.Image) -> Image.Image:
    """Composite an image with transparency onto the background that it implies.

    A foreground alone on a transparent canvas implies a background of the opposite tone: white
    behind dark strokes, black behind bright ones. An image that shows both foreground and
    background, with transparent corners or margins, is continued with its own background, the tone
    that most of it has.
    """
    image = image.convert("LA" if image.mode in ("L", "1", "LA", "La") else "RGBA")
    alpha = image.getchannel("A")
    if _pixels(alpha).min() == 255:  # every pixel is opaque: no background shows
        return image.convert("L")
    strongest = alpha.getextrema()[1]
    visible = alpha.point(lambda opacity: 255 * (2 * opacity > strongest))
    tones = np.cumsum(image.convert("L").histogram(visible))  # number of pixels up to each tone
    darkest, median, brightest = np.searchsorted(tones, tones[-1] * np.array([0.02, 0.5, 0.98]))
    opposite = 255 if median < 128 else 0
    background = int(median) if brightest - darkest > _MIN_CONTRAST else opposite
    canvas = Image.new("L", image.size, background)
    canvas.paste(image.convert("L"), mask=alpha)
    return canvas


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1–8; 1 where there is none."""
    if image.info.keys().isdisjoint(_ORIENTATION_KEYS):
        return 1
    try:
        orientation: object = image.getexif().get(_EXIF_ORIENTATION, 1)
        return orientation if isinstance(orientation, int) else 1
    except Exception:  # the pixels decoded, so damaged metadata must not reject the image
        return 1


def _upright(pixels: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    """Apply the EXIF orientation, which Pillow applies to TIFF only."""
    rotate = _UPRIGHT.get(_orientation(image))
    return pixels if rotate is None else np.ascontiguousarray(rotate(pixels))

"""Decoding of untrusted image files."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from service.errors import ImageNotDecodable, ImageTooLarge, RequestError, UnsupportedFormat
from service.images.decode import count_pixels, decode
from training import renderings

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def drawing(mnist):
    """A digit in a corner of a canvas that is neither square nor symmetric, black on white."""
    shape = renderings.shape_of(mnist.test_images[0], 40)
    return renderings.on_canvas(shape, np.random.default_rng(3), (60, 90))


def saved(image, kind, **options):
    """Return an image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def difference(one, other):
    """Return the mean absolute difference in grey levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize(("kind", "mode"), renderings.ENCODINGS)
@pytest.mark.parametrize("negative", [False, True])
def test_every_format_and_mode_decodes_to_the_same_grey_levels(drawing, kind, mode, negative):
    """The grey levels do not depend on how an image is stored."""
    original = 255 - drawing if negative else drawing
    grey = decode(renderings.encode(original, kind, mode), LIMIT)
    assert grey.dtype == np.uint8
    assert grey.flags.c_contiguous
    expected = np.where(original > 127, 255, 0) if mode == "1" else original
    assert difference(grey, expected) < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [((0, 0, 0), 255), ((200, 0, 0), 255), ((255, 255, 255), 0), ((255, 230, 0), 0)],
)
def test_a_transparent_background_gets_the_opposite_tone(drawing, kind, ink, paper):
    """A dark foreground on a transparent canvas is put on white, a bright one on black."""
    image = renderings.on_transparent(255 - drawing, ink)
    grey = decode(saved(image, kind, **({"lossless": True} if kind == "WEBP" else {})), LIMIT)
    assert grey[-1, -1] == paper
    tone = np.asarray(Image.new("RGB", (1, 1), ink).convert("L")).item()
    assert abs(int(grey[drawing == 0].mean()) - tone) < 12


def test_a_transparent_gif_and_palette_png_are_flattened_too(drawing):
    """A palette's transparent entry is a background as an alpha channel is."""
    indexed = Image.fromarray((drawing < 128).astype(np.uint8), "L").convert("P")
    indexed.putpalette([9, 9, 9, 250, 250, 250])  # a bright foreground on dark
    for kind in ("GIF", "PNG"):
        grey = decode(saved(indexed, kind, transparency=0), LIMIT)
        assert grey[-1, -1] == 0, kind
        assert grey[drawing == 0].mean() > 240, kind


def test_a_faint_foreground_on_transparent_keeps_its_polarity(drawing):
    """A white foreground of one third opacity still implies a black background."""
    grey = decode(saved(renderings.on_transparent((255 - drawing) // 3, (255,) * 3), "PNG"), LIMIT)
    assert grey[-1, -1] == 0
    assert grey.max() > 70


def test_transparent_margins_get_the_images_own_background(drawing):
    """White on black with transparent corners gets black corners, not a white frame."""
    negative = Image.fromarray(255 - drawing)
    image = Image.merge("RGBA", (negative, negative, negative, Image.new("L", negative.size, 255)))
    image = Image.composite(image, Image.new("RGBA", image.size), _inner_mask(image.size))
    assert decode(saved(image, "PNG"), LIMIT)[0, 0] == 0


def _inner_mask(size):
    mask = Image.new("L", size, 0)
    mask.paste(255, (2, 2, size[0] - 2, size[1] - 2))
    return mask


def test_an_opaque_alpha_channel_changes_nothing(drawing):
    """RGBA without a transparent pixel decodes to the image itself."""
    assert np.array_equal(decode(renderings.encode(drawing, "PNG", "RGBA"), LIMIT), drawing)


def test_a_canvas_without_a_visible_pixel_is_blank():
    """A fully transparent image is of one tone, whatever its hidden colours are."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 4)).astype(np.uint8))
    image.putalpha(0)
    assert len(np.unique(decode(saved(image, "PNG"), LIMIT))) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(drawing, orientation):
    """A photo that was stored rotated or mirrored is decoded upright."""
    grey = decode(renderings.turned(drawing, orientation), LIMIT)
    assert difference(grey, drawing) < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_the_orientation_is_found_wherever_pillow_keeps_it(drawing, kind):
    """EXIF and XMP are read, also in formats that cameras do not write."""
    rotated = Image.fromarray(drawing).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    lossless = {"lossless": True} if kind == "WEBP" else {}
    assert difference(decode(saved(rotated, kind, exif=exif, **lossless), LIMIT), drawing) < 1
    note = '<x tiff:Orientation="6"/>'
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", note)
        data = saved(rotated, kind, pnginfo=text)
    else:
        data = saved(rotated, kind, xmp=note.encode(), **lossless)
    assert difference(decode(data, LIMIT), drawing) < 1


def test_a_rotated_tiff_is_rotated_once(drawing):
    """Pillow applies the orientation of TIFF itself."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(drawing).transpose(Image.Transpose.ROTATE_90), "TIFF", exif=exif)
    assert difference(decode(data, LIMIT), drawing) < 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_frame_or_page_is_taken(drawing, kind):
    """Of an animation or a document, only the first frame or page is decoded."""
    frames = [Image.fromarray(tones).convert("RGB") for tones in (drawing, 255 - drawing)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert difference(decode(data, LIMIT), drawing) < 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_an_error(kind, share):
    """No part of a truncated image is decoded."""
    noisy = np.random.default_rng(0).integers(0, 256, (60, 90)).astype(np.uint8)
    data = renderings.encode(noisy, kind, "RGB")
    with pytest.raises(ImageNotDecodable, match="whole file"):
        decode(data[: int(len(data) * share)], LIMIT)


def test_no_bytes_are_an_error():
    """The error states that the image is empty."""
    with pytest.raises(ImageNotDecodable, match="empty"):
        decode(b"", LIMIT)


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "PDF", "EPS"])
def test_other_formats_are_rejected(drawing, kind):
    """The error lists the supported formats, although Pillow could decode others."""
    data = saved(Image.fromarray(drawing), kind)
    with pytest.raises(UnsupportedFormat, match="PNG, JPEG, WebP, BMP, GIF and TIFF"):
        decode(data, LIMIT)


def png_without_pixels(side):
    """Return the beginning of a PNG whose header declares a size, up to its pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk
    return start + struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 100) + b"IDAT"


def test_the_size_is_checked_before_a_pixel_is_decoded():
    """A decompression bomb is rejected by its header; this one has no pixels to decode."""
    with pytest.raises(ImageTooLarge, match="5000 × 5000 pixels"):
        decode(png_without_pixels(5_000), LIMIT)


def test_a_header_beyond_every_limit_is_too_large():
    """Billions of pixels, which Pillow itself rejects, are too large rather than damaged."""
    bomb = png_without_pixels(60_000)
    with pytest.raises(ImageTooLarge):
        decode(bomb, LIMIT)
    with pytest.raises(ImageTooLarge):  # Pillow's own limit, where the service has none
        decode(bomb, 10**10)


def test_the_limit_itself_is_allowed(drawing):
    """An image of exactly the limit is decoded; a limit one lower rejects it."""
    data = renderings.encode(drawing)
    assert decode(data, drawing.size).shape == drawing.shape
    with pytest.raises(ImageTooLarge):
        decode(data, drawing.size - 1)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of some damage that it can read past
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_damaged_bytes_only_ever_raise_what_is_documented(drawing, kind):
    """Changed bytes give an image or a RequestError, never another exception."""
    rng = np.random.default_rng(4)
    data = np.frombuffer(renderings.encode(drawing, kind, "RGB"), np.uint8)
    for _ in range(150):
        damaged = data.copy()
        places = rng.integers(4, len(data), 8)
        damaged[places] = rng.integers(0, 256, 8)
        try:
            decode(damaged.tobytes(), LIMIT)
        except RequestError:
            continue


def test_decoding_is_thread_safe(drawing):
    """Concurrent calls give the same results as sequential ones."""
    files = [renderings.encode(drawing, kind, mode) for kind, mode in renderings.ENCODINGS] * 4
    alone = [decode(data, LIMIT) for data in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: decode(data, LIMIT), files))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_wide_pixels_are_scaled_by_the_white_that_they_imply():
    """Ranges of 0–1, 0–255 and 0–65535 all map to 0–255 without clipping."""
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    for white in (1, 255, 65535):
        grey = decode(saved(Image.fromarray(ramp * white), "TIFF"), LIMIT)
        assert difference(grey, np.rint(ramp * 255)) < 1, white


@pytest.mark.parametrize("sides", [(3, 7), (70_000, 2**31 - 1), (2**31 - 1, 257)])
def test_the_pixels_of_a_png_are_counted_from_its_header(sides):
    """All four bytes of both sides count; what is no image has none."""
    header = struct.pack(">IIBBBBB", *sides, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
    assert count_pixels(png) == sides[0] * sides[1]
    assert count_pixels(b"no image") == 0

"""Untrusted bytes to pixels."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from service.errors import ImageNotDecodable, ImageTooLarge, RequestError, UnsupportedFormat
from service.images.decode import decode
from training import renderings

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def picture(mnist):
    """A digit in a corner of a canvas that is neither square nor symmetric, black on white."""
    shape = renderings.shape_of(mnist.test_images[0], 40)
    return renderings.on_canvas(shape, np.random.default_rng(3), (60, 90))


def saved(image, kind, **options):
    """An image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def difference(one, other):
    """Mean absolute difference, grey levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize(("kind", "mode"), renderings.ENCODINGS)
@pytest.mark.parametrize("negative", [False, True])
def test_every_format_and_mode_gives_the_picture_back(picture, kind, mode, negative):
    """Whatever a picture is stored as, the same grey levels come out, not clipped or inverted."""
    sent = 255 - picture if negative else picture
    grey = decode(renderings.encode(sent, kind, mode), LIMIT)
    assert grey.dtype == np.uint8
    assert grey.flags.c_contiguous
    expected = np.where(sent > 127, 255, 0) if mode == "1" else sent
    assert difference(grey, expected) < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [((0, 0, 0), 255), ((200, 0, 0), 255), ((255, 255, 255), 0), ((255, 230, 0), 0)],
)
def test_ink_on_transparent_gets_paper_of_the_opposite_tone(picture, kind, ink, paper):
    """Dark ink on a transparent canvas is on white, bright ink on black."""
    image = renderings.on_transparent(255 - picture, ink)
    grey = decode(saved(image, kind, **({"lossless": True} if kind == "WEBP" else {})), LIMIT)
    assert grey[-1, -1] == paper
    tone = np.asarray(Image.new("RGB", (1, 1), ink).convert("L")).item()
    assert abs(int(grey[picture == 0].mean()) - tone) < 12


def test_a_transparent_gif_and_palette_png_are_flattened_too(picture):
    """A palette's transparent entry is a background as an alpha channel is."""
    indexed = Image.fromarray((picture < 128).astype(np.uint8), "L").convert("P")
    indexed.putpalette([9, 9, 9, 250, 250, 250])  # both dark below, bright ink
    for kind in ("GIF", "PNG"):
        grey = decode(saved(indexed, kind, transparency=0), LIMIT)
        assert grey[-1, -1] == 0, kind
        assert grey[picture == 0].mean() > 240, kind


def test_faint_ink_on_transparent_keeps_its_polarity(picture):
    """White ink of a third opacity throughout still implies a black canvas."""
    grey = decode(saved(renderings.on_transparent((255 - picture) // 3, (255,) * 3), "PNG"), LIMIT)
    assert grey[-1, -1] == 0
    assert grey.max() > 70


def test_a_whole_picture_with_a_transparent_margin_goes_on_with_its_paper(picture):
    """White on black with transparent rounded corners keeps black corners, not a white frame."""
    negative = Image.fromarray(255 - picture)
    image = Image.merge("RGBA", (negative, negative, negative, Image.new("L", negative.size, 255)))
    image = Image.composite(image, Image.new("RGBA", image.size), _inner_mask(image.size))
    assert decode(saved(image, "PNG"), LIMIT)[0, 0] == 0


def _inner_mask(size):
    mask = Image.new("L", size, 0)
    mask.paste(255, (2, 2, size[0] - 2, size[1] - 2))
    return mask


def test_an_opaque_alpha_channel_changes_nothing(picture):
    """RGBA without a transparent pixel is the picture itself."""
    assert np.array_equal(decode(renderings.encode(picture, "PNG", "RGBA"), LIMIT), picture)


def test_a_canvas_without_a_visible_pixel_is_blank():
    """Full transparency is one tone, whatever colours lie under it."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 4)).astype(np.uint8))
    image.putalpha(0)
    assert len(np.unique(decode(saved(image, "PNG"), LIMIT))) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(picture, orientation):
    """A photo that the camera stored turned or mirrored comes out upright."""
    grey = decode(renderings.turned(picture, orientation), LIMIT)
    assert difference(grey, picture) < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_the_orientation_is_found_wherever_pillow_keeps_it(picture, kind):
    """In EXIF or in XMP, in formats that cameras do not write too."""
    turned = Image.fromarray(picture).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    lossless = {"lossless": True} if kind == "WEBP" else {}
    assert difference(decode(saved(turned, kind, exif=exif, **lossless), LIMIT), picture) < 1
    note = '<x tiff:Orientation="6"/>'
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", note)
        data = saved(turned, kind, pnginfo=text)
    else:
        data = saved(turned, kind, xmp=note.encode(), **lossless)
    assert difference(decode(data, LIMIT), picture) < 1


def test_a_turned_tiff_is_turned_once(picture):
    """Pillow turns TIFF by itself; it is not turned again."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(picture).transpose(Image.Transpose.ROTATE_90), "TIFF", exif=exif)
    assert difference(decode(data, LIMIT), picture) < 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_frame_or_page_is_taken(picture, kind):
    """An animation or a document of many pages is its first."""
    frames = [Image.fromarray(tones).convert("RGB") for tones in (picture, 255 - picture)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert difference(decode(data, LIMIT), picture) < 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_an_error(kind, share):
    """Half a picture is never half an answer."""
    noisy = np.random.default_rng(0).integers(0, 256, (60, 90)).astype(np.uint8)
    data = renderings.encode(noisy, kind, "RGB")
    with pytest.raises(ImageNotDecodable, match="whole file"):
        decode(data[: int(len(data) * share)], LIMIT)


def test_no_bytes_are_an_error():
    """An empty body is said to be empty."""
    with pytest.raises(ImageNotDecodable, match="empty"):
        decode(b"", LIMIT)


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "PDF", "EPS"])
def test_other_formats_are_refused_by_name_of_what_is_taken(picture, kind):
    """What Pillow could read but nobody asked for is never parsed."""
    data = saved(Image.fromarray(picture), kind)
    with pytest.raises(UnsupportedFormat, match="PNG, JPEG, WebP, BMP, GIF and TIFF"):
        decode(data, LIMIT)


def test_the_size_is_checked_before_a_pixel_is_decoded():
    """A bomb is refused by its header: this one has no pixels that could be decoded."""
    header = struct.pack(">IIBBBBB", 5_000, 5_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk
    bomb += struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 100) + b"IDAT"
    with pytest.raises(ImageTooLarge, match="5000 × 5000 pixels"):
        decode(bomb, LIMIT)


def test_a_header_beyond_every_limit_is_too_large():
    """Billions of pixels, where Pillow itself gives up, are too large rather than damaged."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk
    bomb += struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 100) + b"IDAT"
    with pytest.raises(ImageTooLarge):
        decode(bomb, LIMIT)
    with pytest.raises(ImageTooLarge):  # Pillow's own limit, where the service has none
        decode(bomb, 10**10)


def test_the_limit_itself_is_allowed(picture):
    """Exactly as many pixels as the limit pass; one fewer allowed does not."""
    data = renderings.encode(picture)
    assert decode(data, picture.size).shape == picture.shape
    with pytest.raises(ImageTooLarge):
        decode(data, picture.size - 1)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of some damage that it can read past
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_damaged_bytes_only_ever_raise_what_is_documented(picture, kind):
    """Flipped bytes give a picture or a RequestError, never anything else."""
    rng = np.random.default_rng(4)
    data = np.frombuffer(renderings.encode(picture, kind, "RGB"), np.uint8)
    for _ in range(150):
        damaged = data.copy()
        places = rng.integers(4, len(data), 8)
        damaged[places] = rng.integers(0, 256, 8)
        try:
            decode(damaged.tobytes(), LIMIT)
        except RequestError:
            continue


def test_threads_do_not_disturb_each_other(picture):
    """Many decodings at once give what one gives."""
    sent = [renderings.encode(picture, kind, mode) for kind, mode in renderings.ENCODINGS] * 4
    alone = [decode(data, LIMIT) for data in sent]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: decode(data, LIMIT), sent))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_wide_pixels_are_scaled_by_the_white_that_they_imply():
    """0–1, 0–255 and 0–65535 all reach full white; nothing is clipped to white."""
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    for white in (1, 255, 65535):
        grey = decode(saved(Image.fromarray(ramp * white), "TIFF"), LIMIT)
        assert difference(grey, np.rint(ramp * 255)) < 1, white

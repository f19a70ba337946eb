"""Decoding of untrusted image files to RGB."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from service.errors import ImageNotDecodable, ImageTooLarge, RequestError, UnsupportedFormat
from service.images.decode import decode_rgb
from service.images.resize import Resize
from training import renderings

LIMIT = 1_000_000
STORED = {  # how a camera's sensor sees an upright scene, by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
LOSSLESS = {"WEBP": {"lossless": True}}


def saved(image, kind, **options):
    """Return an image as the bytes of a file, lossless where the format can be."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **LOSSLESS.get(kind, {}), **options)
    return buffer.getvalue()


def photo(width, height):
    """Return a picture of smooth areas, hard edges and noise, neither square nor symmetric."""
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3)).astype(np.uint8))
    image = coarse.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        left, top = rng.integers(0, width), rng.integers(0, height)
        colour = tuple(rng.integers(0, 256, 3).tolist())
        draw.rectangle((left, top, left + width // 6, top + height // 9), fill=colour)
    noisy = np.asarray(image) + rng.normal(0, 6, (height, width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def image():
    """A picture of 90 × 60 pixels."""
    return photo(90, 60)


def pixels(data, **options):
    """Decode and check what holds for every picture."""
    picture = decode_rgb(data, LIMIT, **options)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.ndim == 3
    assert picture.pixels.flags.c_contiguous
    if picture.reduction == 1:
        assert picture.size == picture.pixels.shape[:2]
    return picture.pixels


def difference(one, other):
    """Return the mean absolute difference in levels."""
    one, other = np.asarray(one), np.asarray(other)
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGB"), ("WEBP", "RGBA"), ("BMP", "RGB")),
        *(("TIFF", "RGB"), ("TIFF", "RGBA"), ("TIFF", "RGBX"), ("BMP", "RGBA")),
    ],
)
def test_lossless_colour_files_decode_to_their_own_pixels(image, kind, mode):
    """The colours do not change in any format that stores them exactly."""
    assert np.array_equal(pixels(saved(image.convert(mode), kind)), np.asarray(image))


@pytest.mark.parametrize(
    ("kind", "mode", "options", "tolerance"),
    [
        ("JPEG", "RGB", {"quality": 95, "subsampling": 0}, 4),
        ("JPEG", "CMYK", {"quality": 95}, 4),
        ("TIFF", "CMYK", {}, 1),
        ("TIFF", "YCbCr", {}, 2),
        ("PNG", "P", {}, 16),
        ("GIF", "P", {}, 16),
    ],
)
def test_other_colour_modes_become_rgb(image, kind, mode, options, tolerance):
    """CMYK, YCbCr and palettes decode to the colours that they stand for."""
    assert difference(pixels(saved(image.convert(mode), kind, **options)), image) < tolerance


def test_lab_becomes_rgb():
    """The colours of a CIELAB file are those that its numbers define."""
    # L · 255/100, a + 128 and b + 128 under D50, of sRGB's white, middle grey and red
    lab = np.array([[255, 137, 138], [128, 128, 209], [128, 128, 198]], np.uint8)
    image = Image.merge("LAB", [Image.fromarray(band[np.newaxis]) for band in lab])
    decoded = pixels(saved(image, "TIFF"))[0]
    assert np.abs(decoded.astype(int) - [[255] * 3, [127] * 3, [255, 0, 0]]).max() < 6


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_grey_files_have_three_equal_channels(kind, mode):
    """A grey image, of 1, 8 or 16 bits, has the same values in red, green and blue."""
    ramp = np.linspace(0, 255, 70).astype(np.uint8).reshape(7, 10)
    image = Image.fromarray(ramp)
    if mode == "I;16":
        image = Image.fromarray(ramp.astype(np.uint16) * 257)
    elif mode == "1":
        image, ramp = Image.fromarray(ramp > 127), np.where(ramp > 127, 255, 0)
    else:
        image = image.convert(mode)
    assert np.array_equal(pixels(saved(image, kind)), np.repeat(ramp[..., np.newaxis], 3, axis=2))


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_floats_are_scaled_by_the_white_that_they_imply(white):
    """Ranges of 0–1, 0–255 and 0–65535 all map to 0–255."""
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    decoded = pixels(saved(Image.fromarray(ramp * white), "TIFF"))
    assert difference(decoded, np.repeat(np.rint(ramp * 255)[..., np.newaxis], 3, axis=2)) < 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_composited_on_white(image, kind):
    """Half opacity mixes with white, whatever the tone of the foreground is."""
    opacity = np.tile(np.array([0, 64, 128, 255, 200], np.uint8), (60, 18))
    data = saved(Image.merge("RGBA", (*image.split(), Image.fromarray(opacity))), kind)
    share = opacity[..., np.newaxis] / 255
    expected = np.asarray(image) * share + 255 * (1 - share)
    assert np.abs(pixels(data) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(kind):
    """The entry's own colour is not shown."""
    indexed = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8)).convert("P")
    indexed.putpalette([9, 9, 9, 250, 100, 50])
    decoded = pixels(saved(indexed, kind, transparency=0))
    assert decoded.tolist() == [[[255] * 3, [250, 100, 50]], [[250, 100, 50], [255] * 3]]


def test_grey_with_alpha_and_a_transparent_rgb_colour_become_white():
    """An alpha channel of grey and PNG's one transparent colour are transparency too."""
    grey = Image.merge("LA", (Image.new("L", (3, 2), 10), Image.new("L", (3, 2), 0)))
    assert (pixels(saved(grey, "PNG")) == 255).all()
    red = saved(Image.new("RGB", (3, 2), "red"), "PNG", transparency=(255, 0, 0))
    assert (pixels(red) == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_the_exif_orientation_of_colour_is_applied(image, kind, orientation):
    """A picture stored in any of the eight orientations is decoded as a viewer shows it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = image.transpose(STORED[orientation]) if orientation > 1 else image
    assert np.array_equal(pixels(saved(file, kind, exif=exif)), np.asarray(image))


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_reduced_jpeg_states_the_size_of_the_file(orientation):
    """`size` and `reduction` describe the whole image, upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(photo(803, 610), "JPEG", exif=exif)
    picture = decode_rgb(data, LIMIT, min_side=100)
    upright = {1: (610, 803), 6: (803, 610)}[orientation]
    assert picture.size == upright
    assert picture.reduction == 4
    assert picture.pixels.shape[:2] == tuple(-(-side // 4) for side in upright)


def test_a_reduction_never_goes_below_the_side_that_is_asked_for():
    """An image is decoded at its size where half of it would be too small."""
    data = saved(photo(399, 300), "JPEG")
    assert decode_rgb(data, LIMIT, min_side=151).reduction == 1
    assert decode_rgb(data, LIMIT, min_side=150).reduction == 2
    assert decode_rgb(saved(photo(399, 300), "PNG"), LIMIT, min_side=10).reduction == 1


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("size", [(1000, 750), (1025, 774), (517, 904)])
def test_a_reduced_jpeg_gives_the_model_the_same_picture(fit, size):
    """The model's input differs from that of the full decoding by about one level of 255."""
    data = saved(photo(*size), "JPEG", quality=85)
    resize = Resize(64, 64, "rgb", fit, 72 if fit == "crop" else None)
    reduced, full = decode_rgb(data, LIMIT, resize.min_side), decode_rgb(data, LIMIT)
    assert reduced.reduction > 1
    seen, expected = resize.prepare(reduced), resize.prepare(full)
    assert seen.box == expected.box
    assert difference(seen.pixels, expected.pixels) < 1.2


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_truncated_colour_file_is_an_error(image, kind):
    """No part of a truncated picture is decoded."""
    data = saved(image, kind)
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(ImageNotDecodable, match="whole file"):
            decode_rgb(data[: int(len(data) * share)], LIMIT)


def test_colour_decoding_has_the_limits_of_grey_decoding(image):
    """Empty, unsupported and too large files raise the same errors, whatever `min_side` allows."""
    with pytest.raises(ImageNotDecodable, match="empty"):
        decode_rgb(b"", LIMIT)
    with pytest.raises(UnsupportedFormat, match="PNG, JPEG, WebP, BMP, GIF and TIFF"):
        decode_rgb(saved(image, "PPM"), LIMIT)
    with pytest.raises(ImageTooLarge, match="90 × 60 pixels"):
        decode_rgb(saved(image, "JPEG"), 90 * 60 - 1, min_side=8)
    assert decode_rgb(saved(image, "JPEG"), 90 * 60).size == (60, 90)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of some damage that it can read past
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_damaged_colour_files_only_raise_what_is_documented(image, kind):
    """Changed bytes give a picture or a RequestError, never another exception."""
    rng = np.random.default_rng(4)
    data = np.frombuffer(saved(image, kind), np.uint8)
    for attempt in range(60):
        damaged = data.copy()
        damaged[rng.integers(4, len(data), 8)] = rng.integers(0, 256, 8)
        try:
            decode_rgb(damaged.tobytes(), LIMIT, min_side=10 if attempt % 2 else None)
        except RequestError:
            continue


def test_an_opaque_grey_file_has_the_levels_of_grey_decoding():
    """Colour decoding of a grey drawing is grey decoding, three times."""
    tones = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    for kind in ("PNG", "BMP", "TIFF"):
        decoded = pixels(renderings.encode(tones, kind, "L"))
        assert np.array_equal(decoded, np.repeat(tones[..., np.newaxis], 3, axis=2)), kind

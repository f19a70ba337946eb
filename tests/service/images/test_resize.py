"""Resizing of whole images to a model's input."""

import numpy as np
import pytest
from PIL import Image

from service.errors import WrongShape
from service.images.resize import Resize

BILINEAR = Image.Resampling.BILINEAR


def noise(height, width, channels=3):
    """Return an image without any symmetry."""
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(height * width).integers(0, 256, shape).astype(np.uint8)


def resized(image, width, height):
    """Return an image as Pillow resizes it."""
    return Image.fromarray(image).resize((width, height), BILINEAR)


def assert_about_equal(actual, expected):
    """Check that pixels differ by one grey level at most: Pillow rounds the edges of a part."""
    difference = np.abs(actual.astype(int) - np.asarray(expected))
    assert difference.max() <= 1
    assert difference.mean() < 0.3


@pytest.mark.parametrize(("height", "width"), [(300, 451), (451, 300), (100, 137), (256, 256)])
def test_crop_is_torchvisions_resize_and_centre_crop(height, width):
    """The shorter side becomes 256, the longer one is rounded down, the centre is cut out."""
    image = noise(height, width)
    longer = int(256 * max(height, width) / min(height, width))
    size = (256, longer) if width < height else (longer, 256)
    left, top = (round((side - 224) / 2.0) for side in size)
    expected = resized(image, *size).crop((left, top, left + 224, top + 224))
    seen = Resize(224, 224, "rgb", "crop", 256).prepare(image)
    assert_about_equal(seen.pixels, np.asarray(expected))
    assert seen.pixels.dtype == np.uint8
    assert seen.pixels.flags.c_contiguous


@pytest.mark.parametrize(
    ("image_size", "input_size", "covering"),
    [
        ((60, 90), (32, 32), (32, 48)),
        ((90, 60), (32, 32), (48, 32)),
        ((60, 90), (20, 80), (53, 80)),
        ((10, 12), (32, 32), (32, 38)),
    ],
)
def test_crop_without_a_size_covers_the_input(image_size, input_size, covering):
    """The image is resized no larger than the input needs, also where the input is not square."""
    image = noise(*image_size)
    (height, width), (rows, columns) = covering, input_size
    top, left = round((height - rows) / 2), round((width - columns) / 2)
    expected = np.asarray(resized(image, width, height))[top : top + rows, left : left + columns]
    assert_about_equal(Resize(*input_size, "rgb", "crop").prepare(image).pixels, expected)


def test_stretch_ignores_the_aspect_ratio():
    """The whole image is resized to the height and width of the input."""
    image = noise(50, 170)
    seen = Resize(40, 30, "rgb", "stretch").prepare(image)
    assert np.array_equal(seen.pixels, np.asarray(resized(image, 30, 40)))
    assert seen.box == (0, 0, 170, 50)


@pytest.mark.parametrize(("height", "width"), [(50, 170), (170, 50), (10, 17), (1, 900), (40, 40)])
def test_pad_shows_the_whole_image_on_black(height, width):
    """The longer side fills the input, the rest is black on both sides."""
    image = noise(height, width) | 1
    seen = Resize(40, 40, "rgb", "pad").prepare(image)
    assert seen.box == (0, 0, width, height)
    longer = max(height, width)
    inner = max(1, height * 40 // longer), max(1, width * 40 // longer)
    rows, columns = (np.flatnonzero(seen.pixels.any(axis=(axis, 2))) for axis in (1, 0))
    assert (len(rows), len(columns)) == inner
    for used in (rows, columns):
        assert abs(used[0] - (39 - used[-1])) <= 1
    shown = seen.pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert np.array_equal(shown, np.asarray(resized(image, inner[1], inner[0])))


def test_the_filter_is_bilinear_and_antialiases():
    """The values are those of a triangle filter as wide as the reduction, computed in float64."""
    line, size = noise(1, 97, 1), 20
    scale = 97 / size
    centres = (np.arange(size) + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(97) + 0.5 - centres[:, np.newaxis]) / scale)
    expected = (weights / weights.sum(axis=1, keepdims=True)) @ line[0]
    seen = Resize(1, size, "grey", "stretch").prepare(line).pixels[0, :, 0]
    assert np.abs(seen - expected).max() < 0.51


def test_bgr_is_rgb_in_reverse():
    """The channels are blue, green, red, contiguous in memory."""
    image = noise(30, 40)
    rgb, bgr = (Resize(20, 20, order, "crop").prepare(image).pixels for order in ("rgb", "bgr"))
    assert np.array_equal(bgr, rgb[..., ::-1])
    assert bgr.flags.c_contiguous


def test_colour_and_grey_convert_to_each_other():
    """Colour becomes grey by the weights of ITU-R 601, grey becomes three equal channels."""
    image = noise(20, 20)
    grey = Resize(20, 20, "grey", "crop").prepare(image).pixels
    assert grey.shape == (20, 20, 1)
    assert np.abs(grey[..., 0] - image @ np.array([0.299, 0.587, 0.114])).max() <= 1
    for order in ("rgb", "bgr"):
        colour = Resize(20, 20, order, "crop").prepare(grey[..., 0]).pixels
        assert np.array_equal(colour, np.repeat(grey, 3, axis=2))


@pytest.mark.parametrize(
    ("height", "width", "resize", "box"),
    [
        (300, 400, None, (50, 0, 300, 300)),
        (400, 300, None, (0, 50, 300, 300)),
        (300, 400, 256, (68, 18, 264, 264)),
        (224, 224, None, (0, 0, 224, 224)),
    ],
)
def test_the_box_is_what_the_model_sees(height, width, resize, box):
    """Left, top, width and height are in pixels of the image."""
    seen = Resize(224, 224, "rgb", "crop", resize).prepare(noise(height, width))
    assert np.abs(np.subtract(seen.box, box)).max() <= 2
    assert seen.box[0] + seen.box[2] <= width
    assert seen.box[1] + seen.box[3] <= height


def test_nothing_outside_the_box_changes_the_input_much():
    """The pixels beyond the box reach only the filter's margin at the edge of the input."""
    image = noise(300, 500)
    resize = Resize(64, 64, "rgb", "crop", 80)
    left, top, width, height = resize.prepare(image).box
    changed = np.zeros_like(image)
    inside = (slice(top, top + height), slice(left, left + width))
    changed[inside] = image[inside]
    one, other = (resize.prepare(picture).pixels[1:-1, 1:-1] for picture in (image, changed))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("shape", [(1, 200_000), (200_000, 1), (3, 100_000)])
def test_a_very_long_image_is_cropped_before_it_is_enlarged(shape):
    """An extreme aspect ratio takes no more memory than a usual one, and still shows the centre."""
    image = np.zeros(shape, np.uint8)
    middle = tuple(slice(max(0, side // 2 - 2), side // 2 + 3) for side in shape)
    image[middle] = 255
    seen = Resize(224, 224, "grey", "crop", 256).prepare(image)
    assert seen.pixels[112, 112, 0] == 255
    left, top, width, height = seen.box
    assert abs(left + width / 2 - shape[1] / 2) <= 2
    assert abs(top + height / 2 - shape[0] / 2) <= 2
    assert 1 <= max(width, height) <= 4


def test_every_size_gives_the_shape_of_the_input():
    """Images of any size, input shapes of any ratio."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        height, width, rows, columns = (int(2 ** rng.uniform(0, 8)) for _ in range(4))
        for fit in ("crop", "stretch", "pad"):
            seen = Resize(rows, columns, "rgb", fit).prepare(noise(height, width))
            assert seen.pixels.shape == (rows, columns, 3)
            left, top, right, bottom = seen.box
            assert min(left, top) >= 0
            assert 1 <= right <= width - left
            assert 1 <= bottom <= height - top


@pytest.mark.parametrize("shape", [(5,), (5, 5, 1), (5, 5, 4), (2, 5, 5, 3), (0, 5), (5, 0, 3)])
def test_other_shapes_are_an_error(shape):
    """The error states the shape and the allowed ones."""
    with pytest.raises(WrongShape, match=r"\(H, W\) or \(H, W, 3\)"):
        Resize(4, 4, "rgb", "crop").prepare(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 4, "rgb", "crop"), "above 0"),
        ((4, 4, "cmyk", "crop"), "grey, rgb or bgr"),
        ((4, 4, "rgb", "cover"), "crop, stretch or pad"),
        ((4, 4, "rgb", "pad", 8), "goes with the fit crop"),
        ((4, 9, "rgb", "crop", 8), "at least 9"),
    ],
)
def test_a_resize_that_cannot_work_is_an_error(values, message):
    """The constructor rejects values that are not allowed."""
    with pytest.raises(ValueError, match=message):
        Resize(*values)

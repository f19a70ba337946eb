"""An atlas shows every value of a page in its colour."""

import io

import numpy as np
import pytest
from PIL import Image

from service.model.atlas import GAP, UNITS_A_ROW, draw_atlas, is_drawable, pages
from service.model.colours import colours
from service.model.layer import Layer


def layer(*shape, activation="relu"):
    """A layer of that output shape, with values of its own before the activation."""
    return Layer("some", "Conv2D", (28, 28, 1), shape, activation, 0, pre=0, post=1)


def noise(*shape):
    """Values of that shape on both sides of 0."""
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


def pixels(atlas):
    """The image as uint8 (height, width, 4)."""
    with Image.open(io.BytesIO(atlas.image)) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGBA"))


def tile(atlas, index):
    """The pixels of a tile, uint8 (height, width, 4)."""
    row, column = divmod(index, atlas.columns)
    top, left = row * (atlas.height + GAP), column * (atlas.width + GAP)
    return pixels(atlas)[top : top + atlas.height, left : left + atlas.width]


@pytest.mark.parametrize("scale", ["layer", "map"])
def test_each_cell_has_the_colour_of_its_value(scale):
    """Every cell of a small map is a square of its value's colour, up to the palette's steps."""
    values = noise(5, 4, 9)
    atlas = draw_atlas(layer(5, 4, 9), "pre", values, scale=scale)
    assert (atlas.columns, atlas.width, atlas.height) == (8, 56, 70)
    whole = float(np.abs(values).max())
    for index in range(9):
        one = values[..., index]
        limit = float(np.abs(one).max()) if scale == "map" else whole
        assert atlas.limits[index] == limit
        shown = tile(atlas, index)[7::14, 7::14, :3].astype(int)
        assert np.abs(shown - colours(one, limit)).max() <= 3
        enlarged = tile(atlas, index)
        np.testing.assert_array_equal(enlarged, enlarged[::14, ::14].repeat(14, 0).repeat(14, 1))


def test_gaps_and_missing_tiles_are_transparent():
    """Only tiles are opaque; 0 has the neutral colour."""
    atlas = draw_atlas(layer(3, 3, 9), "post", np.zeros((3, 3, 9), np.float32))
    image = pixels(atlas)
    assert image.shape == (2 * 69 + GAP, 8 * 69 + 7 * GAP, 4)
    assert (image[..., 3] == 255).sum() == 9 * 69 * 69
    assert not image[:, 69, 3].any()
    assert not image[70:, 70:, 3].any()
    assert set(image[image[..., 3] == 255].ravel().tolist()) == {247, 255}
    assert atlas.limits == [1.0] * 9


def test_large_maps_are_not_enlarged():
    """A map with more rows than a tile keeps its size."""
    atlas = draw_atlas(layer(112, 90, 3), "post", noise(112, 90, 3))
    assert (atlas.width, atlas.height, atlas.columns) == (90, 112, 3)
    assert pixels(atlas).shape == (112, 3 * 90 + 2 * GAP, 4)


def test_channels_are_on_pages_of_64():
    """The last page has the remaining channels; the range is that of all pages."""
    values = noise(2, 2, 130)
    large = layer(2, 2, 130)
    assert pages(large) == 3
    last = draw_atlas(large, "pre", values, page=2)
    assert last.channels == [128, 129]
    assert last.columns == 2
    assert (last.low, last.high) == (float(values.min()), float(values.max()))
    expected = colours(values[1, 1, 129], last.limits[0])
    np.testing.assert_allclose(tile(last, 1)[35, 35, :3].astype(int), expected, atol=3)


def test_the_strongest_channels_come_first():
    """The order is that of the mean magnitudes, over all pages; equal ones keep the layer's own."""
    values = np.ones((2, 3, 5), np.float32) * np.float32([1, -4, 2, 0, 2])
    values[0, 0, 0] = 9  # the largest value, but a mean of 14 / 6
    drawn = [
        draw_atlas(layer(2, 3, 5), "pre", values, page, order="strongest", limit=2)
        for page in range(3)
    ]
    assert [atlas.channels for atlas in drawn] == [[1, 0], [2, 4], [3]]
    assert {atlas.pages for atlas in drawn} == {3}
    assert {(atlas.low, atlas.high) for atlas in drawn} == {(-4.0, 9.0)}
    expected = colours(values[1, 1, 1], 9.0)
    np.testing.assert_allclose(tile(drawn[0], 0)[35, 35, :3].astype(int), expected, atol=3)
    units = draw_atlas(layer(4), "pre", np.float32([1, -3, 2, 0]), order="strongest", limit=3)
    assert units.channels == [1, 2, 0]


def test_a_limit_above_a_page_is_the_page():
    """A page never has more than 64 maps."""
    atlas = draw_atlas(layer(2, 2, 130), "pre", noise(2, 2, 130), limit=1_000)
    assert (len(atlas.channels), atlas.pages) == (64, 3)


def test_units_are_cells_in_rows():
    """A flat layer has a cell for each unit, 1,024 a page, and one range for all of them."""
    values = noise(1_100)
    flat = layer(1_100)
    assert pages(flat) == 2
    first = draw_atlas(flat, "pre", values, scale="map")
    assert first.columns == UNITS_A_ROW
    assert pixels(first).shape[:2] == (575, 575)
    assert set(first.limits) == {float(np.abs(values).max())}
    assert draw_atlas(flat, "pre", values, page=1).channels == list(range(1_024, 1_100))


def test_probabilities_have_the_range_to_1():
    """The colours of a softmax compare between images."""
    softmax = layer(3, activation="softmax")
    assert draw_atlas(softmax, "post", np.float32([0.1, 0.2, 0.7])).limits == [1.0] * 3


@pytest.mark.parametrize(
    ("shape", "drawable"), [((4,), True), ((4, 4), False), ((4, 4, 4), True), ((1, 2, 3, 4), False)]
)
def test_maps_and_units_are_drawable(shape, drawable):
    """Values with two or four axes have no rows and columns."""
    assert is_drawable(layer(*shape)) is drawable

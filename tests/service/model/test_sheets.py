"""Contact sheets show every value in its colour."""

import numpy as np
import pytest
from PIL import ImageColor

from service.model import sheets
from service.model.colours import colours
from service.model.engine import Engine
from service.model.layer import Layer
from service.model.sheets import contact_sheet
from tests.service.model.pictures import (
    DIGIT,
    GREY,
    INK,
    NEUTRAL,
    RULE,
    coloured,
    extent,
    lightness,
    pixels,
)

HEADER = 84 + 2 * sheets.MARGIN  # 28 pixels enlarged three times, and the margins
TILES = HEADER + sheets.HEADING + 1  # where the first layer's first row of tiles begins
DIMMED = ImageColor.getrgb(sheets.DIMMED)


def layer(shape, activation="relu", kind="Conv2D"):
    """A layer of that output shape, with values of its own before the activation."""
    return Layer("some", kind, (28, 28, 1), shape, activation, 0, pre=0, post=1)


def draw(values, stage="post", shown=None, **options):
    """The sheet of one layer's values, decoded."""
    values = np.asarray(values, np.float32)
    shown = shown or layer(values.shape)
    return pixels(contact_sheet([(shown, stage, values)], DIGIT, **options))


def cell(sheet, channel, row, column, side):
    """Colour of the middle of a map's cell, in a sheet of one layer with `side` × `side` maps."""
    down, across = divmod(channel, sheets.TILES_A_ROW)
    factor = sheets.TILE // side
    top = TILES + down * (factor * side + sheets.CAPTION)
    left = sheets.MARGIN + across * (sheets.TILE + sheets.TILE_GAP)
    return tuple(sheet[top + factor * row + factor // 2, left + factor * column + factor // 2])


def unit(sheet, index):
    """Colour of the middle of a flat layer's cell, in a sheet of that layer."""
    pitch = sheets.CELL + sheets.CELL_GAP
    row, column = divmod(index, sheets.CELLS_A_ROW)
    left = sheets.WIDTH - sheets.MARGIN - (sheets.CELLS_A_ROW - column) * pitch
    return tuple(sheet[HEADER + sheets.HEADING + row * pitch + 16, left + 18])


def legend(sheet, part):
    """Colour of a legend's bar, at a part 0–1 of its width."""
    left = sheets.WIDTH - sheets.MARGIN - sheets.BAR[0]
    return tuple(sheet[HEADER + 14 + sheets.BAR[1] // 2, left + int(part * (sheets.BAR[0] - 1))])


def test_colours_darken_away_from_zero_alike_on_both_sides():
    """0 is grey and the lightest; either side darkens steadily, at about the same pace."""
    steps = np.linspace(0, 2, 101, dtype=np.float32)
    above, below = lightness(colours(steps, 2)), lightness(colours(-steps, 2))
    assert len(set(NEUTRAL)) == 1
    assert (np.diff(above) <= 0).all()
    assert (np.diff(below) <= 0).all()
    assert np.abs(above - below).max() < 40
    red, _, blue = colours(np.float32(1), 2)
    assert red > blue
    red, _, blue = colours(np.float32(-1), 2)
    assert red < blue


def test_a_tile_shows_each_value_in_its_colour():
    """Every cell of every map has the colour of its value on the layer's scale, also in row 2."""
    values = np.random.default_rng(0).uniform(0.1, 5, (13, 13, 30)).astype(np.float32)
    sheet = draw(values)
    for channel in (0, 11, 12, 29):
        for row, column in ((0, 0), (3, 9), (12, 12)):
            expected = coloured(values[row, column, channel], values.max())
            assert cell(sheet, channel, row, column, 13) == expected


def test_one_scale_a_layer_or_one_a_map():
    """By default a weak map stays pale beside a strong one; per map, each reaches the darkest."""
    values = np.ones((1, 1, 2)) * [0.5, 10]
    together, own = draw(values), draw(values, per_map=True)
    assert cell(together, 0, 0, 0, 1) == coloured(0.5, 10)
    assert cell(together, 1, 0, 0, 1) == coloured(10, 10)
    assert cell(own, 0, 0, 0, 1) == cell(own, 1, 0, 0, 1) == coloured(1, 1)


def test_each_layer_has_its_own_scale():
    """A layer of small values below one of large ones is not paler for it."""
    weak, strong = np.full((1, 1, 1), 0.1, np.float32), np.full((1, 1, 1), 50, np.float32)
    shown = layer((1, 1, 1))
    sheet = pixels(contact_sheet([(shown, "post", strong), (shown, "post", weak)], DIGIT))
    lower = sheets.HEADING + sheets.TILE + sheets.CAPTION + sheets.MARGIN
    assert cell(sheet, 0, 0, 0, 1) == coloured(1, 1)
    assert cell(sheet[lower:], 0, 0, 0, 1) == coloured(1, 1)


@pytest.mark.parametrize(
    ("values", "stage", "activation", "left", "middle"),
    [
        ([0, 4], "post", "relu", 0, 0.5),
        ([1, 4], "pre", "relu", -1, 0),
        ([-1, 4], "post", "tanh", -1, 0),
    ],
)
def test_the_scale_is_symmetric_where_values_can_be_negative(
    values, stage, activation, left, middle
):
    """After ReLU it runs from 0; before an activation, and with negative values, about 0."""
    values = np.reshape(values, (1, 1, 2))
    sheet = draw(values, stage, layer((1, 1, 2), activation))
    assert np.abs(np.subtract(legend(sheet, 0), coloured(left, 1), dtype=int)).max() <= 2
    assert np.abs(np.subtract(legend(sheet, 0.5), coloured(middle, 1), dtype=int)).max() <= 4
    assert np.abs(np.subtract(legend(sheet, 1), coloured(1, 1), dtype=int)).max() <= 2
    assert cell(sheet, 1, 0, 0, 1) == coloured(4, 4)


def test_the_texts_of_the_header_stand_beside_the_digit_in_three_lines():
    """The title is above two lines of explanation, and all are within the header."""
    header = draw(np.ones((2, 2, 1)))[:HEADER]
    title, explanation = extent(header, INK), extent(header, GREY)
    assert min(title[2], explanation[2]) >= HEADER
    assert title[1] < explanation[0]
    lines = (header == GREY).all(axis=-1).any(axis=1)[explanation[0] : explanation[1] + 1]
    assert np.count_nonzero(np.diff(lines.astype(int)) == 1) >= 1  # an empty row between both


def test_the_numbers_of_a_scale_stand_under_its_ends_and_its_middle():
    """None reaches beyond the bar, which has a frame; 0 is in the middle of a scale about 0."""
    values = np.reshape([-7.0, 7.0], (1, 1, 2))
    right = sheets.WIDTH - sheets.MARGIN
    bar = draw(values, "pre")[HEADER + 1 : HEADER + sheets.HEADING, right - sheets.BAR[0] - 30 :]
    top, bottom, first, last = extent(bar, RULE)
    assert (bottom - top, last - first) == (sheets.BAR[1] + 1, sheets.BAR[0] + 1)
    numbers = bar[bottom + 1 :]
    columns = np.flatnonzero((lightness(numbers) < 200).any(axis=0))
    assert first <= columns[0] < first + 5
    assert last - 5 < columns[-1] <= last
    middle = columns[np.abs(columns - (first + last) / 2) < 40]
    assert abs(middle.mean() - (first + last) / 2) < 2


@pytest.mark.parametrize("value", [0, 1])
def test_a_tile_has_a_frame(value):
    """It lies around the tile's pixels on every side, also where a map is dead."""
    sheet = draw(np.full((2, 2, 1), value))[HEADER + sheets.HEADING :]
    size = sheets.TILE + 1
    assert extent(sheet, RULE) == (0, size, sheets.MARGIN - 1, sheets.MARGIN - 1 + size)
    assert (sheet[0, sheets.MARGIN : sheets.MARGIN + sheets.TILE] == RULE).all()


def test_a_map_that_is_all_zero_is_marked_dead():
    """It is dimmed and carries a word; zeros within a living map keep the neutral colour."""
    values = np.zeros((3, 3, 2))
    values[2, 2, 1] = 1
    sheet = draw(values)
    assert cell(sheet, 0, 0, 0, 3) == DIMMED
    assert cell(sheet, 1, 0, 0, 3) == NEUTRAL
    top, left = TILES + 26, sheets.MARGIN
    middle = sheet[top : top + 26, left : left + sheets.TILE]
    assert lightness(middle).min() < 150  # the word "dead"


def test_a_layer_of_zeros_can_be_drawn():
    """Nothing is divided by the largest value where that is 0."""
    assert cell(draw(np.zeros((2, 2, 1))), 0, 0, 0, 2) == DIMMED
    assert unit(draw(np.zeros(5)), 4) == NEUTRAL


def test_a_flat_layer_is_a_grid_of_cells():
    """Each unit has the colour of its value, wrapped to rows."""
    values = np.random.default_rng(0).uniform(-3, 2, 70).astype(np.float32)
    sheet = draw(values, "pre", layer((70,), kind="Dense"))
    for index in (0, 31, 32, 69):
        assert unit(sheet, index) == coloured(values[index], np.abs(values).max())


def test_probabilities_keep_to_a_scale_up_to_one():
    """An unsure answer looks unsure: 0.5 is half of the scale even where it is the largest."""
    values = np.array([0.5, 0.3, 0.2], np.float32)
    shown = layer((3,), "softmax", "Dense")
    assert unit(draw(values, "post", shown), 0) == coloured(0.5, 1)
    sheet = draw(values, "post", shown, labels=("a", "b", "c"))
    top, left = HEADER + sheets.HEADING + 16, sheets.MARGIN + sheets.TILE // 2
    assert tuple(sheet[top, left]) == coloured(0.5, 1)
    assert tuple(sheet[top, left + sheets.TILE + sheets.TILE_GAP]) == coloured(0.3, 1)


def test_the_captions_are_the_channels_that_were_chosen():
    """Other channel numbers change what stands under the tiles and nothing else."""
    values = np.ones((2, 2, 2))
    first, other = draw(values), draw(values, channels=(7, 30))
    rows, columns = (np.unique(places) for places in np.nonzero((first != other).any(axis=-1)))
    assert rows.min() > TILES + sheets.TILE
    assert rows.max() < TILES + sheets.TILE + sheets.CAPTION
    assert columns.max() > sheets.MARGIN + sheets.TILE


def test_chosen_units_keep_their_labels_and_numbers():
    """The third class alone says what it says among the others; a chosen unit has its number."""
    shown = layer((3,), "softmax", "Dense")
    labels = ("a", "b", "c")
    alone = draw(np.array([0.2], np.float32), "post", shown, labels=labels, channels=(2,))
    named = draw(np.array([0.2], np.float32), "post", shown, labels=("c",))
    assert np.array_equal(alone, named)
    dense = layer((9,), "relu", "Dense")
    values = np.array([1.0], np.float32)
    assert (draw(values, "post", dense, channels=(7,)) != draw(values, "post", dense)).any()


@pytest.mark.parametrize("name", ["mnist_bundle", "tiny_bundle"])
@pytest.mark.parametrize("stage", ["pre", "post"])
@pytest.mark.parametrize("per_map", [False, True])
def test_every_layer_of_a_real_model_can_be_drawn(request, name, stage, per_map):
    """Any bundle, all layers: a picture as wide as promised."""
    bundle = request.getfixturevalue(name)
    digit = bundle.golden[0].pixels
    values = Engine(bundle).run(digit[np.newaxis], [(each.name, stage) for each in bundle.layers])
    shown = [(each, stage, values[each.name, stage][0]) for each in bundle.layers]
    sheet = pixels(contact_sheet(shown, digit, per_map, bundle.labels))
    assert sheet.shape[1] == sheets.WIDTH


def test_maps_larger_than_a_tile_keep_their_size():
    """A layer of 100 × 100 maps is drawn pixel by pixel, fewer in a row, none over another."""
    values = np.ones((100, 100, 10), np.float32)
    values[0, 0] = values[-1, -1] = 2
    sheet = draw(values)
    assert (sheet == coloured(2, 2)).all(axis=-1)[TILES:].sum() == 2 * 10

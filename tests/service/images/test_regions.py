"""A digit is found on a sheet, in a shadow and beside bars; bold digits are no surroundings."""

import numpy as np
import pytest
from PIL import Image

from service.images.digit.preprocessing import prepare
from tests.service.images.scenery import PAPER, SIDE, background, box_of, with_digit
from training import renderings

COUNT = 12  # digits a kind
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]


def desk(canvas):
    """Draw a sheet on a dark desk."""
    canvas.rectangle((0, 0, SIDE, SIDE), fill=50)
    canvas.rectangle((50, 40, 250, 245), fill=225)


def bars(canvas):
    """Draw dark bars along two edges."""
    canvas.rectangle((0, 0, SIDE, 30), fill=20)
    canvas.rectangle((0, 0, 30, SIDE), fill=20)


def turned(pixels, side=SIDE):
    """Return an image turned by 8 degrees, of another size, with the desk's tone in its corners."""
    image = Image.fromarray(pixels).rotate(8, Image.Resampling.BICUBIC, fillcolor=50)
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(("side", "reduction"), [(SIDE, 1), (1200, 2)])
@pytest.mark.parametrize("negative", [False, True])
def test_a_digit_on_a_sheet_is_found(side, reduction, negative, mnist):
    """The desk around the sheet is removed; the bounding box is the digit's in the image."""
    for digit in mnist.train_images[-COUNT if side == SIDE else -3 :]:
        image = turned(with_digit(background(desk), digit), side)
        applied = prepare(255 - image if negative else image).applied

        assert applied.removed == ("outside",)
        assert applied.inverted is not negative
        expected = box_of(image, turned(background(desk), side))
        np.testing.assert_allclose(applied.bounding_box, expected, atol=3 * reduction)


def test_the_stage_shows_the_desk(mnist):
    """The stage `removed` is lit all over the desk, and dark where the sheet's middle is."""
    image = with_digit(background(desk), mnist.train_images[-1])
    removed = prepare(image).stages["removed"] > 0

    assert removed.shape == image.shape
    assert removed[background(desk) == 50].all()
    assert not removed[60:225, 70:230].any()


def test_bars_at_the_edge_are_a_border(mnist):
    """Bars along two edges are removed as a border or around a sheet; most digits are whole."""
    empty = background(bars)
    is_whole = []
    for digit in mnist.train_images[-COUNT:]:
        image = with_digit(empty, digit)
        applied = prepare(image).applied
        assert applied.removed in (("border",), ("outside",))
        is_whole.append(np.abs(applied.bounding_box - box_of(image, empty)).max() <= 2)
    assert np.mean(is_whole) >= 0.9


@pytest.mark.parametrize("factor", [0.55, 0.7])
def test_a_digit_across_the_edge_of_a_shadow_is_whole(factor, mnist):
    """The part of nearly every digit in the shadow and the part beside it are one digit."""
    light = np.where(ROWS + COLUMNS < 250, factor, 1)
    names, is_whole = [], []
    for digit in mnist.train_images[-COUNT:]:
        image = with_digit(background(), digit)
        applied = prepare(np.rint(image * light).astype(np.uint8)).applied
        names.append(applied.removed)
        is_whole.append(np.abs(applied.bounding_box - box_of(image, background())).max() <= 2)
    assert np.mean(is_whole) >= 0.9
    assert set(names) <= {("shadow",), ("border",)}
    assert names.count(("shadow",)) > COUNT / 2


@pytest.mark.parametrize("side", ["top", "left"])
def test_a_bold_digit_at_the_edge_is_no_shadow(side, mnist):
    """Almost all digits twice as bold as MNIST's that touch the image's edge are kept whole."""
    empty = np.full((200, 200), PAPER, np.uint8)
    is_whole = []
    for digit in mnist.train_images[-2 * COUNT :]:
        shape = renderings.restroke(digit, 2.2, 150)
        height, width = shape.shape
        top, left = (0, (200 - width) // 2) if side == "top" else ((200 - height) // 2, 0)
        image = empty.astype(np.float64)
        image[top : top + height, left : left + width] -= 200 * shape
        drawing = np.rint(image).astype(np.uint8)
        applied = prepare(drawing).applied

        distance = np.abs(np.subtract(applied.bounding_box, box_of(drawing, empty))).max()
        is_whole.append(applied.removed == () and applied.inverted and distance <= 2)
    assert np.mean(is_whole) > 0.9


def test_a_bold_digit_cropped_to_its_box_is_kept(mnist):
    """Strokes that continue a wide part in its own tone are one digit with it, no shadow."""
    is_whole = []
    for digit in mnist.train_images[-5000:-4950]:
        drawing = np.rint(235 - 205 * renderings.restroke(digit, 1.6, 150)).astype(np.uint8)
        is_whole.append(prepare(drawing).applied.removed == ())
    assert np.mean(is_whole) > 0.9

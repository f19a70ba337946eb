"""Lines, boxes and grids around a digit are removed; the digit's own strokes are not."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from service.images.digit.components import find_components
from service.images.digit.frames import find_frames
from service.images.digit.preprocessing import prepare
from tests.service.images.scenery import INK, PAPER, SIDE, background, box_of, with_digit
from training import renderings

COUNT = 12  # digits a kind


def squared(canvas):
    """Draw squared paper."""
    for place in range(12, SIDE, 32):
        canvas.line((place, 0, place, SIDE), fill=150, width=2)
        canvas.line((0, place, SIDE, place), fill=150, width=2)


def ruled(canvas):
    """Draw ruled paper."""
    for place in range(20, SIDE, 60):
        canvas.line((0, place, SIDE, place), fill=120, width=2)


def box(canvas):
    """Draw a frame."""
    canvas.rectangle((60, 60, 240, 240), outline=40, width=4)


def rounded_box(canvas):
    """Draw a frame without straight corners."""
    canvas.rounded_rectangle((50, 50, 240, 240), 70, outline=40, width=5)


def bent_box(canvas):
    """Draw a frame by hand."""
    corners = ((55, 60), (150, 50), (245, 62), (252, 150), (240, 240), (150, 250), (58, 243))
    canvas.line((*corners, (47, 150), (55, 60)), fill=40, width=5, joint="curve")


def underline(canvas):
    """Draw a line below the digit, from edge to edge."""
    canvas.line((0, 215, SIDE, 215), fill=INK, width=4)


def short_underline(canvas):
    """Draw a line below the digit that ends freely."""
    canvas.line((30, 215, 250, 215), fill=INK, width=4)


def line_beside(canvas):
    """Draw a line at the digit's left that starts at the edge and ends below the digit."""
    canvas.line((70, 0, 70, 230), fill=60, width=4)


@pytest.mark.parametrize(
    ("draw", "removed"),
    [
        (box, "box"),
        (rounded_box, "box"),
        (bent_box, "box"),
        (squared, "grid"),
        (ruled, "lines"),
        (underline, "lines"),
        (short_underline, "lines"),
        (line_beside, "lines"),
    ],
)
@pytest.mark.parametrize("negative", [False, True])
def test_what_was_removed_is_named(draw, removed, negative, mnist):
    """A frame is a box, crossing lines are a grid, others lines; in either polarity."""
    empty = background(draw)
    for digit in mnist.train_images[-COUNT:]:
        image = with_digit(empty, digit)
        applied = prepare(255 - image if negative else image).applied
        assert applied.removed == (removed,)
        assert applied.inverted is not negative


@pytest.mark.parametrize("draw", [box, bent_box, underline, short_underline, line_beside])
def test_the_bounding_box_is_the_digits(draw, mnist):
    """Without the lines, the bounding box is that of the digit alone."""
    empty = background(draw)
    for digit in mnist.train_images[-COUNT:]:
        image = with_digit(empty, digit)
        found = prepare(image).applied.bounding_box
        np.testing.assert_allclose(found, box_of(image, empty), atol=2)


@pytest.mark.parametrize("negative", [False, True])
def test_a_frame_that_the_digit_touches_is_removed(negative, mnist):
    """A frame with round corners is removed where the digit is joined to one of its sides."""
    empty = background()
    frame = background(
        lambda canvas: canvas.rounded_rectangle((30, 84, 230, 260), 40, outline=INK, width=6)
    )
    for digit in mnist.train_images[-COUNT:]:
        image = with_digit(frame, digit, top=87)
        applied = prepare(255 - image if negative else image).applied
        assert applied.removed == ("box",)
        expected = box_of(with_digit(empty, digit, top=87), empty)
        np.testing.assert_allclose(applied.bounding_box, expected, atol=8)


def test_squared_paper_leaves_little_beside_the_digit(mnist):
    """Where a line of squared paper meets a stroke, few pixels of the line may remain."""
    empty = background(squared)
    distances = []
    for digit in mnist.train_images[-2 * COUNT :]:
        image = with_digit(empty, digit)
        found = prepare(image).applied.bounding_box
        distances.append(np.abs(found - box_of(image, empty)).max())
    assert np.mean(np.array(distances) <= 5) > 0.85


def test_a_large_image_has_its_bounding_box_in_its_own_pixels(mnist):
    """Above 640 pixels a side the box is exact to 2 pixels of the image that is searched."""
    size = (1400, 1400)
    for digit in mnist.train_images[-4:]:
        image, empty = (
            np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BILINEAR))
            for each in (with_digit(background(box), digit), background(box))
        )
        applied = prepare(image).applied
        assert applied.removed == ("box",)
        np.testing.assert_allclose(applied.bounding_box, box_of(image, empty), atol=2 * 3)


def test_the_stage_shows_what_was_removed(mnist):
    """`removed` follows `ink`, has the shape of `grey`, and is lit where the box was drawn."""
    empty = background(box)
    image = with_digit(empty, mnist.train_images[-1])
    stages = prepare(image).stages

    assert list(stages) == ["grey", "ink", "removed", "mask", "cropped", "resized", "digit"]
    removed, mask = stages["removed"] > 0, stages["mask"] > 0
    assert removed.shape == mask.shape == stages["grey"].shape
    assert removed[empty < PAPER].mean() > 0.98
    assert not (removed & mask).any()
    assert not removed[100:190, 110:190].any()


def test_a_drawing_has_no_surroundings(mnist):
    """Of a digit alone nothing is removed, and there is no such stage."""
    for digit in mnist.train_images[-60:]:
        prepared = prepare(with_digit(background(), digit))
        assert prepared.applied.removed == ()
        assert "removed" not in prepared.stages


def test_a_drawing_anywhere_has_no_surroundings(mnist):
    """Almost nothing is removed of large digits that may touch the image's edge."""
    rng = np.random.default_rng(5)
    is_whole = []
    for digit in mnist.train_images[-80:]:
        shape = renderings.shape_of(digit, int(rng.integers(150, 270)))
        is_whole.append(prepare(renderings.on_canvas(shape, rng)).applied.removed == ())
    assert np.mean(is_whole) > 0.9


def long_seven(canvas):
    """Draw a 7 whose bar is longer than the rest is high, crossed."""
    canvas.line(((40, 80), (240, 80), (150, 200)), fill=INK, width=12, joint="curve")
    canvas.line((160, 140, 230, 140), fill=INK, width=12)


def long_two(canvas):
    """Draw a 2 whose base is longer than the rest is high."""
    canvas.arc((90, 70, 170, 150), 180, 400, fill=INK, width=12)
    canvas.line(((158, 136), (70, 205), (250, 205)), fill=INK, width=12)


def four(canvas):
    """Draw a 4 of straight strokes."""
    canvas.line(((120, 60), (60, 160), (220, 160)), fill=INK, width=10)
    canvas.line((170, 90, 170, 230), fill=INK, width=10)


def five(canvas):
    """Draw a 5 whose upper bar is separate and longer than the rest is high."""
    canvas.line((110, 60, 250, 60), fill=INK, width=10)
    canvas.line((110, 76, 110, 120), fill=INK, width=10)
    canvas.arc((80, 105, 180, 195), 250, 140, fill=INK, width=10)


def zero_with_a_dot(canvas):
    """Draw a 0 with a dot inside."""
    canvas.ellipse((80, 60, 200, 220), outline=INK, width=10)
    canvas.ellipse((130, 130, 150, 150), fill=INK)


def zero_with_a_slash(canvas):
    """Draw a 0 with a slash from side to side."""
    canvas.ellipse((80, 60, 200, 220), outline=INK, width=10)
    canvas.line((85, 215, 195, 65), fill=INK, width=8)


STRAIGHT = [long_seven, long_two, four, five, zero_with_a_dot, zero_with_a_slash]


@pytest.mark.parametrize("draw", STRAIGHT)
@pytest.mark.parametrize("negative", [False, True])
def test_a_digits_own_bars_and_dots_are_kept(draw, negative):
    """A long bar, a stroke that stands free and a dot inside a 0 are parts of the digit."""
    image = background(draw)
    prepared = prepare(255 - image if negative else image)

    assert prepared.applied.removed == ()
    np.testing.assert_array_equal(prepared.stages["mask"] > 0, image < PAPER)


@pytest.mark.parametrize("draw", STRAIGHT)
def test_a_digit_in_a_box_keeps_its_bars_and_dots(draw):
    """The frame is removed, and the digit inside keeps all of its strokes."""
    frame = background(lambda canvas: canvas.rectangle((20, 30, 262, 245), outline=40, width=4))
    image = Image.fromarray(frame)
    draw(ImageDraw.Draw(image))
    prepared = prepare(np.asarray(image))

    assert prepared.applied.removed == ("box",)
    drawn = background(draw) < PAPER
    assert (prepared.stages["mask"] > 0)[drawn].mean() > 0.98
    assert not (prepared.stages["mask"] > 0)[~drawn].any()


def test_a_box_beside_a_digit_is_no_frame():
    """A frame has another stroke inside, nearly as large; none beside it, and no dot."""
    mask = np.zeros((200, 300), bool)
    mask[40:160, 40:140] = True
    mask[46:154, 46:134] = False
    beside, inside, small = mask.copy(), mask.copy(), mask.copy()
    beside[60:150, 180:220] = inside[60:150, 70:110] = small[96:104, 86:94] = True
    for drawn, expected in ((beside, 0), (inside, 1), (small, 0)):
        parts = find_components(drawn)
        frames = find_frames(parts, np.ones(len(parts.area), bool))
        assert np.count_nonzero(frames) == expected


def test_what_is_left_of_a_line_is_a_mark(mnist):
    """A bar at a line, away from the digit, is removed with it; one that stands free is not."""

    def bar(bottom):
        return lambda canvas: canvas.rectangle((20, bottom - 30, 34, bottom), fill=INK)

    digit = mnist.train_images[-1]
    at_line = prepare(with_digit(background(underline, bar(212)), digit)).applied
    free = prepare(with_digit(background(underline, bar(190)), digit)).applied
    assert at_line.removed == ("lines", "marks")
    assert free.removed == ("lines",)
    assert at_line.bounding_box[0] > 60 > free.bounding_box[0]

"""Any picture of a digit to the digit as MNIST would have drawn it."""

from dataclasses import asdict

import numpy as np
import pytest

from service.errors import NothingDrawn, WrongShape
from service.images.decode import decode
from service.images.digit.preprocessing import prepare
from service.model.engine import Engine
from training import renderings

LIMIT = 10_000_000
COUNT = 150  # digits a condition: enough to fail loudly, few enough to run every time


@pytest.fixture(scope="module")
def digits(mnist):
    """Test digits drawn at random, uint8 (N, 28, 28), and their labels."""
    chosen = np.random.default_rng(11).choice(len(mnist.test_images), COUNT, replace=False)
    return mnist.test_images[chosen], mnist.test_labels[chosen]


@pytest.fixture(scope="module")
def wrong(digits, mnist_bundle):
    """How many more of the digits the committed model gets wrong when drawn by `draw`."""
    images, labels = digits
    engine = Engine(mnist_bundle)

    def errors(prepared):
        return int((engine.probabilities(prepared[..., np.newaxis]).argmax(axis=1) != labels).sum())

    def count(draw):
        prepared = []
        for index, image in enumerate(images):
            picture = draw(image, np.random.default_rng(index))
            prepared.append(prepare(picture, "mnist").digit)
        return errors(np.array(prepared)) - errors(images)

    return count


def canvas(low=20, high=270, size=(280, 280), **tones):
    """Draws a digit of `low` to `high` pixels anywhere on a canvas."""
    return lambda digit, rng: renderings.on_canvas(
        renderings.shape_of(digit, int(rng.integers(low, high))), rng, size, **tones
    )


def photo(ink, paper, low=30, noise=8.0):
    """The canvas, photographed and saved as JPEG of quality 30."""
    drawn = canvas(low, 250, ink=ink, paper=paper)
    return lambda digit, rng: decode(
        renderings.encode(
            renderings.photographed(drawn(digit, rng), rng, noise), "JPEG", "RGB", quality=30
        ),
        LIMIT,
    )


def test_every_mnist_digit_is_left_byte_for_byte_alone(mnist):
    """`auto` gives back the very digits that the model was trained and measured on."""
    for images in (mnist.test_images, mnist.train_images[::7]):
        for image in images:
            prepared = prepare(image)
            assert prepared.applied.mode == "none"
            assert np.array_equal(prepared.digit, image)


def is_mnist(picture):
    """The obvious way to tell a true MNIST digit."""
    rows, columns = np.nonzero(picture)
    if picture.max() < 254 or 2 * len(rows) > picture.size:
        return False
    if max(np.ptp(rows), np.ptp(columns)) + 1 not in (19, 20):
        return False
    weights = picture / picture.sum(dtype=float)
    centre = weights.sum(axis=1) @ np.arange(28), weights.sum(axis=0) @ np.arange(28)
    return max(abs(place - 14) for place in centre) < 0.55


def test_auto_leaves_alone_exactly_what_is_mnists(digits):
    """The quick check of `auto` agrees with the obvious one, also on digits that were altered."""
    rng = np.random.default_rng(2)
    alterations = (
        lambda image: np.roll(image, rng.integers(-1, 2), axis=rng.integers(2)),
        lambda image: np.minimum(image, rng.integers(252, 256)).astype(np.uint8),
        lambda image: np.maximum(image, rng.random(image.shape) < rng.choice([0.01, 0.6])),
        lambda image: np.where(np.arange(28) < rng.integers(4, 10), 0, image).astype(np.uint8),
        lambda image: image.T,
    )
    decisions = []
    for image in digits[0]:
        for alter in alterations:
            altered = alter(image)
            decisions.append(is_mnist(altered))
            try:
                taken = prepare(altered).applied.mode == "none"
            except NothingDrawn:
                taken = False
            assert taken == decisions[-1]
    assert 0.2 < np.mean(decisions) < 0.8


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (90, 160)])
def test_blank_surroundings_change_nothing(digits, ink, paper):
    """Where all is of one tone little is looked at; a trace in two corners has all looked at."""
    for index, image in enumerate(digits[0][:40]):
        rng = np.random.default_rng(index)
        blank = canvas(40, 200, ink=ink, paper=paper)(image, rng)
        traces = blank.copy()
        traces[0, 0] = traces[-1, -1] = paper + (1 if paper < 255 else -1)
        one, other = prepare(blank), prepare(traces)
        assert one.applied == other.applied
        for stage in ("ink", "mask", "cropped", "digit"):
            difference = np.abs(one.stages[stage].astype(int) - other.stages[stage])
            assert difference.max() <= 1, stage


def test_ink_of_the_first_pixels_tone_is_found():
    """A stroke along the picture's left edge is ink, though nothing varies in it."""
    picture = np.full((100, 90), 255, np.uint8)
    picture[:, :8] = 0
    prepared = prepare(picture)
    assert prepared.applied.bounding_box == (0, 0, 8, 100)
    assert np.array_equal(prepared.stages["mask"] > 0, picture == 0)


def test_a_digit_on_28_by_28_pixels_that_is_not_mnists_is_drawn_again(digits):
    """Black on white, off-centre or small, 28 × 28 is not enough to be taken as it is."""
    image = digits[0][0]
    for other in (255 - image, np.roll(image, 2, axis=1), image // 2):
        prepared = prepare(other)
        assert prepared.applied.mode == "mnist"
        assert np.abs(prepared.digit.astype(int) - image).mean() < 6


def test_mode_mnist_draws_even_mnists_own_digits_again(digits):
    """`mnist` always does the whole recipe; on MNIST's own digits it changes next to nothing."""
    changes = []
    for image in digits[0]:
        prepared = prepare(image, "mnist")
        assert prepared.applied.mode == "mnist"
        changes.append(np.abs(prepared.digit.astype(int) - image).mean())
    assert np.median(changes) < 1.5


def test_mode_none_takes_the_pixels_as_they_are():
    """`none` neither looks at the pixels nor changes them."""
    noise = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)
    for picture in (noise, np.zeros((28, 28), np.uint8)):
        assert np.array_equal(prepare(picture, "none").digit, picture)


def test_mode_none_wants_28_by_28_pixels():
    """Any other size is an error that says both sizes."""
    with pytest.raises(WrongShape, match="28 × 28 pixels, not 30 × 20"):
        prepare(np.zeros((20, 30), np.uint8), "none")


def test_the_digit_has_mnists_form(digits):
    """Longer side 20, maximum 255, paper 0, centre of mass within half a pixel of the middle."""
    for index, image in enumerate(digits[0][:60]):
        rng = np.random.default_rng(index)
        digit = prepare(canvas()(image, rng)).digit
        assert digit.shape == (28, 28)
        assert digit.dtype == np.uint8
        assert digit.max() == 255
        rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
        weights = digit / digit.sum()
        assert abs(weights.sum(axis=1) @ np.arange(28) - 14) <= 0.51
        assert abs(weights.sum(axis=0) @ np.arange(28) - 14) <= 0.51


@pytest.mark.parametrize(
    ("draw", "allowed"),
    [
        pytest.param(canvas(), 1, id="black-on-white"),
        pytest.param(canvas(ink=255, paper=0), 1, id="white-on-black"),
        pytest.param(canvas(60, 590, (600, 600)), 1, id="600-pixels"),
        pytest.param(canvas(20, 170, (180, 420)), 1, id="wide-canvas"),
        pytest.param(canvas(60, 250, ink=100, paper=150), 1, id="faint"),
        pytest.param(photo(0, 255), 2, id="photo"),
        pytest.param(photo(110, 255, low=60), 2, id="photo-of-pencil"),
        pytest.param(photo(235, 20, low=60), 2, id="photo-of-chalk"),
        pytest.param(photo(0, 255, low=80, noise=16.0), 2, id="photo-in-the-dark"),
    ],
)
def test_the_model_reads_what_people_send(wrong, draw, allowed):
    """Digits drawn or photographed anywhere, at any size, are read as well as MNIST's own."""
    assert wrong(draw) <= allowed


@pytest.mark.parametrize(("pen", "allowed"), [(1.1, 3), (1.6, 3), (3.4, 3), (4.5, 4)])
def test_the_model_reads_thin_and_thick_pens(wrong, pen, allowed):
    """From half of MNIST's 2.25 pixels to double, the pen costs next to nothing."""

    def draw(digit, rng):
        factor = pen / renderings.pen_width(digit)
        return renderings.on_canvas(renderings.restroke(digit, factor, 200), rng)

    assert wrong(draw) <= allowed


def test_strokes_come_near_mnists(digits):
    """Thin strokes are thickened, thick ones thinned, MNIST's own left alone; it is said."""
    shape = renderings.restroke(digits[0][0], 1, 200)
    rng = np.random.default_rng(0)
    thin = renderings.on_canvas(renderings.restroke(digits[0][0], 0.4, 200), rng)
    thick = renderings.on_canvas(renderings.restroke(digits[0][0], 2.4, 200), rng)
    assert prepare(thin).applied.stroke > 1
    assert prepare(thick).applied.stroke < 1
    assert prepare(renderings.on_canvas(shape, rng)).applied.stroke == 1


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("factor", [1, 2])
def test_polarity_is_found_where_the_digit_fills_the_picture(digits, negative, factor):
    """Even a bold digit cropped to its edges is told from its paper (a bare stroke may not be)."""
    images, labels = digits
    right = []
    for image in images[labels != 1][:60]:
        shape = renderings.restroke(image, factor, 120)
        picture = np.rint(255 * (shape if negative else 1 - shape)).astype(np.uint8)
        right.append(prepare(picture).applied.inverted is not negative)
    assert np.mean(right) >= 0.97


def test_the_answer_says_what_was_done(digits):
    """Polarity, box, scale and threshold are the drawing's own."""
    shape = np.ones((100, 50), np.float32)
    shape[12:-12, 12:-12] = 0  # a box of strokes
    picture = np.full((200, 300), 220, np.uint8)
    picture[30:130, 200:250] = np.where(shape > 0, 20, 220)
    applied = prepare(picture).applied
    assert applied.inverted
    assert applied.bounding_box == (200, 30, 50, 100)
    assert applied.scale == 0.2
    assert applied.shift == (0, 0)
    assert applied.threshold == pytest.approx(200 / 220 * 255 / 2, abs=3)
    assert all(isinstance(value, int) for value in applied.bounding_box + applied.shift)
    assert not prepare(255 - picture).applied.inverted
    assert set(asdict(applied)) == set(asdict(prepare(digits[0][0]).applied))


def test_the_bounding_box_of_a_large_picture_is_in_its_own_pixels(digits):
    """A photo is looked at smaller than it is; the box is in the pixels that were sent."""
    shape = renderings.shape_of(digits[0][0], 900)
    picture = np.full((2000, 3000), 255, np.uint8)
    picture[500 : 500 + len(shape), 1500 : 1500 + shape.shape[1]] -= np.rint(shape * 255).astype(
        np.uint8
    )
    left, top, width, height = prepare(picture).applied.bounding_box
    found = np.array((left, top, left + width, top + height))
    assert np.abs(found - (1500, 500, 1500 + shape.shape[1], 500 + len(shape))).max() < 20


def test_the_stages_tell_the_way_in_order(digits):
    """From the picture to the digit, each a picture that can be shown."""
    stages = prepare(255 - digits[0][0]).stages
    assert list(stages) == ["grey", "ink", "mask", "cropped", "resized", "digit"]
    assert all(stage.dtype == np.uint8 and stage.ndim == 2 for stage in stages.values())
    assert max(stages["resized"].shape) == 20
    assert list(prepare(digits[0][0]).stages) == ["grey", "digit"]


def test_specks_are_no_part_of_the_digit(digits):
    """Dust on the paper, however black, moves neither box nor digit."""
    changes = []
    for index, image in enumerate(digits[0][:40]):
        rng = np.random.default_rng(index)
        clean = canvas(120, 260)(image, rng)
        dusty = renderings.specked(clean, rng, 25, 0)
        changes.append(np.abs(prepare(dusty).digit.astype(int) - prepare(clean).digit).mean())
    # now and then a speck sits on a stroke's edge, and is a part of it then
    assert np.quantile(changes, 0.9) < 2


def test_a_soft_shadow_in_the_corner_is_no_part_of_the_digit(digits):
    """Shade that runs off the photo is left out, though darker than the paper, like ink."""
    rows, columns = np.mgrid[0 : 1 : 280 * 1j, 0 : 1 : 280 * 1j]
    shade = 1 - 0.5 / (1 + np.exp((np.hypot(rows, columns) - 0.2) / 0.05))
    boxes = []
    for image in digits[0][:40]:
        shape = renderings.shape_of(image, 120)
        picture = np.full((280, 280), 235.0)
        picture[140 : 140 + shape.shape[0], 140 : 140 + shape.shape[1]] -= 205 * shape
        boxes.append(prepare(np.rint(picture * shade).astype(np.uint8)).applied.bounding_box)
    assert np.mean([left > 120 and top > 120 for left, top, _, _ in boxes]) >= 0.9


SIZES = [(28, 28), (280, 280), (600, 600), (1, 1), (1, 50), (5, 700)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tone", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("mode", ["auto", "mnist"])
def test_nothing_is_drawn_on_a_blank_picture(size, tone, mode):
    """Full black, full white, and any tone between hold no digit, at any size."""
    with pytest.raises(NothingDrawn, match="draw one digit"):
        prepare(np.full(size, tone, np.uint8), mode)


@pytest.mark.parametrize("size", [(28, 28), (280, 280), (600, 600), (2000, 1500)])
@pytest.mark.parametrize("paper", [0, 255])
def test_one_pixel_is_not_a_digit(size, paper):
    """A single pixel, anywhere, is nothing drawn."""
    for row, column in ((0, 0), (size[0] // 2, size[1] // 2), (size[0] - 1, 3)):
        picture = np.full(size, paper, np.uint8)
        picture[row, column] = 255 - paper
        with pytest.raises(NothingDrawn):
            prepare(picture)


@pytest.mark.parametrize("size", [(28, 28), (280, 280), (600, 600)])
def test_noise_is_not_a_digit(size):
    """Neither uniform nor normal noise is guessed at."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        for noise in (rng.integers(0, 256, size), np.clip(rng.normal(128, 25, size), 0, 255)):
            with pytest.raises(NothingDrawn):
                prepare(noise.astype(np.uint8))


def test_blank_paper_photographed_is_not_a_digit():
    """Uneven light, texture and JPEG's blocks are no ink."""
    for seed in range(15):
        rng = np.random.default_rng(seed)
        seen = renderings.photographed(np.full((280, 280), 255, np.uint8), rng)
        with pytest.raises(NothingDrawn):
            prepare(decode(renderings.encode(seen, "JPEG", "RGB", quality=30), LIMIT))


def test_printed_digits_are_read(mnist_bundle):
    """Most digits of every font at hand, each alone, are read right."""
    engine = Engine(mnist_bundle)
    right = []
    for font in renderings.fonts():
        for label in range(10):
            shape = renderings.printed(str(label), 120, font)
            picture = renderings.on_canvas(shape, np.random.default_rng(label))
            digit = prepare(picture).digit[np.newaxis, ..., np.newaxis]
            right.append(int(engine.probabilities(digit).argmax()) == label)
    assert np.mean(right) >= 0.8

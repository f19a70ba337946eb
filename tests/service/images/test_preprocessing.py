"""Preprocessing: an image of a digit becomes a 28 × 28 digit of MNIST's form."""

from dataclasses import asdict

import numpy as np
import pytest

from service.errors import NothingDrawn, WrongShape
from service.images.digit.preprocessing import prepare
from training import renderings


def canvas(low=20, high=270, size=(280, 280), **tones):
    """Return a function that draws a digit of `low` to `high` pixels anywhere on a canvas."""
    return lambda digit, rng: renderings.on_canvas(
        renderings.shape_of(digit, int(rng.integers(low, high))), rng, size, **tones
    )


def test_auto_returns_mnist_digits_unchanged(mnist):
    """Mode `auto` returns the digits that the model was trained and evaluated on byte for byte."""
    for images in (mnist.test_images, mnist.train_images[::7]):
        for image in images:
            prepared = prepare(image)
            assert prepared.applied.mode == "none"
            assert np.array_equal(prepared.digit, image)


def is_mnist(image):
    """Return whether an image has the form of an MNIST digit, in the obvious, slow way."""
    rows, columns = np.nonzero(image)
    if image.max() < 254 or 2 * len(rows) > image.size:
        return False
    if max(np.ptp(rows), np.ptp(columns)) + 1 not in (19, 20):
        return False
    weights = image / image.sum(dtype=float)
    centre = weights.sum(axis=1) @ np.arange(28), weights.sum(axis=0) @ np.arange(28)
    return max(abs(coordinate - 14) for coordinate in centre) < 0.55


def test_auto_recognises_the_form_of_mnist(digits):
    """Mode `auto` agrees with the slow check, on altered digits too."""
    rng = np.random.default_rng(2)
    alterations = (
        lambda image: np.roll(image, rng.integers(-1, 2), axis=rng.integers(2)),
        lambda image: np.minimum(image, rng.integers(252, 256)).astype(np.uint8),
        lambda image: np.maximum(image, rng.random(image.shape) < rng.choice([0.01, 0.6])),
        lambda image: np.where(np.arange(28) < rng.integers(4, 10), 0, image).astype(np.uint8),
        lambda image: image.T,
    )
    expected = []
    for image in digits[0]:
        for alter in alterations:
            altered = alter(image)
            expected.append(is_mnist(altered))
            try:
                is_unchanged = prepare(altered).applied.mode == "none"
            except NothingDrawn:
                is_unchanged = False
            assert is_unchanged == expected[-1]
    assert 0.2 < np.mean(expected) < 0.8


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (90, 160)])
def test_skipping_uniform_margins_changes_nothing(digits, ink, paper):
    """Uniform margins are skipped; two marked corners prevent that, and the result is the same."""
    for index, image in enumerate(digits[0][:40]):
        rng = np.random.default_rng(index)
        blank = canvas(40, 200, ink=ink, paper=paper)(image, rng)
        marked = blank.copy()
        marked[0, 0] = marked[-1, -1] = paper + (1 if paper < 255 else -1)
        skipped, full = prepare(blank), prepare(marked)
        assert skipped.applied == full.applied
        for stage in ("ink", "mask", "cropped", "digit"):
            difference = np.abs(skipped.stages[stage].astype(int) - full.stages[stage])
            assert difference.max() <= 1, stage


def test_a_stroke_along_the_edge_is_foreground():
    """A uniform stroke along the left edge of the image is foreground, not a margin."""
    image = np.full((100, 90), 255, np.uint8)
    image[:, :8] = 0
    prepared = prepare(image)
    assert prepared.applied.bounding_box == (0, 0, 8, 100)
    assert np.array_equal(prepared.stages["mask"] > 0, image == 0)


def test_a_28_by_28_image_of_another_form_is_preprocessed(digits):
    """A 28 × 28 digit that is black on white, off-centre or faint gets the form of MNIST."""
    image = digits[0][0]
    for altered in (255 - image, np.roll(image, 2, axis=1), image // 2):
        prepared = prepare(altered)
        assert prepared.applied.mode == "mnist"
        assert np.abs(prepared.digit.astype(int) - image).mean() < 6


def test_mode_mnist_preprocesses_mnist_digits_too(digits):
    """Mode `mnist` always applies every step; on MNIST's digits these change almost nothing."""
    changes = []
    for image in digits[0]:
        prepared = prepare(image, "mnist")
        assert prepared.applied.mode == "mnist"
        changes.append(np.abs(prepared.digit.astype(int) - image).mean())
    assert np.median(changes) < 1.5


def test_mode_none_takes_the_pixels_as_they_are():
    """Mode `none` returns 28 × 28 pixels unchanged, noise and a blank image too."""
    noise = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)
    for image in (noise, np.zeros((28, 28), np.uint8)):
        assert np.array_equal(prepare(image, "none").digit, image)


def test_mode_none_requires_28_by_28_pixels():
    """Mode `none` raises an error that names both sizes for any other size."""
    with pytest.raises(WrongShape, match="28 × 28 pixels, not 30 × 20"):
        prepare(np.zeros((20, 30), np.uint8), "none")


def test_the_digit_has_the_form_of_mnist(digits):
    """Longer side 20, maximum 255, background 0, centre of mass half a pixel from the centre."""
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


def test_the_stroke_width_is_adjusted(digits):
    """Thin strokes are widened, wide ones thinned, MNIST's own kept, as the result reports."""
    shape = renderings.restroke(digits[0][0], 1, 200)
    rng = np.random.default_rng(0)
    thin = renderings.on_canvas(renderings.restroke(digits[0][0], 0.4, 200), rng)
    thick = renderings.on_canvas(renderings.restroke(digits[0][0], 2.4, 200), rng)
    assert prepare(thin).applied.stroke > 1
    assert prepare(thick).applied.stroke < 1
    assert prepare(renderings.on_canvas(shape, rng)).applied.stroke == 1


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("factor", [1, 2])
def test_polarity_is_right_for_a_cropped_digit(digits, negative, factor):
    """Polarity is right for a digit cropped to its bounding box, except for a bare stroke (1)."""
    images, labels = digits
    is_right = []
    for image in images[labels != 1][:60]:
        shape = renderings.restroke(image, factor, 120)
        drawing = np.rint(255 * (shape if negative else 1 - shape)).astype(np.uint8)
        is_right.append(prepare(drawing).applied.inverted is not negative)
    assert np.mean(is_right) >= 0.97


def test_the_result_reports_each_step(digits):
    """Polarity, bounding box, scale, shift and threshold are those of the drawing."""
    shape = np.ones((100, 50), np.float32)
    shape[12:-12, 12:-12] = 0  # a box of strokes
    image = np.full((200, 300), 220, np.uint8)
    image[30:130, 200:250] = np.where(shape > 0, 20, 220)
    applied = prepare(image).applied
    assert applied.inverted
    assert applied.bounding_box == (200, 30, 50, 100)
    assert applied.scale == 0.2
    assert applied.shift == (0, 0)
    assert applied.threshold == pytest.approx(200 / 220 * 255 / 2, abs=3)
    assert all(isinstance(value, int) for value in applied.bounding_box + applied.shift)
    assert not prepare(255 - image).applied.inverted
    assert set(asdict(applied)) == set(asdict(prepare(digits[0][0]).applied))


def test_the_bounding_box_of_a_large_image_is_in_its_own_pixels(digits):
    """A large image is reduced to be analysed; the bounding box is in pixels of the original."""
    shape = renderings.shape_of(digits[0][0], 900)
    image = np.full((2000, 3000), 255, np.uint8)
    image[500 : 500 + len(shape), 1500 : 1500 + shape.shape[1]] -= np.rint(shape * 255).astype(
        np.uint8
    )
    left, top, width, height = prepare(image).applied.bounding_box
    corners = np.array((left, top, left + width, top + height))
    assert np.abs(corners - (1500, 500, 1500 + shape.shape[1], 500 + len(shape))).max() < 20


def test_the_stages_are_images_in_order(digits):
    """Each stage between the image and the digit is a grey image that can be shown."""
    stages = prepare(255 - digits[0][0]).stages
    assert list(stages) == ["grey", "ink", "mask", "cropped", "resized", "digit"]
    assert all(stage.dtype == np.uint8 and stage.ndim == 2 for stage in stages.values())
    assert max(stages["resized"].shape) == 20
    assert list(prepare(digits[0][0]).stages) == ["grey", "digit"]


def test_specks_are_not_part_of_the_digit(digits):
    """Black specks on the background change neither bounding box nor digit."""
    changes = []
    for index, image in enumerate(digits[0][:40]):
        rng = np.random.default_rng(index)
        clean = canvas(120, 260)(image, rng)
        dusty = renderings.specked(clean, rng, 25, 0)
        changes.append(np.abs(prepare(dusty).digit.astype(int) - prepare(clean).digit).mean())
    # a speck that touches a stroke is part of it
    assert np.quantile(changes, 0.9) < 2


def test_a_soft_shadow_in_the_corner_is_not_part_of_the_digit(digits):
    """A shadow at the edge of a photo is excluded, though it is darker than the background."""
    rows, columns = np.mgrid[0 : 1 : 280 * 1j, 0 : 1 : 280 * 1j]
    shade = 1 - 0.5 / (1 + np.exp((np.hypot(rows, columns) - 0.2) / 0.05))
    boxes = []
    for image in digits[0][:40]:
        shape = renderings.shape_of(image, 120)
        photo = np.full((280, 280), 235.0)
        photo[140 : 140 + shape.shape[0], 140 : 140 + shape.shape[1]] -= 205 * shape
        boxes.append(prepare(np.rint(photo * shade).astype(np.uint8)).applied.bounding_box)
    assert np.mean([left > 120 and top > 120 for left, top, _, _ in boxes]) >= 0.9


@pytest.mark.parametrize("turns", range(4))
def test_a_digit_with_its_mass_at_one_side_is_moved_to_the_edge(turns):
    """Its centre of mass is as near to the middle as the edge allows."""
    image = np.zeros((200, 200), np.uint8)
    image[:, 164:] = 255
    image[90:110] = 255
    digit = prepare(np.pad(np.rot90(image, turns), 40), "mnist").digit
    upright = np.rot90(digit, -turns)
    first, last = np.flatnonzero(upright.any(axis=0))[[0, -1]]
    assert (first, last) == (0, 19)

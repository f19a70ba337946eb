"""Several digits in one picture."""

import numpy as np
import pytest

from service.errors import NothingDrawn
from service.images.digit.segmentation import segment
from training import renderings


@pytest.fixture(scope="module")
def by_label(mnist):
    """The first test digit of each label."""
    return [mnist.test_images[np.flatnonzero(mnist.test_labels == label)[0]] for label in range(10)]


def row_of(digits, gap, height=60):
    """Digits beside each other, as one shape."""
    return renderings.side_by_side([renderings.shape_of(digit, height) for digit in digits], gap)


def test_four_digits_are_found_from_left_to_right(mnist):
    """A photo of four digits gives four segments, each with its own digit and box, in order."""
    differences = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        digits = mnist.test_images[rng.integers(0, len(mnist.test_images), 4)]
        picture = renderings.on_canvas(row_of(digits, 14), rng, (200, 420))
        segments = segment(renderings.photographed(picture, rng))
        assert len(segments) == 4
        boxes = [found.prepared.applied.bounding_box for found in segments]
        assert boxes == sorted(boxes)
        for found, digit in zip(segments, digits, strict=True):
            differences.append(np.abs(found.prepared.digit.astype(int) - digit).mean())
    # a 5 whose bar stands off to the side loses it: nothing but reading would tell
    assert np.quantile(differences, 0.97) < 25


def test_a_single_digit_is_one_segment(mnist):
    """The parts of one digit, such as the bar and the belly of a 5, stay together."""
    counts, marked = [], []
    for index, digit in enumerate(mnist.test_images[:200]):
        shape = renderings.shape_of(digit, 100)
        segments = segment(renderings.on_canvas(shape, np.random.default_rng(index)))
        counts.append(len(segments))
        marked.append(segments[0].touching)
    assert np.mean(np.array(counts) == 1) >= 0.99
    assert np.mean(marked) <= 0.03


def test_a_5_whose_bar_stands_apart_is_one_digit():
    """A bar a little above its belly belongs to it."""
    shape = np.zeros((100, 60), np.float32)
    shape[:10, 15:] = 1
    shape[18:28, :50] = shape[90:, :50] = 1
    shape[18:55, :10] = shape[50:, 50:] = shape[50:60, :] = 1
    assert len(segment(renderings.on_canvas(shape, np.random.default_rng(0)))) == 1


def test_touching_digits_are_said_to_touch(by_label):
    """Two digits that run into each other are one segment that is marked, not a silent guess."""
    for left, right in ((2, 0), (0, 0), (2, 6), (3, 5), (0, 5), (8, 2)):
        shape = row_of([by_label[left], by_label[right]], -5)
        segments = segment(renderings.on_canvas(shape, np.random.default_rng(0), (160, 260)))
        assert len(segments) == 2 or segments[0].touching, (left, right)
    pair = renderings.side_by_side([np.ones((100, 20), np.float32)] * 2, 40)
    pair[45:55] = 1  # two strokes of full height and a bridge
    segments = segment(renderings.on_canvas(pair, np.random.default_rng(0)))
    assert [found.touching for found in segments] == [True]


def test_hardly_any_touching_pair_goes_unsaid(mnist):
    """Of random pairs that overlap few are one digit in silence, and few digits a pair."""
    chance = np.random.default_rng(1)
    pairs, digits = [], []
    for _ in range(150):
        shapes = [renderings.shape_of(mnist.test_images[chance.integers(10_000)], 80) for _ in "ab"]
        pair = renderings.on_canvas(renderings.side_by_side(shapes, -6), chance, (160, 260))
        pairs.append(segment(pair))
        digits.append(segment(renderings.on_canvas(shapes[0], chance, (160, 260))))
    unsaid = sum(len(found) == 1 and not found[0].touching for found in pairs)
    assert unsaid < 0.2 * len(pairs)
    assert sum(any(each.touching for each in found) for found in digits) < 0.05 * len(digits)


def test_punctuation_is_left_out(by_label):
    """A full stop between digits is no digit."""
    dot = np.ones((9, 9), np.float32)
    shape = renderings.side_by_side(
        [renderings.shape_of(by_label[3], 60), dot, renderings.shape_of(by_label[4], 60)], 12
    )
    assert len(segment(renderings.on_canvas(shape, np.random.default_rng(1)))) == 2


def test_texture_is_nothing_drawn_and_costs_little():
    """Thousands of regions are refused before anything is done with each."""
    dots = np.full((400, 400), 255, np.uint8)
    for row in range(8):
        for column in range(8):
            dots[row::12, column::12] = 0 if row * column else 255
    with pytest.raises(NothingDrawn):
        segment(dots)

"""Segmentation of several digits in one image."""

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
    """Return digits side by side as one shape."""
    return renderings.side_by_side([renderings.shape_of(digit, height) for digit in digits], gap)


def test_four_digits_are_found_from_left_to_right(mnist):
    """A photo of four digits gives four segments, each with its own digit and box, in order."""
    differences = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        digits = mnist.test_images[rng.integers(0, len(mnist.test_images), 4)]
        image = renderings.on_canvas(row_of(digits, 14), rng, (200, 420))
        segments = segment(renderings.photographed(image, rng))
        assert len(segments) == 4
        boxes = [each.prepared.applied.bounding_box for each in segments]
        assert boxes == sorted(boxes)
        for each, digit in zip(segments, digits, strict=True):
            differences.append(np.abs(each.prepared.digit.astype(int) - digit).mean())
    # a 5 whose bar is displaced to the side may lose it: only recognition could join the two
    assert np.quantile(differences, 0.97) < 25


def test_a_single_digit_is_one_segment(mnist):
    """The components of one digit, such as the bar and the bowl of a 5, are grouped."""
    counts, marked = [], []
    for index, digit in enumerate(mnist.test_images[:200]):
        shape = renderings.shape_of(digit, 100)
        segments = segment(renderings.on_canvas(shape, np.random.default_rng(index)))
        counts.append(len(segments))
        marked.append(segments[0].place.touching)
    assert np.mean(np.array(counts) == 1) >= 0.99
    assert np.mean(marked) <= 0.03


def test_a_5_with_a_separate_bar_is_one_digit():
    """A bar slightly above the bowl is grouped with it."""
    shape = np.zeros((100, 60), np.float32)
    shape[:10, 15:] = 1
    shape[18:28, :50] = shape[90:, :50] = 1
    shape[18:55, :10] = shape[50:, 50:] = shape[50:60, :] = 1
    assert len(segment(renderings.on_canvas(shape, np.random.default_rng(0)))) == 1


def test_touching_digits_are_flagged(by_label):
    """Two digits that touch are one segment with `touching`, not a silent guess."""
    for left, right in ((2, 0), (0, 0), (2, 6), (3, 5), (0, 5), (8, 2)):
        shape = row_of([by_label[left], by_label[right]], -5)
        segments = segment(renderings.on_canvas(shape, np.random.default_rng(0), (160, 260)))
        assert len(segments) == 2 or segments[0].place.touching, (left, right)
    pair = renderings.side_by_side([np.ones((100, 20), np.float32)] * 2, 40)
    pair[45:55] = 1  # two strokes of full height and a bridge
    segments = segment(renderings.on_canvas(pair, np.random.default_rng(0)))
    assert [each.place.touching for each in segments] == [True]


def test_few_touching_pairs_are_missed(mnist):
    """Few of random overlapping pairs are one segment without the flag; few digits have it."""
    chance = np.random.default_rng(1)
    pairs, digits = [], []
    for _ in range(150):
        shapes = [renderings.shape_of(mnist.test_images[chance.integers(10_000)], 80) for _ in "ab"]
        pair = renderings.on_canvas(renderings.side_by_side(shapes, -6), chance, (160, 260))
        pairs.append(segment(pair))
        digits.append(segment(renderings.on_canvas(shapes[0], chance, (160, 260))))
    missed = sum(len(pair) == 1 and not pair[0].place.touching for pair in pairs)
    assert missed < 0.2 * len(pairs)
    assert sum(any(each.place.touching for each in digit) for digit in digits) < 0.05 * len(digits)


def test_punctuation_is_ignored(by_label):
    """A full stop between digits gives no segment."""
    dot = np.ones((9, 9), np.float32)
    shape = renderings.side_by_side(
        [renderings.shape_of(by_label[3], 60), dot, renderings.shape_of(by_label[4], 60)], 12
    )
    assert len(segment(renderings.on_canvas(shape, np.random.default_rng(1)))) == 2


def test_texture_is_rejected():
    """Thousands of similar components are an error, before each one is processed."""
    dots = np.full((400, 400), 255, np.uint8)
    for row in range(8):
        for column in range(8):
            dots[row::12, column::12] = 0 if row * column else 255
    with pytest.raises(NothingDrawn):
        segment(dots)

"""Segmentation of a page into rows, marks and candidates for touching digits."""

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


def characters(segments):
    """Return the segments without the parts of those that may be cut."""
    return [
        each
        for each in segments
        if each.span is None or each.span.last - each.span.first == each.span.count
    ]


def test_four_digits_are_found_from_left_to_right(mnist):
    """A photo of four digits gives four segments, each with its own digit and box, in order."""
    differences = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        digits = mnist.test_images[rng.integers(0, len(mnist.test_images), 4)]
        image = renderings.on_canvas(row_of(digits, 14), rng, (200, 420))
        segments = characters(segment(renderings.photographed(image, rng)))
        assert len(segments) == 4
        boxes = [each.prepared.applied.bounding_box for each in segments]
        assert boxes == sorted(boxes)
        for each, digit in zip(segments, digits, strict=True):
            differences.append(np.abs(each.prepared.digit.astype(int) - digit).mean())
    assert np.quantile(differences, 0.95) < 25


def test_a_single_digit_is_one_segment(mnist):
    """The components of one digit, such as the bar and the bowl of a 5, are grouped."""
    counts = []
    for index, digit in enumerate(mnist.test_images[:100]):
        shape = renderings.shape_of(digit, 100)
        image = renderings.on_canvas(shape, np.random.default_rng(index))
        counts.append(sum(each.place.is_digit for each in characters(segment(image))))
    assert np.mean(np.array(counts) == 1) >= 0.99


def test_rows_are_read_from_top_to_bottom(by_label):
    """Rows that are askew and of different lengths keep their digits."""
    page = np.zeros((300, 420), np.float32)
    for number, labels in enumerate(((1, 2, 3, 4, 5), (6, 7), (8, 9, 0))):
        row = row_of([by_label[label] for label in labels], 14)
        page[10 + 100 * number :, 10 + 30 * number :][: row.shape[0], : row.shape[1]] = row
    for degrees in (-3, 0, 3):
        image = renderings.Image.fromarray(255 - 255 * page).rotate(degrees, fillcolor=255)
        segments = characters(segment(np.asarray(image).astype(np.uint8)))
        rows = [each.place.row for each in segments if each.place.is_digit]
        assert rows == [0] * 5 + [1] * 2 + [2] * 3


def test_punctuation_is_a_mark(by_label):
    """A full stop between digits is a segment that is no digit."""
    dot = np.ones((9, 9), np.float32)
    shape = renderings.side_by_side(
        [renderings.shape_of(by_label[3], 60), dot, renderings.shape_of(by_label[4], 60)], 12
    )
    segments = characters(segment(renderings.on_canvas(shape, np.random.default_rng(1))))
    assert [each.place.is_digit for each in segments] == [True, False, True]


def test_touching_digits_are_cut_in_several_ways(by_label):
    """Candidates cover a component from its left to its right side, and include it uncut."""
    shape = row_of([by_label[2], by_label[6]], -5)
    segments = segment(renderings.on_canvas(shape, np.random.default_rng(0), (160, 260)))
    spans = [each.span for each in segments]
    assert len(spans) > 5
    count = spans[0].count
    assert {(0, count)} <= {(span.first, span.last) for span in spans}
    starts, ends = ({getattr(span, name) for span in spans} for name in ("first", "last"))
    assert starts - {0} <= ends
    assert ends - {count} <= starts


def test_texture_is_rejected():
    """Thousands of similar components are an error, before each one is processed."""
    dots = np.full((400, 400), 255, np.uint8)
    for row in range(8):
        for column in range(8):
            dots[row::12, column::12] = 0 if row * column else 255
    with pytest.raises(NothingDrawn):
        segment(dots)

"""Pages are read with the committed network: rows, operators, touching digits and grids."""

import numpy as np
import pytest

from service import inference, preparation
from service.errors import NothingDrawn
from service.model.engine import Engine
from training import pages
from training.grids import grid_page, sudoku_page
from training.pages import Page, Source, on_paper
from training.reading import digits_of
from training.renderings import encode


@pytest.fixture(scope="module")
def read(mnist_bundle):
    """Return the function that reads an encoded page."""
    engine = Engine(mnist_bundle)

    def read(picture, segmentation, **options):
        inputs = preparation.from_images(
            [picture], "auto", mnist_bundle, 10_000_000, segmentation=segmentation
        )
        values = engine.run(inputs.pixels, inference.outcome(mnist_bundle))
        return inference.predictions(mnist_bundle, values, inputs, **options)

    return read


@pytest.fixture
def source(mnist):
    """Digits of the validation set, in a fixed random order."""
    rng = np.random.default_rng(20)
    return Source(mnist.train_images[-5_000:], mnist.train_labels[-5_000:], rng)


def rows_of(predictions):
    """Return the digits of each row that has some, in reading order."""
    rows = {}
    for each in predictions:
        if each.segment.is_digit:
            rows.setdefault(each.segment.row, []).append(each.label)
    return ["".join(row) for row in rows.values()]


def right_cells(page, predictions):
    """Count the cells of a grid that were read right; an empty one has no label."""
    cells = {(each.segment.row, each.segment.column): each.label or "" for each in predictions}
    return sum(
        cells.get((row, column)) == text
        for row, texts in enumerate(page.rows)
        for column, text in enumerate(texts)
    )


def test_numbers_in_rows_are_read_in_order(read, source):
    """Nearly every digit of rows, framed numbers and sums is read, in its row and order."""
    for kind in ("rows of numbers", "three rows", "framed numbers", "sums with + − × ="):
        drawn = [pages.KINDS[kind](source) for _ in range(5)]
        right = sum(
            rows_of(read(encode(page.picture), "rows")) == digits_of(page) for page in drawn
        )
        assert right >= 3, kind


def test_indexes_count_in_reading_order(read, source):
    """`index` counts all segments of a page, operators included."""
    page = pages.sum_of_numbers(source)

    places = [each.segment for each in read(encode(page.picture), "rows")]

    assert [place.index for place in places] == list(range(len(page.rows[0])))
    assert [place.is_digit for place in places] == [text.isdigit() for text in page.rows[0]]


def test_details_have_the_pixels_that_were_classified(read, source, mnist_bundle):
    """The digit of a segment, cut from a neighbour or not, has the segment's own probabilities."""
    engine = Engine(mnist_bundle)
    for page in (pages.sum_of_numbers(source), pages.touching_pair(source)):
        segments = read(encode(page.picture), "rows", details=True)
        digits = [np.frombuffer(each.digit, np.uint8).reshape(28, 28, 1) for each in segments]
        outcome = inference.outcome(mnist_bundle)
        values = engine.run(np.stack(digits), outcome)[mnist_bundle.probabilities]
        expected = [each.confidence for each in segments]
        np.testing.assert_allclose(values.max(axis=1), expected, atol=1e-5)


def test_touching_digits_are_separated(read, source):
    """Most touching pairs are read right and marked; a single digit is rarely cut."""
    right = marked = whole = 0
    for _ in range(20):
        pair = pages.touching_pair(source)
        answer = read(encode(pair.picture), "rows")
        right += rows_of(answer) == digits_of(pair)
        marked += all(each.segment.touching for each in answer) == (len(answer) > 1)
        shape, label = source.digit(80)
        single = Page(on_paper(shape, 80, source.rng), [[label]])
        whole += len(rows_of(read(encode(single.picture), "rows"))[0]) == 1
    assert right >= 12
    assert marked == 20
    assert whole >= 19


def test_the_cells_of_a_sudoku_are_read(read, source):
    """A photographed sudoku gives its 81 cells row by row; an empty one has no label."""
    for _ in range(3):
        page = sudoku_page(source)
        cells = read(encode(page.picture), "grid")
        assert [(each.segment.row, each.segment.column) for each in cells] == [
            divmod(index, 9) for index in range(81)
        ]
        assert right_cells(page, cells) >= 75
        empty = [each for each in cells if each.label is None]
        assert all(not each.segment.is_digit and each.probabilities == {} for each in empty)
        assert all(each.confidence is None and each.score is None for each in empty)
        assert len(empty) > 35


def test_a_grid_may_have_any_number_of_rows_and_columns(read, source):
    """A table of 3 rows and 12 columns gives 36 cells."""
    page = grid_page(source, 3, 12, 20)

    assert right_cells(page, read(encode(page.picture), "grid")) >= 33


def test_a_page_without_a_grid_is_an_error(read, source):
    """The error says what a grid needs, and names the other way to segment."""
    page = pages.row_of_numbers(source)

    with pytest.raises(NothingDrawn, match=r"no grid.*segment=true"):
        read(encode(page.picture), "grid")

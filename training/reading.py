"""Measure how well the service reads pages of several digits (`training.pages`, `training.grids`).

A page is right if every digit is read right, in the right order and row, and no operator is taken
for a digit.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from service.images.digit.segmentation import Place
from service.inference import Segmentation
from service.predictions import Prediction
from training.data import Mnist
from training.grids import sudoku_page
from training.pages import KINDS, Page, Source
from training.renderings import encode

Read = Callable[[bytes, Segmentation], list[Prediction]]
GRID = "9 × 9 grid, by cell"


@dataclass(frozen=True)
class PageAccuracy:
    """How well pages of one kind were read.

    Attributes:
        kind: of page.
        pages: how many were read; of a grid, how many cells, empty ones included.
        right: how many of them were read right.
        digits: how many digits the pages have.
        right_digits: how many of them were read, in the right order.
    """

    kind: str
    pages: int
    right: int
    digits: int
    right_digits: int


def measure_pages(
    read: Read, mnist: Mnist, count: int, seed: int, grids: int | None = None
) -> Iterator[PageAccuracy]:
    """Yield how well each kind of page is read.

    Args:
        read: reads an encoded page, such as `Served.read_page`.
        mnist: its test digits are written on the pages.
        count: how many pages a kind.
        seed: of everything random.
        grids: how many grids; by default as many as pages.
    """
    for kind, render in KINDS.items():
        source = _source(mnist, seed)
        pages = [render(source) for _ in range(count)]
        read_pages = [rows_of(read(encode(page.picture), "rows")) for page in pages]
        yield PageAccuracy(
            kind,
            count,
            sum(is_right(page, rows) for page, rows in zip(pages, read_pages, strict=True)),
            sum(len(page.digits) for page in pages),
            sum(right_digits(page, rows) for page, rows in zip(pages, read_pages, strict=True)),
        )
    source = _source(mnist, seed)
    pages = [sudoku_page(source) for _ in range(count if grids is None else grids)]
    cells = [right_cells(page, read(encode(page.picture), "grid")) for page in pages]
    yield PageAccuracy(
        GRID,
        sum(len(row) for page in pages for row in page.rows),
        sum(len(right) for right in cells),
        sum(len(page.digits) for page in pages),
        sum(text != "" for right in cells for text in right),
    )


def rows_of(predictions: list[Prediction]) -> list[list[str]]:
    """Return the labels of the digits in each row that has some, in reading order."""
    rows: dict[int, list[str]] = {}
    for prediction in predictions:
        place = _place(prediction)
        if place.is_digit:
            rows.setdefault(place.row, []).append(prediction.label or "")
    return list(rows.values())


def is_right(page: Page, rows: list[list[str]]) -> bool:
    """Return whether all digits of a page were read, in its rows and in their order."""
    return rows == [[text for text in row if text.isdigit()] for row in page.rows]


def right_digits(page: Page, rows: list[list[str]]) -> int:
    """Return how many digits of a page were read, in the right order."""
    labels = [label for row in rows for label in row]
    matches = SequenceMatcher(None, labels, page.digits, autojunk=False).get_matching_blocks()
    return sum(match.size for match in matches)


def right_cells(page: Page, predictions: list[Prediction]) -> list[str]:
    """Return the texts of the cells that were read right; an empty one has the label None."""
    shape = len(page.rows), len(page.rows[0])
    cells = {(_place(each).row, _place(each).column): each.label or "" for each in predictions}
    if set(cells) != {(row, column) for row in range(shape[0]) for column in range(shape[1])}:
        return []
    return [
        text
        for row, texts in enumerate(page.rows)
        for column, text in enumerate(texts)
        if cells[row, column] == text
    ]


def _place(prediction: Prediction) -> Place:
    if not isinstance(prediction.segment, Place):
        raise TypeError(f"The prediction has no place on its page: {prediction}.")
    return prediction.segment


def _source(mnist: Mnist, seed: int) -> Source:
    return Source(mnist.test_images, mnist.test_labels, np.random.default_rng(seed))

"""A page counts as read if every digit is right and in its row."""

from typing import cast

import numpy as np
import pytest

from service.images.decode import decode
from training import reading
from training.data import Mnist
from training.pages import Page
from training.reading import Reading, digits_of, measure_pages, rows_of
from training.served import Segment, Served

PAGE = Page(np.full((9, 9), 255, np.uint8), [["1", "+", "2"], ["="], ["", "3"]])


class Answers:
    """Answers every page with the same segments."""

    def __init__(self, *segments: Segment) -> None:
        self.segments = list(segments)

    def read(self, page: bytes, segmentation: str) -> list[Segment]:
        """Return the segments of any picture that decodes."""
        assert decode(page, 100).shape == (9, 9)
        assert segmentation in ("rows", "grid")
        return self.segments


def segment(row: int, text: str, column: int | None = None, *, is_trusted: bool = True) -> Segment:
    """Return a segment."""
    return Segment(row, column, text, is_trusted)


def test_digits_are_compared_row_by_row() -> None:
    """Signs and empty cells count for nothing, rows without a digit neither; the order matters."""
    read = [segment(0, "1"), segment(0, ""), segment(0, "2"), segment(1, ""), segment(2, "3")]

    assert digits_of(PAGE) == rows_of(read) == ["12", "3"]
    assert rows_of([segment(0, "2"), segment(0, "1")]) == ["21"]
    assert rows_of([segment(0, "1"), segment(1, "2")]) == ["1", "2"]


@pytest.mark.parametrize(
    ("segments", "right", "misleading"),
    [
        ([segment(0, "1"), segment(0, "2"), segment(1, "3")], 5, 0),
        ([segment(0, "1"), segment(0, "2"), segment(0, "3")], 0, 5),
        ([segment(0, "1"), segment(0, "7", is_trusted=False), segment(1, "3")], 0, 0),
        ([], 0, 0),
    ],
)
def test_pages_and_cells_are_counted(
    segments: list[Segment],
    right: int,
    misleading: int,
    monkeypatch: pytest.MonkeyPatch,
    mnist: Mnist,
) -> None:
    """A wrong page misleads unless a digit of it is flagged or nothing was found."""
    monkeypatch.setattr(reading, "KINDS", {"any": lambda _: PAGE})
    monkeypatch.setattr(reading, "sudoku_page", lambda _: Page(PAGE.picture, [["", "4"]]))
    served = cast(Served, Answers(*segments))

    (pages, misread), _ = measure_pages(served, mnist, 5, 1)

    assert pages == Reading("any", 5, 5, right, misleading)
    assert [page.misleads for page in misread] == [misleading > 0] * (5 - right)


def test_cells_of_a_grid_are_compared_with_what_they_hold(
    monkeypatch: pytest.MonkeyPatch, mnist: Mnist
) -> None:
    """An empty cell is right if it is reported as empty, and a missing cell is wrong."""
    monkeypatch.setattr(reading, "KINDS", {})
    monkeypatch.setattr(reading, "sudoku_page", lambda _: Page(PAGE.picture, [["", "4", "5", ""]]))
    segments = segment(0, "", 0), segment(0, "4", 1), segment(0, "6", 2)

    ((grid, misread),) = measure_pages(cast(Served, Answers(*segments)), mnist, 20, 1)

    assert (grid.pages, grid.items, grid.right, grid.misleading) == (2, 8, 4, 2)
    assert [page.differences for page in misread] == [
        ["row 0, column 2: is 5, read 6", "row 0, column 3: is empty, not found"]
    ] * 2

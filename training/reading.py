"""Measure how well the service reads pages: rows, sums, touching and framed digits, grids."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.data import Mnist
from training.grids import sudoku_page
from training.pages import KINDS, Page, Source
from training.renderings import encode
from training.served import Segment, Served

GRID = "9 × 9 grid, by cell"
_GRID_SHARE = 1 / 10  # of the pages of another kind: each has 81 cells


@dataclass(frozen=True)
class Reading:
    """How pages of one kind were read.

    Attributes:
        kind: of the pages.
        pages: how many.
        items: how many pages, or cells of grids, were compared.
        right: how many of these were read right. On a page, every digit must be right and in its
            row, and nothing else reported as a digit.
        misleading: how many of these were not, though no digit of theirs was flagged, and each had
            a confidence above 0.9.
    """

    kind: str
    pages: int
    items: int
    right: int
    misleading: int


@dataclass(frozen=True)
class Misread:
    """A page that was not read right.

    Attributes:
        picture: uint8 (H, W).
        differences: what it shows and what was read, line by line.
        misleads: whether no digit was flagged, and each had a confidence above 0.9.
    """

    picture: NDArray[np.uint8]
    differences: list[str]
    misleads: bool


def measure_pages(
    served: Served, mnist: Mnist, count: int, seed: int
) -> Iterator[tuple[Reading, list[Misread]]]:
    """Yield how each kind of page is read, then the cells of grids, each with its misread pages.

    Args:
        served: the bundle.
        mnist: its test digits stand on the pages.
        count: how many pages a kind; of grids, a tenth.
        seed: of everything random.
    """
    for kind, render in KINDS.items():
        source = _source(mnist, seed)
        misread = []
        for _ in tqdm(range(count), kind, leave=False):
            page = render(source)
            segments = served.read(encode(page.picture), "rows")
            shown, read = digits_of(page), rows_of(segments)
            if read != shown:
                misleads = bool(segments) and all(s.is_trusted for s in segments if s.text)
                differences = [f"is {' / '.join(shown)}", f"read {' / '.join(read) or 'nothing'}"]
                misread.append(Misread(page.picture, differences, misleads))
        misleading = sum(page.misleads for page in misread)
        yield Reading(kind, count, count, count - len(misread), misleading), misread
    yield _measure_grids(served, _source(mnist, seed), max(round(count * _GRID_SHARE), 1))


def rows_of(segments: list[Segment]) -> list[str]:
    """Return the digits of each row that has any, from the top."""
    digits = sorted((s for s in segments if s.text), key=lambda segment: segment.row)
    return ["".join(s.text for s in row) for _, row in groupby(digits, lambda s: s.row)]


def digits_of(page: Page) -> list[str]:
    """Return the digits that stand in each row of a page that has any."""
    rows = ("".join(text for text in row if text.isdigit()) for row in page.rows)
    return [row for row in rows if row]


def _measure_grids(served: Served, source: Source, count: int) -> tuple[Reading, list[Misread]]:
    cells = wrong = misleading = 0
    misread = []
    for _ in tqdm(range(count), GRID, leave=False):
        page = sudoku_page(source)
        segments = served.read(encode(page.picture), "grid")
        found = {(segment.row, segment.column): segment for segment in segments}
        differences, trusted = [], 0
        for row, texts in enumerate(page.rows):
            for column, text in enumerate(texts):
                segment = found.get((row, column))
                read = segment.text if segment else None
                if read != text:
                    trusted += segment is not None and segment.is_trusted
                    place = f"row {row}, column {column}"
                    differences.append(f"{place}: is {text or 'empty'}, {_found(read)}")
        cells += sum(map(len, page.rows))
        wrong, misleading = wrong + len(differences), misleading + trusted
        if differences:
            misread.append(Misread(page.picture, differences, trusted > 0))
    return Reading(GRID, count, cells, cells - wrong, misleading), misread


def _found(text: str | None) -> str:
    return "not found" if text is None else f"read {text or 'empty'}"


def _source(mnist: Mnist, seed: int) -> Source:
    return Source(mnist.test_images, mnist.test_labels, np.random.default_rng(seed))

"""Write the tables of the model card and the page of failures, one part after the other.

Each part is written as soon as it is measured, so an interrupted run keeps the finished parts.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.data import VALIDATION_SIZE, Mnist
from training.failures import write_failures, write_misread
from training.reading import Reading, measure_pages
from training.robustness import (
    Accuracy,
    Separation,
    measure,
    measure_forms,
    measure_surroundings,
    separate,
)
from training.served import Served
from training.tables import replace_between, table

SEED = 2  # of the measurement; training has another
VALIDATION_SEED = 1_002  # of measurements during development
ALL_SURROUNDINGS = "all surroundings"


@dataclass(frozen=True)
class Card:
    """What is measured, and where it is written.

    Attributes:
        served: the bundle.
        mnist: its test digits are rendered.
        digits: how many under each condition without surroundings.
        pictures: how many in each kind of surroundings and of outliers; a third as many pages.
        seed: of everything random.
        page: the model card; None to write nothing.
        failures: the page of failures; None to write nothing.
    """

    served: Served
    mnist: Mnist
    digits: int
    pictures: int
    seed: int = SEED
    page: Path | None = None
    failures: Path | None = None

    def write(self, part: str) -> Iterator[Accuracy | Separation | Reading]:
        """Measure a part of `PARTS`, yield its rows, and write its table."""
        measured = PARTS[part]
        rows = []
        for row, failing in measured.rows(self):
            yield row
            rows.append(measured.cells(row))
            if self.failures and failing is not None:
                measured.write(self.failures, row, failing)
        if self.page:
            replace_between(self.page, part, table(measured.header, rows))


Row = tuple[Any, list[Any] | None]  # a row, and the failures to show if the page shows them


@dataclass(frozen=True)
class Part:
    """A part of the model card.

    Attributes:
        rows: measures it.
        header: the columns of its table.
        cells: returns the cells of one of its rows.
        write: writes the section of a row on the page of failures.
    """

    rows: Callable[[Card], Iterable[Row]]
    header: tuple[str, ...]
    cells: Callable[[Any], list[str]]
    write: Callable[[Path, Any, list[Any]], None] = write_failures


def _conditions(card: Card) -> Iterable[Row]:
    for row in measure(card.served, card.mnist, card.digits, card.seed):
        yield row, None


def _surroundings(card: Card) -> Iterable[Row]:
    total = Accuracy(ALL_SURROUNDINGS, 0, 0, 0, 0, 0)
    for row, failing in measure_surroundings(card.served, card.mnist, card.pictures, card.seed):
        yield row, failing
        total += row
    yield total, None


def _outliers(card: Card) -> Iterable[Row]:
    for index, row in enumerate(separate(card.served, card.mnist, card.pictures, card.seed)):
        yield row[0], row[1] if index else None  # the first row has the test digits


def _pages(card: Card) -> Iterable[Row]:
    yield from measure_pages(card.served, card.mnist, max(card.pictures // 3, 1), card.seed)


def _forms(card: Card) -> Iterable[Row]:
    yield from measure_forms(card.served, card.pictures, card.seed)


def _accuracy_cells(row: Accuracy) -> list[str]:
    return [row.condition, f"{row.images:,}", f"{row.right / row.images:.4f}", f"{row.refused:,}"]


def _misleading_cells(row: Accuracy) -> list[str]:
    return [*_accuracy_cells(row), f"{row.misleading / row.images:.1%}"]


def _surroundings_cells(row: Accuracy) -> list[str]:
    naive = "" if row.naive is None else f"{row.naive / row.images:.4f}"
    return [*_misleading_cells(row), naive]


def _outlier_cells(row: Separation) -> list[str]:
    shares = (f"{count / row.images:.1%}" for count in (row.refused, row.flagged, row.trusted))
    return [row.kind, f"{row.images:,}", *shares, "" if row.auroc is None else f"{row.auroc:.4f}"]


_MISLEADING = "wrong, not flagged, above 0.9"


def _page_cells(row: Reading) -> list[str]:
    shares = f"{row.right / row.items:.4f}", f"{row.misleading / row.items:.1%}"
    return [row.kind, f"{row.pages:,}", *shares]


PARTS = {
    "conditions": Part(
        _conditions, ("condition", "digits", "accuracy", "refused"), _accuracy_cells
    ),
    "surroundings": Part(
        _surroundings,
        ("surroundings", "images", "accuracy", "refused", _MISLEADING, "naive"),
        _surroundings_cells,
    ),
    "outliers": Part(
        _outliers,
        ("kind", "images", "refused", "flagged", "not flagged and above 0.9", "AUROC"),
        _outlier_cells,
    ),
    "pages": Part(_pages, ("pages of", "pages", "right", _MISLEADING), _page_cells, write_misread),
    "forms": Part(
        _forms, ("form", "images", "accuracy", "refused", _MISLEADING), _misleading_cells
    ),
}


def validation_digits(card: Card) -> Card:
    """Return the same measurement of validation digits with another seed, for development."""
    digits, labels = card.mnist.train_images, card.mnist.train_labels
    held_out = replace(
        card.mnist,
        test_images=digits[-VALIDATION_SIZE:],
        test_labels=labels[-VALIDATION_SIZE:],
    )
    return replace(card, mnist=held_out, seed=VALIDATION_SEED)

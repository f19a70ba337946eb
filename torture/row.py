"""What a row of the report has: its figures, each with its bar."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Figure(NamedTuple):
    """One figure.

    Attributes:
        name: what was measured, with the unit.
        value: the figure; None where it does not apply.
        most: the highest value that meets the bar; None where there is none.
        least: the lowest value that meets the bar; None where there is none.
        column: of the row's table; one for each server where several are compared.
    """

    name: str
    value: float | None
    most: float | None = None
    least: float | None = None
    column: str = "value"

    @property
    def is_met(self) -> bool:
        """Return whether the bar is met."""
        if self.value is None:
            return self.least is None and self.most is None
        if self.least is not None and self.value < self.least:
            return False
        return self.most is None or self.value <= self.most


@dataclass(frozen=True)
class Row:
    """A test.

    Attributes:
        promise: what is promised, as one sentence.
        run: runs it; gets a share of the whole, 1 for all of it, and returns the figures.
        note: what a reader must know besides, as Markdown.
    """

    promise: str
    run: Callable[[float], list[Figure]]
    note: str = ""

"""A short form of each row of `make torture` meets its bars, times left out."""

import re

import pytest

from torture.__main__ import ROWS
from torture.row import Figure
from torture.seeds import digits, seeds


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_a_short_form_of_the_row_meets_its_bars(name: str) -> None:
    """No fault, no growth, no answer of another; `make torture` measures the times."""
    missed = [figure for figure in ROWS[name].run(0.05) if not figure.is_met]
    is_time = re.compile(r"p99|: ms$").search
    assert [figure for figure in missed if not is_time(figure.name)] == []


def test_a_figure_beyond_its_bar_is_missed() -> None:
    """A bar is the highest or the lowest value that meets it; a figure without one is met."""
    assert Figure("killed", 0.85, least=0.85).is_met
    assert not Figure("killed", 0.84, least=0.85).is_met
    assert Figure("faults", 0, 0).is_met
    assert not Figure("faults", 1, 0).is_met
    assert Figure("bodies", 10**6).is_met


def test_seeds_are_of_every_form_and_digits_all_differ() -> None:
    """Fuzzing begins from every format and protocol, and each client has an image of its own."""
    names = {seed.name for seed in seeds()}
    assert {"PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "npy", "json", "multipart"} <= names
    assert {"tfserving", "oip", "oip binary"} <= names
    assert len(set(digits(64))) == 64

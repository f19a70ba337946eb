"""A short form of each row of `make torture` meets its bars, times left out."""

import re
from urllib.parse import urlsplit

import pytest

from service.app import create_app
from torture.__main__ import ROWS
from torture.report import Measured, page, table
from torture.row import Figure, Row
from torture.seeds import digits, seeds


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_a_short_form_of_the_row_meets_its_bars(name: str) -> None:
    """No fault, no growth, no answer of another; `make torture` measures the times."""
    if name == "coverage":
        pytest.importorskip("atheris", reason="has wheels for Linux on x86-64 only")
    missed = [figure for figure in ROWS[name].run(0.05) if not figure.is_met]
    is_time = re.compile(r"p99|\b(ms|s|seconds)\b").search
    assert [figure for figure in missed if not is_time(figure.name)] == []


def test_a_figure_beyond_its_bar_is_missed() -> None:
    """A bar is the highest or the lowest value that meets it; a figure without one is met."""
    assert Figure("killed", 0.85, least=0.85).is_met
    assert not Figure("killed", 0.84, least=0.85).is_met
    assert Figure("faults", 0, 0).is_met
    assert not Figure("faults", 1, 0).is_met
    assert Figure("bodies", 10**6).is_met
    assert Figure("not measured", None).is_met
    assert not Figure("not measured, with a bar", None, 0).is_met


def test_servers_stand_side_by_side_and_only_what_has_a_bar_is_judged() -> None:
    """A table has a column for each server, and a dash where a figure does not apply."""
    lines = table(
        [
            Figure("died", 0, 0, column="ours"),
            Figure("ms", 12, column="ours"),
            Figure("died", 3, column="theirs"),
            Figure("MiB", None, column="theirs"),
        ]
    ).splitlines()
    assert lines[0] == "| figure | ours | theirs | bar | met |"
    assert lines[2:] == [
        "| died | 0 | 3 | ≤ 0 | yes |",
        "| ms | 12 | — |  |  |",
        "| MiB | — | — |  |  |",
    ]


def test_the_page_says_how_many_bars_are_met_and_what_was_not_measured() -> None:
    """A row that has not run has a line and no figures."""
    rows = {name: Row(f"The {name} holds.", lambda _: []) for name in ("sea", "sky")}
    text = page(rows, {"sky": Measured("2026-01-02", [Figure("a", 0, 0), Figure("b", 2, 1)])})
    assert "| [The sea holds](#the-sea-holds) |  | not yet |" in text
    assert "| [The sky holds](#the-sky-holds) | **1 of 2** | 2026-01-02 |" in text
    assert "## The sea holds\n\n`make torture-sea`\n\nNot measured yet." in text


def test_seeds_are_of_every_form_and_route_and_digits_all_differ() -> None:
    """Fuzzing begins from every format, protocol and route; each client has its own image."""
    names = {seed.name for seed in seeds()}
    assert {"PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "npy", "json", "multipart"} <= names
    assert {"tfserving", "tfserving gzip", "oip", "oip binary"} <= names
    paths = {urlsplit(seed.path).path for seed in seeds()}
    posts = {rule.rule for rule in create_app().url_map.iter_rules() if "POST" in rule.methods}
    assert {rule for rule in posts if "<" not in rule} <= paths
    assert len(set(digits(64))) == 64

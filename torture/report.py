"""Store the figures, and write them as a page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.environments import ROOT
from benchmarks.report import machine
from torture.row import Figure, Row

PAGE = ROOT / "docs" / "reliability.md"


class Measured(NamedTuple):
    """What a row found, and the day, as YYYY-MM-DD."""

    date: str
    figures: list[Figure]


def read(path: Path) -> dict[str, Measured]:
    """Return what the rows that have run found; nothing where there is no file."""
    if not path.exists():
        return {}
    saved = json.loads(path.read_text())
    return {
        name: Measured(date, [Figure(*each) for each in figures])
        for name, (date, figures) in saved.items()
    }


def table(figures: Sequence[Figure]) -> str:
    """Return figures as a table in Markdown; a column has no more than one figure of a name."""
    columns = list(dict.fromkeys(figure.column for figure in figures))
    lines = [_line("figure", *columns, "bar", "met"), "|" + "---|" * (len(columns) + 3)]
    for name in dict.fromkeys(figure.name for figure in figures):
        row = {figure.column: figure for figure in figures if figure.name == name}
        barred = [figure for figure in row.values() if _bar(figure)]
        numbers = [_number(row[column].value) if column in row else "—" for column in columns]
        met = "yes" if all(figure.is_met for figure in barred) else "**no**"
        bar = [_bar(barred[0]), met] if barred else ["", ""]
        lines.append(_line(name, *numbers, *bar))
    return "\n".join(lines)


def page(rows: Mapping[str, Row], found: Mapping[str, Measured]) -> str:
    """Return docs/reliability.md; a row that has not run says so."""
    _, processor, python = machine().values()
    parts = [
        "# What is promised, and how it was measured",
        f"`make torture` writes this page. {processor}, Python {python}.",
        _summary(rows, found),
    ]
    for name, row in rows.items():
        parts += filter(None, [f"## {_title(row)}", f"`make torture-{name}`", row.note])
        parts.append(table(found[name].figures) if name in found else "Not measured yet.")
    return "\n\n".join(parts) + "\n"


def _summary(rows: Mapping[str, Row], found: Mapping[str, Measured]) -> str:
    """Return a table with a line for each row: how many of its bars are met."""
    lines = [_line("promise", "bars met", "measured"), "|---|---|---|"]
    for name, row in rows.items():
        date, figures = found.get(name, Measured("not yet", []))
        met = [figure.is_met for figure in figures if _bar(figure)]
        count = f"{sum(met)} of {len(met)}" if figures else ""
        lines.append(_line(_link(_title(row)), count if all(met) else f"**{count}**", date))
    return "\n".join(lines)


def _title(row: Row) -> str:
    return row.promise.rstrip(".")


def _link(title: str) -> str:
    """Return a link to a heading of the page, by the anchor that GitHub gives it."""
    anchor = "".join(each for each in title.lower() if each.isalnum() or each in " -")
    return f"[{title}](#{anchor.replace(' ', '-')})"


def _bar(figure: Figure) -> str:
    most = [] if figure.most is None else [f"≤ {figure.most:,g}"]
    least = [] if figure.least is None else [f"≥ {figure.least:,g}"]
    return ", ".join(least + most)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:.3g}"

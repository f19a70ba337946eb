"""Store the figures, and write them as a page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.environments import ROOT
from benchmarks.report import machine
from torture.row import Figure, Row

PAGE = ROOT / "docs" / "reliability.md"


def read(path: Path) -> dict[str, list[Figure]]:
    """Return the figures of rows that have run; none where there is no file."""
    if not path.exists():
        return {}
    saved = json.loads(path.read_text())
    return {name: [Figure(*figure) for figure in figures] for name, figures in saved.items()}


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


def write(rows: Mapping[str, Row], found: Mapping[str, Sequence[Figure]]) -> None:
    """Write the page."""
    date, processor, python = machine().values()
    parts = [
        "# What is promised, and how it was measured",
        f"`make torture` writes this page. {date}, {processor}, Python {python}.",
    ]
    for name, row in rows.items():
        title, command = f"## {row.promise.rstrip('.')}", f"`make torture-{name}`"
        parts += filter(None, [title, command, row.note, table(found[name])])
    PAGE.write_text("\n\n".join(parts) + "\n")


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

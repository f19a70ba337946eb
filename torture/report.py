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
    """Return figures as a table in Markdown."""
    lines = ["| figure | value | bar | met |", "|---|---|---|---|"]
    for figure in figures:
        bar = _bar(figure)
        met = "" if not bar else "yes" if figure.is_met else "**no**"
        lines.append(f"| {figure.name} | {_number(figure.value)} | {bar} | {met} |")
    return "\n".join(lines)


def write(rows: Mapping[str, Row], found: Mapping[str, Sequence[Figure]]) -> None:
    """Write the page."""
    date, processor, python = machine().values()
    parts = [
        "# What is promised, and how it was measured",
        f"`make torture` writes this page. {date}, {processor}, Python {python}.",
    ]
    for name, row in rows.items():
        command = f"`make torture-{name}`"
        parts.append(f"## {row.promise.rstrip('.')}\n\n{command}\n\n{table(found[name])}")
    PAGE.write_text("\n\n".join(parts) + "\n")


def _bar(figure: Figure) -> str:
    most = [] if figure.most is None else [f"≤ {figure.most:,g}"]
    least = [] if figure.least is None else [f"≥ {figure.least:,g}"]
    return ", ".join(least + most)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:.3g}"

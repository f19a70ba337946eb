"""Write the figures into docs/benchmarks.md, between two markers."""

import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.alone import BATCHES, CLIENTS, WORKERS
from benchmarks.comparison import CONNECTIONS
from benchmarks.environments import PEERS_DIR, ROOT
from benchmarks.peers import PEERS
from benchmarks.ratios import every_ratio, number
from benchmarks.results import Results, Spread
from benchmarks.servers import SERVICE
from benchmarks.wrk import Run

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
TITLES = {SERVICE: "**ConvScope**", **{peer.name: peer.title for peer in PEERS}}
FIGURES: tuple[tuple[str, Callable[[Run], float]], ...] = (
    ("responses per second", lambda run: run.rate),
    ("p50, ms", lambda run: run.p50_ms),
    ("p99, ms", lambda run: run.p99_ms),
)
OTHER_CASES = (
    ("drawing", 8, "drawing"),
    ("photo", 1, "photo"),
    ("batch", 8, "batch of 64"),
    ("layers", 8, "activations, JSON"),
    ("float16", 8, "activations, float16"),
)


def machine() -> dict[str, str]:
    """Return the machine and the date."""
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}",
        "python": platform.python_version(),
    }


def write(results: Results) -> None:
    """Replace the text between the markers of docs/benchmarks.md."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{figures(results)}\n\n{END}{after}")


def figures(results: Results) -> str:
    """Return every section that holds measured figures, as Markdown."""
    parts = [
        _about(results),
        "### Ratios\n\n" + ratios_table(results),
        "### `/predict` by connections\n\n" + _by_connections(results),
        "### Other requests\n\n" + _other_requests(results),
        "### Start and memory\n\n" + _start_and_memory(results),
        "### The service with its defaults\n\n" + _defaults(results),
        "### Batches and workers\n\n" + _batches(results) + "\n\n" + _workers(results),
        "### How each peer is set up\n\n" + _setups(),
    ]
    return "\n\n".join(parts)


def rows_of(results: Results, only: str) -> str:
    """Return the figures of one server and this service, for the terminal."""
    parts = [
        ratios_table(results),
        _by_connections(results),
        _other_requests(results),
        _start_and_memory(results),
    ]
    absent = tuple(f"| {title} |" for name, title in TITLES.items() if name not in (SERVICE, only))
    lines = "\n\n".join(parts).splitlines()
    return "\n".join(line for line in lines if not line.startswith(absent))


def _about(results: Results) -> str:
    about = results.machine
    return (
        f"Measured on {about.get('date')} on {about.get('processor')}, shared by client and "
        f"server, with Python {about.get('python')}; one worker each unless said otherwise. Each "
        "cell is the median of the rounds, with the lowest and the highest in brackets.\n\n"
        "![Rate, p50 and p99 by connections; memory by workers; time by batch](benchmarks.png)"
    )


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def cell(spread: Spread | None) -> str:
    """Return a median with its spread, or a dash."""
    if spread is None:
        return "–"
    return f"{number(spread.median)} ({number(spread.low)}–{number(spread.high)})"


def ratios_table(results: Results) -> str:
    """Return every ratio that was measured."""
    rows = [[ratio.title, ratio.text()] for ratio in every_ratio(results)]
    return markdown(["measured", "median (lowest–highest)"], rows)


def _by_connections(results: Results) -> str:
    head = ["server", *(f"{connections}" for connections in CONNECTIONS)]
    tables = []
    for title, figure in FIGURES:
        rows = []
        for name, server in TITLES.items():
            if name in results.missing:
                rows.append([server, f"not measured: {results.missing[name]}", "", "", ""])
                continue
            cells = [results.spread("digit", name, count, figure) for count in CONNECTIONS]
            rows.append([server, *map(cell, cells)])
        tables.append(f"Connections → {title}:\n\n" + markdown(head, rows))
    return "\n\n".join(tables)


def _other_requests(results: Results) -> str:
    head = ["server", *(title for _, _, title in OTHER_CASES)]
    tables = []
    for title, figure in FIGURES:
        rows = [
            [server]
            + [cell(results.spread(case, name, count, figure)) for case, count, _ in OTHER_CASES]
            for name, server in TITLES.items()
            if name not in results.missing
        ]
        tables.append(f"{title[0].upper()}{title[1:]}:\n\n" + markdown(head, rows))
    return (
        "The drawing is 280 × 280, the photo 4,000 × 3,000, the batch one NumPy file of 64 digits; "
        "activations are the maps of all three convolutions. Eight connections; one for the photo."
        "\n\n" + "\n\n".join(tables)
    )


def _values(results: Results, measure: str, subject: str) -> str:
    values = results.value(measure, subject)
    return cell(Spread.of(values) if values else None)


def _start_and_memory(results: Results) -> str:
    rows = [
        [server, _values(results, "cold start s", name), _values(results, "memory MiB", name)]
        for name, server in TITLES.items()
        if name not in results.missing
    ]
    return (
        "Seconds from the start of the process until it is ready; memory of all its processes with "
        "one worker, after the requests above, shared pages counted once.\n\n"
        + markdown(["server", "start, s", "memory, MiB"], rows)
    )


def _defaults(results: Results) -> str:
    head = ["", *(f"{clients} clients" for clients in CLIENTS)]
    rows = [
        [title, *(cell(results.spread("defaults", SERVICE, count, figure)) for count in CLIENTS)]
        for title, figure in (*FIGURES, ("refused", lambda run: float(run.refused)))
    ]
    return "No setting changed: one worker for each core.\n\n" + markdown(head, rows)


def _batches(results: Results) -> str:
    rows = [
        [
            f"{size:,}",
            _values(results, "batch ms service", str(size)),
            _values(results, "batch ms engine", str(size)),
        ]
        for size in BATCHES
    ]
    return markdown(["digits in one request", "the service, ms", "the bare engine, ms"], rows)


def _workers(results: Results) -> str:
    rows = [
        [
            str(workers),
            _values(results, "workers MiB", str(workers)),
            _values(results, "worker MiB", str(workers)),
        ]
        for workers in WORKERS
    ]
    return markdown(["workers", "whole service, MiB", "one worker, MiB"], rows)


def _setups() -> str:
    rows = []
    for peer in PEERS:
        pins = (PEERS_DIR / peer.name / "requirements.txt").read_text().split()
        rows.append([peer.title, peer.setup, ", ".join(pin.replace("==", " ") for pin in pins)])
    return markdown(["peer", "set-up", "versions"], rows)

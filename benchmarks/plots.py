"""Draw docs/benchmarks.png: rate, p50, p99 by connections; memory by workers; time by batch."""

from collections.abc import Callable

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.alone import BATCHES, WORKERS
from benchmarks.comparison import CONNECTIONS
from benchmarks.environments import ROOT
from benchmarks.peers import PEERS
from benchmarks.results import Results, Spread
from benchmarks.servers import SERVICE
from benchmarks.wrk import Run

PLOT = ROOT / "docs" / "benchmarks.png"
TITLES = {SERVICE: "ConvScope", **{peer.name: peer.title.replace("`", "") for peer in PEERS}}


def draw(results: Results) -> None:
    """Draw every curve that was measured."""
    figure = Figure(figsize=(13, 8), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    _by_connections(axes[0], results, "responses per second", lambda run: run.rate)
    _by_connections(axes[1], results, "p50, ms", lambda run: run.p50_ms)
    _by_connections(axes[2], results, "p99, ms", lambda run: run.p99_ms)
    _curve(axes[3], results, "workers MiB", WORKERS, "whole service")
    _finish(axes[3], "memory, MiB", "workers")
    axes[3].set_ylim(bottom=0)
    axes[3].set_xticks(WORKERS)
    _curve(axes[4], results, "batch ms service", BATCHES, "ConvScope")
    _curve(axes[4], results, "batch ms engine", BATCHES, "bare engine")
    _finish(axes[4], "time of a request, ms", "digits in one request")
    axes[4].set(xscale="log", yscale="log")
    axes[4].legend()
    axes[5].axis("off")
    handles, labels = axes[0].get_legend_handles_labels()
    axes[5].legend(handles, labels, loc="center", title="/predict, one worker each")
    figure.savefig(PLOT, dpi=110, metadata={"Software": None})


def _by_connections(
    axes: Axes, results: Results, title: str, figure: Callable[[Run], float]
) -> None:
    colours = mpl.color_sequences["tab20"]
    for index, (name, server) in enumerate(TITLES.items()):
        points = [
            (count, spread)
            for count in CONNECTIONS
            if (spread := results.spread("digit", name, count, figure))
        ]
        _line(axes, points, server, color=colours[index], linewidth=3 if index == 0 else 1.5)
    _finish(axes, title, "connections")
    axes.set(xscale="log", yscale="log", xticks=CONNECTIONS, xticklabels=map(str, CONNECTIONS))
    axes.minorticks_off()


def _curve(
    axes: Axes, results: Results, measure: str, subjects: tuple[int, ...], label: str
) -> None:
    points = [
        (subject, Spread.of(values))
        for subject in subjects
        if (values := results.value(measure, str(subject)))
    ]
    _line(axes, points, label)


def _line(axes: Axes, points: list[tuple[int, Spread]], label: str, **style: object) -> None:
    """Draw medians, with bars from the lowest to the highest."""
    if not points:
        return
    below = [spread.median - spread.low for _, spread in points]
    above = [spread.high - spread.median for _, spread in points]
    axes.errorbar(
        [x for x, _ in points],
        [spread.median for _, spread in points],
        yerr=[below, above],
        marker="o",
        markersize=4,
        capsize=2,
        label=label,
        **style,  # type: ignore[arg-type]
    )


def _finish(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(below)
    axes.grid(alpha=0.3)

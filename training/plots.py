"""Draw the pictures of a report: confusion matrix, calibration, misclassified digits, curves.

Uses figures of its own instead of pyplot, so that no state remains in the process.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

from training.evaluate import CalibrationBin, Report

History = dict[str, list[float]]  # name of the figure: its value after each epoch

# Okabe and Ito's palette, which all kinds of colour vision can distinguish
_BLUE, _ORANGE, _GREY, _INK = "#0072B2", "#D55E00", "#8A8A8A", "#222222"
_DIM = "#555555"
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _GREY,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.12,
}
_DPI = 110
_BEST_ERROR = 1e-4  # drawn for an epoch without errors, as a logarithmic axis has no 0
_SHEET_COLUMNS = 10
_SHEET_DIGITS = 100  # limits the file's size; report.json has all
_SHEET_CELL = (46, 34)  # height and width, digit pixels
_SHEET_TITLE_HEIGHT = 18  # digit pixels
_SHEET_ZOOM = 3  # sheet pixels per digit pixel: an integer, so that all are equally wide


def draw_report(folder: Path, report: Report, history: History, images: NDArray[np.uint8]) -> None:
    """Draw `confusion.png`, `calibration.png`, `misclassified.png` and `curves.png`.

    Args:
        folder: an existing folder.
        report: the figures to draw.
        history: figures by epoch; without any, `curves.png` is not written.
        images: uint8 (N, 28, 28), ink 255 on 0, the digits of the report.
    """
    with matplotlib.rc_context(_STYLE):
        _save(_draw_confusion(report), folder / "confusion.png")
        _save(_draw_calibration(report), folder / "calibration.png")
        _save(_draw_misclassified(report, images), folder / "misclassified.png")
        if history:
            _save(_draw_curves(history), folder / "curves.png")


def draw_confusion(path: Path, report: Report, labels: Sequence[str]) -> None:
    """Draw the confusion matrix of a model whose classes have names.

    Args:
        path: of the PNG.
        report: the figures to draw.
        labels: of the classes, in order.
    """
    with matplotlib.rc_context(_STYLE):
        _save(_draw_confusion(report, labels), path)


def _save(figure: Figure, path: Path) -> None:
    """Write a PNG with 64 colours, which has a third of the bytes and no visible difference."""
    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=_DPI)
    with Image.open(raw) as picture:
        picture.convert("RGB").quantize(64).save(path, optimize=True)


def _draw_curves(history: History) -> Figure:
    """Draw accuracy and loss after each epoch, side by side.

    The accuracy axis is a reversed logarithmic axis of the error, so that the distance from 0.99 to
    0.999 equals that from 0.9 to 0.99.
    """
    figure = Figure(figsize=(8, 3.4))
    for axes, column in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for prefix, name, colour in (("", "training", _BLUE), ("val_", "validation", _ORANGE)):
            if prefix + column not in history:
                continue
            values = np.array(history[prefix + column])
            if column == "accuracy":
                values = np.maximum(1 - values, _BEST_ERROR)
            axes.plot(history["epoch"], values, "o-", color=colour, label=name, markersize=3)
        axes.set(title=column, xlabel="epoch", yscale="log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.grid(axis="y", color="#E4E4E4", linewidth=0.8)
        if column == "accuracy":
            axes.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{1 - error:.4g}"))
            axes.invert_yaxis()
        else:
            axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
            axes.legend(frameon=False)
    return figure


def _draw_confusion(report: Report, labels: Sequence[str] | None = None) -> Figure:
    """Draw the counts: grey for right predictions, darker orange for more errors."""
    counts = np.array(report.confusion)  # (label, predicted)
    size = len(counts)
    right = np.eye(size, dtype=bool)
    errors = np.where(right, 0, counts)
    scale = LogNorm(0.5, max(errors.max(), 5))  # logarithmic: one error is visible
    figure = Figure(figsize=(6.4, 6.2))
    axes = figure.subplots()
    axes.set_title("Confusion matrix")
    axes.imshow(np.ma.masked_equal(right, False), cmap=ListedColormap(["#E6EAEE"]))
    axes.imshow(np.ma.masked_equal(errors, 0), cmap="Oranges", norm=scale)
    centred: dict[str, Any] = {"ha": "center", "va": "center"}
    for row, column in np.argwhere(counts):
        count, is_right = counts[row, column], right[row, column]
        axes.text(
            column, row, f"{count}", **centred,
            color="white" if not is_right and scale(count) > 0.7 else _INK,
            weight="normal" if is_right else "bold",
        )  # fmt: skip
    edge = size - 0.05
    for each in report.classes:
        axes.text(edge, each.label, _share(each.recall), **centred, color=_DIM, size=8)
        axes.text(each.label, edge, _share(each.precision), **centred, color=_DIM, size=8)
    axes.text(edge, -0.8, "recall", **centred, color=_DIM, size=8)
    axes.text(-1, edge, "precision", **centred, color=_DIM, size=8)
    _frame_matrix(axes, labels or [str(label) for label in range(size)])
    return figure


def _frame_matrix(axes: Axes, labels: Sequence[str]) -> None:
    """Draw the labels of rows and columns, and thin lines between the cells."""
    size = len(labels)
    is_long = max(map(len, labels)) > 2
    slanted: dict[str, Any] = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
    axes.set_xticks(range(size), labels, **slanted if is_long else {})
    axes.set_yticks(range(size), labels)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#EEEEEE")
    axes.tick_params(which="both", length=0, pad=6)
    axes.spines[:].set_visible(False)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("predicted", labelpad=8)
    axes.set_ylabel("label", labelpad=8)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _draw_calibration(report: Report) -> Figure:
    """Draw the reliability diagram, with 95% intervals, above a histogram of confidence."""
    bins = [each for each in report.calibration if each.count]
    confidence = [each.confidence for each in bins]
    low, high = zip(*map(_confidence_interval, bins), strict=True)
    figure = Figure(figsize=(5.4, 5.6))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot((0, 1), (0, 1), "--", color=_GREY, linewidth=1)
    upper.vlines(confidence, low, high, color=_BLUE, alpha=0.45, linewidth=2)
    upper.plot(confidence, [each.accuracy for each in bins], "o", color=_BLUE, clip_on=False)
    upper.text(0.03, 0.96, "underconfident", va="top", color=_DIM)
    upper.text(0.98, 0.04, "overconfident", ha="right", color=_DIM)
    upper.set(
        title=f"Calibration (expected calibration error {report.expected_calibration_error:.4f})",
        ylabel="accuracy",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    lower.bar(
        [each.low for each in bins], [each.count for each in bins], align="edge",
        width=1 / len(report.calibration), color=_BLUE, edgecolor="white",
    )  # fmt: skip
    lower.set(yscale="log", ylim=(0.7, None), xlabel="confidence", ylabel="digits")
    lower.yaxis.set_minor_locator(NullLocator())
    lower.yaxis.set_major_formatter(FuncFormatter(lambda digits, _: f"{digits:,.0f}"))
    return figure


def _confidence_interval(each: CalibrationBin) -> tuple[float, float]:
    """Return the 95% interval of a bin's accuracy (Wilson, 1927)."""
    right = round(each.count * (each.accuracy or 0))
    interval = binomtest(right, each.count).proportion_ci(0.95, method="wilson")
    return interval.low, interval.high


def _draw_misclassified(report: Report, images: NDArray[np.uint8]) -> Figure:
    """Draw each misclassified digit, its label → prediction and confidence, highest first."""
    most_confident = sorted(report.misclassified, key=lambda each: -each.confidence)[:_SHEET_DIGITS]
    cell_height, cell_width = _SHEET_CELL
    rows = -(-len(most_confident) // _SHEET_COLUMNS)
    height = _SHEET_TITLE_HEIGHT + rows * cell_height
    width = _SHEET_COLUMNS * cell_width
    sheet = np.full((height, width), 255, np.uint8)
    figure = Figure(figsize=(width * _SHEET_ZOOM / _DPI, height * _SHEET_ZOOM / _DPI))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    margin = (cell_width - images.shape[2]) // 2
    for index, each in enumerate(most_confident):
        row, column = divmod(index, _SHEET_COLUMNS)
        top, left = _SHEET_TITLE_HEIGHT + row * cell_height, column * cell_width + margin
        digit = images[each.index]
        sheet[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
        middle, below = left + digit.shape[1] / 2, top + digit.shape[0]
        axes.text(middle, below + 4, f"{each.label} → {each.predicted}", ha="center", va="center")
        axes.text(
            middle, below + 10, f"{each.confidence:.0%}", ha="center", va="center",
            size=7, color=_DIM,
        )  # fmt: skip
    axes.imshow(
        sheet, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0), aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    axes.text(margin, 8, _sheet_title(report), va="center", size=10)
    return figure


def _sheet_title(report: Report) -> str:
    wrong = len(report.misclassified)
    title = f"{wrong:,} of {report.digits:,} digits misclassified: label → predicted, confidence"
    return title + (f" (the {_SHEET_DIGITS} most confident)" if wrong > _SHEET_DIGITS else "")

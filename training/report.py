"""Writes a report for people and for the page: `report.json`, and four pictures of what it says.

Knows nothing of models: it is given figures, a history and the digits. Draws on figures of its own,
never through pyplot, so that nothing of it is left behind in the process.
"""

import base64
import csv
import io
import json
from dataclasses import asdict
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

from training.evaluate import Report

History = dict[str, list[float]]  # column: one value an epoch

# Okabe and Ito's palette, told apart with any colour vision
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
_BEST_ERROR = 1e-4  # a perfect epoch has no place on a logarithmic axis, so it stands here
_SHEET_COLUMNS = 10
_SHEET_DIGITS = 100  # more would make the picture heavy; report.json has them all
_SHEET_CELL = (46, 34)  # height and width, digit pixels
_SHEET_TITLE_HEIGHT = 18  # digit pixels
_SHEET_ZOOM = 3  # picture pixels a digit pixel: whole, so that no pixel is wider than another


def read_history(path: Path) -> History:
    """Read a run's `history.csv`.

    Args:
        path: as `keras.callbacks.CSVLogger` writes it: `epoch`, `accuracy` and `loss`, and where
            the run had validation data, `val_accuracy` and `val_loss`.

    Returns:
        Its columns; `epoch` counts from 1, as people do.
    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    history = {column: [float(row[column]) for row in rows] for column in rows[0]} if rows else {}
    if history:
        history["epoch"] = [int(epoch) + 1 for epoch in history["epoch"]]
    return history


def write_report(
    folder: Path,
    report: Report,
    history: History,
    images: NDArray[np.uint8],
    lecture: Path | None = None,
) -> None:
    """Write `report.json`, `confusion.png`, `calibration.png`, `misclassified.png`, `curves.png`.

    Args:
        folder: where to; made where it is missing.
        report: the figures; the JSON has all of them, with `history`, and with a `digit` for each
            misclassified one: its picture, as a data URL of a PNG.
        history: from `read_history`; empty for a model trained elsewhere, which gets no curves.
        images: uint8 (N, 28, 28), ink 255 on 0, the digits that the report is about.
        lecture: an evaluated run of the lecture's recipe; its figures then stand in the JSON as
            `lecture`, for comparison.

    Raises:
        FileNotFoundError: `lecture` was not trained, or not evaluated.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = asdict(report)
    for entry in content["misclassified"]:
        entry["digit"] = _data_url(images[entry["index"]])
    content["history"] = history
    if lecture:
        content["lecture"] = _summary(lecture)
    (folder / "report.json").write_text(_dumps(content))
    with matplotlib.rc_context(_STYLE):
        _save(_draw_confusion(report), folder / "confusion.png")
        _save(_draw_calibration(report), folder / "calibration.png")
        _save(_draw_misclassified(report, images), folder / "misclassified.png")
        if history:
            _save(_draw_curves(history), folder / "curves.png")


def _summary(run: Path) -> dict[str, Any]:
    """What there is to compare of an evaluated run, and how it was trained."""
    report = json.loads((run / "report.json").read_text())
    figures = "digits", "accuracy", "loss", "expected_calibration_error", "history"
    training = json.loads((run / "config.json").read_text())
    return {**{name: report[name] for name in figures}, "training": training}


def _data_url(digit: NDArray[np.uint8]) -> str:
    """A digit, uint8 (28, 28), as a page shows it and as the service takes it."""
    png = io.BytesIO()
    Image.fromarray(digit).save(png, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


def _dumps(content: dict[str, Any]) -> str:
    """JSON with a line for each entry, so that a reader and a diff find their way."""
    lines = []
    for key, value in content.items():
        value = _rounded(value)
        if isinstance(value, dict):
            entries = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in value.items()]
            text = "{\n    " + ",\n    ".join(entries) + "\n  }"
        elif isinstance(value, list):
            text = "[\n    " + ",\n    ".join(map(json.dumps, value)) + "\n  ]"
        else:
            text = json.dumps(value)
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _rounded(value: Any) -> Any:
    """Floats to six decimals, however deep: the rest is noise of float32."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(entry) for entry in value]
    return value


def _save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG of 64 colours, a third of the bytes and no difference to the eye."""
    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=_DPI)
    with Image.open(raw) as picture:
        picture.convert("RGB").quantize(64).save(path, optimize=True)


def _draw_curves(history: History) -> Figure:
    """Accuracy and loss after each epoch, side by side.

    The accuracy axis is the error's, logarithmic and upside down, so that the way from 0.99 to
    0.999 is as long as that from 0.9 to 0.99.
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


def _draw_confusion(report: Report) -> Figure:
    """Counts: right answers on grey, errors the darker the more there are; recall and precision."""
    counts = np.array(report.confusion)  # (label, predicted)
    size = len(counts)
    right = np.eye(size, dtype=bool)
    errors = np.where(right, 0, counts)
    scale = LogNorm(0.5, max(errors.max(), 5))  # logarithmic: one error shows beside fifty
    figure = Figure(figsize=(6.4, 6.2))
    axes = figure.subplots()
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
    _frame_matrix(axes, size)
    return figure


def _frame_matrix(axes: Axes, size: int) -> None:
    """Labels on every row and column, predictions on top, thin lines between the cells."""
    axes.set_xticks(range(size))
    axes.set_yticks(range(size))
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
    """Accuracy against confidence, each bin with its 95% interval, over how many digits it has."""
    filled = [each for each in report.calibration if each.count]
    confidence = np.array([each.confidence for each in filled])
    accuracy = np.array([each.accuracy for each in filled])
    count = np.array([each.count for each in filled])
    low, high = _wilson_interval(accuracy, count)
    figure = Figure(figsize=(5.4, 5.6))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot((0, 1), (0, 1), "--", color=_GREY, linewidth=1)
    upper.vlines(confidence, low, high, color=_BLUE, alpha=0.45, linewidth=2)
    upper.plot(confidence, accuracy, "o", color=_BLUE, clip_on=False)
    upper.text(0.03, 0.96, "too modest", va="top", color=_DIM)
    upper.text(0.98, 0.04, "too sure", ha="right", color=_DIM)
    upper.set(
        title=f"Expected calibration error {report.expected_calibration_error:.4f}",
        ylabel="accuracy",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    lower.bar(
        [each.low for each in filled], count, width=1 / len(report.calibration), align="edge",
        color=_BLUE, edgecolor="white",
    )  # fmt: skip
    lower.set(yscale="log", ylim=(0.7, None), xlabel="confidence", ylabel="digits")
    lower.yaxis.set_minor_locator(NullLocator())
    lower.yaxis.set_major_formatter(FuncFormatter(lambda digits, _: f"{digits:,.0f}"))
    return figure


def _wilson_interval(
    share: NDArray[np.float64], count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the true share lies with 95% confidence (Wilson, 1927); all arrays (bins,)."""
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z**2 / count)
    return middle - reach, middle + reach


def _draw_misclassified(report: Report, images: NDArray[np.uint8]) -> Figure:
    """The wrong answers, the surest first: the digit, label → predicted, confidence."""
    surest = sorted(report.misclassified, key=lambda each: -each.confidence)[:_SHEET_DIGITS]
    cell_height, cell_width = _SHEET_CELL
    rows = -(-len(surest) // _SHEET_COLUMNS)
    height = _SHEET_TITLE_HEIGHT + rows * cell_height
    width = _SHEET_COLUMNS * cell_width
    sheet = np.full((height, width), 255, np.uint8)
    figure = Figure(figsize=(width * _SHEET_ZOOM / _DPI, height * _SHEET_ZOOM / _DPI))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    margin = (cell_width - images.shape[2]) // 2
    for place, each in enumerate(surest):
        row, column = divmod(place, _SHEET_COLUMNS)
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
    return title + (f" (the surest {_SHEET_DIGITS})" if wrong > _SHEET_DIGITS else "")

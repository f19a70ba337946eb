"""Write the report of an evaluation: `report.json`, and pictures (see `training.plots`)."""

import base64
import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.evaluate import Report
from training.plots import History, draw_report


def read_history(path: Path) -> History:
    """Read a run's `history.csv`.

    Args:
        path: CSV with the columns `epoch`, `accuracy` and `loss`, and for a run with a validation
            set, `val_accuracy` and `val_loss`.

    Returns:
        Its columns; `epoch` counts from 1. Empty without a finished epoch.
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
        folder: created if missing.
        report: the figures. The JSON has all of them and `history`; each misclassified digit also
            has its image as `digit`, a data URL of a PNG.
        history: from `read_history`; empty for a model without a history, which has no curves.
        images: uint8 (N, 28, 28), ink 255 on 0, the digits of the report.
        lecture: an evaluated run of the lecture's recipe, whose figures are added to the JSON as
            `lecture`, for comparison; None to leave them out.

    Raises:
        FileNotFoundError: `lecture` lacks `config.json` or `report.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = asdict(report)
    for entry in content["misclassified"]:
        entry["digit"] = _data_url(images[entry["index"]])
    content["history"] = history
    if lecture:
        content["lecture"] = _summary(lecture)
    (folder / "report.json").write_text(_dumps(content))
    draw_report(folder, report, history, images)


def _summary(run: Path) -> dict[str, Any]:
    """Return the figures of an evaluated run, and the configuration of its training."""
    report = json.loads((run / "report.json").read_text())
    figures = "digits", "accuracy", "loss", "expected_calibration_error", "history"
    training = json.loads((run / "config.json").read_text())
    return {**{name: report[name] for name in figures}, "training": training}


def _data_url(digit: NDArray[np.uint8]) -> str:
    """Encode a digit, uint8 (28, 28), as a data URL, which pages show and the service accepts."""
    png = io.BytesIO()
    Image.fromarray(digit).save(png, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


def _dumps(content: dict[str, Any]) -> str:
    """Serialise as JSON with one line per entry, so that people and diffs can read it."""
    lines = []
    for key, value in content.items():
        value = _round(value)
        if isinstance(value, dict):
            entries = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in value.items()]
            text = "{\n    " + ",\n    ".join(entries) + "\n  }"
        elif isinstance(value, list):
            text = "[\n    " + ",\n    ".join(map(json.dumps, value)) + "\n  ]"
        else:
            text = json.dumps(value)
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _round(value: Any) -> Any:
    """Round floats to six decimals, also nested ones: float32 is no more precise."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _round(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_round(entry) for entry in value]
    return value

"""A report folder has JSON for the page, and pictures that show the errors."""

import base64
import io
import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.evaluate import Report, metrics
from training.report import History, read_history, write_report

HISTORY: History = {"epoch": [1, 2], "accuracy": [0.91, 1.0], "loss": [0.3, 0.0123456789]}
PICTURES = ("calibration.png", "confusion.png", "curves.png", "misclassified.png")
KILOBYTE = 1000


def report_with(errors: int, digits: int = 400) -> Report:
    """Return a report in which the last `errors` digits are misclassified, for all confidences."""
    rng = np.random.default_rng(5)
    predicted = np.arange(digits) % 10
    confidence = rng.uniform(0.2, 1, digits)
    probabilities = np.repeat((1 - confidence)[:, None] / 9, 10, axis=1)
    probabilities[np.arange(digits), predicted] = confidence
    wrong = np.arange(digits) >= digits - errors
    return metrics(probabilities, np.where(wrong, (predicted + 3) % 10, predicted).astype(np.uint8))


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Return images that all differ, so that a wrong index is detected."""
    return np.random.default_rng(2).integers(0, 256, (400, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, images: NDArray[np.uint8]) -> Path:
    """Return a new folder with a report on seven misclassified digits."""
    folder = tmp_path_factory.mktemp("reports") / "mnist" / "1"
    write_report(folder, report_with(errors=7), HISTORY, images)
    return folder


def pixels(path: Path) -> NDArray[np.uint8]:
    """Read a picture as RGB, uint8 (height, width, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_history_is_read_as_columns_with_epochs_from_one(tmp_path: Path) -> None:
    """Columns are numbers, and epochs, which the file counts from 0, count from 1."""
    path = tmp_path / "history.csv"
    path.write_text("epoch,accuracy,loss\n0,0.91,0.3\n1,1.0,0.0123456789\n")

    assert read_history(path) == HISTORY


def test_a_history_without_an_epoch_is_empty(tmp_path: Path) -> None:
    """A run stopped in its first epoch has an empty file or only a header."""
    path = tmp_path / "history.csv"
    for text in ("", "epoch,accuracy,loss\n"):
        path.write_text(text)
        assert read_history(path) == {}


def test_the_json_includes_the_lectures_run(
    folder: Path, tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    """With a run of the lecture's recipe the JSON has its figures and its configuration."""
    (folder / "config.json").write_text('{"recipe": "lecture", "epochs": 5}')

    write_report(tmp_path, report_with(errors=3), HISTORY, images, lecture=folder)

    lecture = json.loads((tmp_path / "report.json").read_text())["lecture"]
    assert lecture["accuracy"] == 0.9825
    assert lecture["training"] == {"recipe": "lecture", "epochs": 5}
    assert lecture["history"]["accuracy"] == HISTORY["accuracy"]


def test_the_json_has_all_figures_of_the_report(folder: Path) -> None:
    """All figures are rounded to six decimals; the history is included."""
    report = report_with(errors=7)

    content = json.loads((folder / "report.json").read_text())

    assert content["digits"] == 400
    assert content["accuracy"] == 0.9825
    assert content["expected_calibration_error"] == round(report.expected_calibration_error, 6)
    assert content["confusion"] == [list(row) for row in report.confusion]
    assert content["classes"][3]["recall"] == pytest.approx(report.classes[3].recall, abs=1e-6)
    assert [each["count"] for each in content["calibration"]] == [
        each.count for each in report.calibration
    ]
    assert content["calibration"][0]["accuracy"] is None
    assert [each["index"] for each in content["misclassified"]] == list(range(393, 400))
    assert content["history"] == {**HISTORY, "loss": [0.3, 0.012346]}


def test_each_misclassified_digit_has_its_image(folder: Path, images: NDArray[np.uint8]) -> None:
    """The image is a PNG data URL, which a page can show and post without having MNIST."""
    for entry in json.loads((folder / "report.json").read_text())["misclassified"]:
        kind, data = entry["digit"].split(",")
        assert kind == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert picture.mode == "L"
            np.testing.assert_array_equal(np.asarray(picture), images[entry["index"]])


def test_the_json_has_a_line_for_each_entry(folder: Path) -> None:
    """The confusion matrix has ten lines, not a hundred."""
    lines = (folder / "report.json").read_text().splitlines()

    start = lines.index('  "confusion": [')
    assert lines[start + 11] == "  ],"
    assert len(lines) < 80


def test_pictures_are_small_enough_to_commit(folder: Path) -> None:
    """Four PNGs, each wide enough to read and under 80 kB."""
    assert sorted(path.name for path in folder.glob("*.png")) == sorted(PICTURES)
    for name in PICTURES:
        height, width, _ = pixels(folder / name).shape
        assert width >= 500
        assert height >= 180
        assert (folder / name).stat().st_size < 80 * KILOBYTE


def test_the_sheet_starts_with_the_most_confident_mistake(
    tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    """The first digit of the first row is that one, three times as large and not blurred."""
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 10:14] = 255
    report = report_with(errors=12)
    most_confident = max(report.misclassified, key=lambda each: each.confidence)
    images = np.zeros_like(images)
    images[most_confident.index] = digit
    write_report(tmp_path, report, HISTORY, images)

    sheet = pixels(tmp_path / "misclassified.png")[..., 0]

    first = sheet[54:138, 9:93]
    np.testing.assert_array_equal(first, np.kron(digit, np.ones((3, 3), np.uint8)))


@pytest.mark.parametrize("errors", [0, 1, 101])
def test_reports_have_any_number_of_mistakes(
    tmp_path: Path, images: NDArray[np.uint8], errors: int
) -> None:
    """With none, one, or more than a sheet can show, the JSON has all."""
    write_report(tmp_path, report_with(errors), HISTORY, images)

    assert len(json.loads((tmp_path / "report.json").read_text())["misclassified"]) == errors
    assert pixels(tmp_path / "misclassified.png").shape[0] < 1500


def test_errors_are_orange_in_the_confusion_matrix(
    tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    """A confusion matrix with errors has orange cells, one without errors has none."""
    orange = []
    for errors in (0, 40):
        write_report(tmp_path, report_with(errors), HISTORY, images)
        red, _, blue = np.moveaxis(pixels(tmp_path / "confusion.png").astype(int), 2, 0)
        orange.append(int((red - blue > 60).sum()))

    assert orange[0] == 0
    assert orange[1] > 10_000


def test_validation_curves_are_drawn_if_the_history_has_them(
    tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    """The lecture's recipe has no validation set, so its curves have one colour, others two."""
    validation = {"val_accuracy": [0.9, 0.95], "val_loss": [0.2, 0.1]}
    orange = []
    for history in (HISTORY, HISTORY | validation):
        write_report(tmp_path, report_with(3), history, images)
        red, _, blue = np.moveaxis(pixels(tmp_path / "curves.png").astype(int), 2, 0)
        orange.append(int((red - blue > 60).sum()))

    assert orange[0] == 0
    assert orange[1] > 500


def test_a_perfect_epoch_is_drawn(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    """On the logarithmic axis an accuracy of 1 is drawn at 0.9999."""
    curves = []
    for last in (1.0, 0.9999):
        write_report(tmp_path, report_with(3), HISTORY | {"accuracy": [0.91, last]}, images)
        curves.append(pixels(tmp_path / "curves.png"))

    np.testing.assert_array_equal(curves[0], curves[1])


def test_a_report_without_a_history_has_no_curves(
    tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    """With an empty history all other files are written."""
    write_report(tmp_path, report_with(3), {}, images)

    assert json.loads((tmp_path / "report.json").read_text())["history"] == {}
    assert sorted(path.name for path in tmp_path.glob("*.png")) == sorted(
        set(PICTURES) - {"curves.png"}
    )


def test_drawing_does_not_change_matplotlibs_settings(
    tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    """A notebook that writes a report keeps its own style."""
    with matplotlib.rc_context({"font.size": 17.0}):
        before = dict(matplotlib.rcParams)
        write_report(tmp_path, report_with(3), HISTORY, images)
        assert dict(matplotlib.rcParams) == before

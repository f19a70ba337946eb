"""What lands in a report folder: JSON that a page can use, pictures that show the errors."""

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
    """Ten classes, confidences spread over the bins, the last `errors` digits misclassified."""
    rng = np.random.default_rng(5)
    predicted = np.arange(digits) % 10
    confidence = rng.uniform(0.2, 1, digits)
    probabilities = np.repeat((1 - confidence)[:, None] / 9, 10, axis=1)
    probabilities[np.arange(digits), predicted] = confidence
    wrong = np.arange(digits) >= digits - errors
    return metrics(probabilities, np.where(wrong, (predicted + 3) % 10, predicted).astype(np.uint8))


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Each unlike every other, so that a mixed-up index shows."""
    return np.random.default_rng(2).integers(0, 256, (400, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, images: NDArray[np.uint8]) -> Path:
    """A report on seven mistakes, in a folder that was not there before."""
    folder = tmp_path_factory.mktemp("reports") / "mnist" / "1"
    write_report(folder, report_with(errors=7), HISTORY, images)
    return folder


def pixels(path: Path) -> NDArray[np.uint8]:
    """A picture as RGB, uint8 (height, width, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_history_is_read_as_columns_with_epochs_from_one(tmp_path: Path) -> None:
    """The logger counts from 0 and writes text; people count from 1 and plots need numbers."""
    path = tmp_path / "history.csv"
    path.write_text("epoch,accuracy,loss\n0,0.91,0.3\n1,1.0,0.0123456789\n")

    assert read_history(path) == HISTORY


def test_a_history_without_an_epoch_is_empty(tmp_path: Path) -> None:
    """A run stopped within its first epoch leaves a header or nothing at all."""
    path = tmp_path / "history.csv"
    for text in ("", "epoch,accuracy,loss\n"):
        path.write_text(text)
        assert read_history(path) == {}


def test_the_lectures_run_stands_beside_it(
    folder: Path, tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    """With an evaluated run of the lecture's recipe the JSON has its figures and its training."""
    (folder / "config.json").write_text('{"recipe": "lecture", "epochs": 5}')

    write_report(tmp_path, report_with(errors=3), HISTORY, images, lecture=folder)

    lecture = json.loads((tmp_path / "report.json").read_text())["lecture"]
    assert lecture["accuracy"] == 0.9825
    assert lecture["training"] == {"recipe": "lecture", "epochs": 5}
    assert lecture["history"]["accuracy"] == HISTORY["accuracy"]


def test_the_json_says_all_that_the_report_says(folder: Path) -> None:
    """Every figure comes back to six decimals, with the history beside them."""
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


def test_each_misclassified_digit_carries_its_own_picture(
    folder: Path, images: NDArray[np.uint8]
) -> None:
    """A page can show it, and post it back to the service, without having MNIST."""
    for entry in json.loads((folder / "report.json").read_text())["misclassified"]:
        kind, data = entry["digit"].split(",")
        assert kind == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert picture.mode == "L"
            np.testing.assert_array_equal(np.asarray(picture), images[entry["index"]])


def test_the_json_has_a_line_for_each_entry(folder: Path) -> None:
    """Short enough to read: the confusion matrix takes ten lines, not a hundred."""
    lines = (folder / "report.json").read_text().splitlines()

    start = lines.index('  "confusion": [')
    assert lines[start + 11] == "  ],"
    assert len(lines) < 80


def test_pictures_open_and_are_small_enough_to_commit(folder: Path) -> None:
    """Four PNGs, each wide enough to read and under 80 kB."""
    assert sorted(path.name for path in folder.glob("*.png")) == sorted(PICTURES)
    for name in PICTURES:
        height, width, _ = pixels(folder / name).shape
        assert width >= 500
        assert height >= 180
        assert (folder / name).stat().st_size < 80 * KILOBYTE


def test_the_sheet_shows_the_surest_mistake_first_pixel_for_pixel(
    tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    """Somewhere in its first row stands that digit, three times as large and not blurred."""
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 10:14] = 255
    report = report_with(errors=12)
    surest = max(report.misclassified, key=lambda each: each.confidence)
    images = np.zeros_like(images)
    images[surest.index] = digit
    write_report(tmp_path, report, HISTORY, images)

    sheet = pixels(tmp_path / "misclassified.png")[..., 0]

    first = sheet[54:138, 9:93]
    np.testing.assert_array_equal(first, np.kron(digit, np.ones((3, 3), np.uint8)))


@pytest.mark.parametrize("errors", [0, 1, 101])
def test_any_number_of_mistakes_makes_a_report(
    tmp_path: Path, images: NDArray[np.uint8], errors: int
) -> None:
    """None, one, and more than a sheet holds; the JSON has them all."""
    write_report(tmp_path, report_with(errors), HISTORY, images)

    assert len(json.loads((tmp_path / "report.json").read_text())["misclassified"]) == errors
    assert pixels(tmp_path / "misclassified.png").shape[0] < 1500


def test_errors_stand_out_by_colour(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    """A confusion matrix with errors has orange in it, one without has none."""
    orange = []
    for errors in (0, 40):
        write_report(tmp_path, report_with(errors), HISTORY, images)
        red, _, blue = np.moveaxis(pixels(tmp_path / "confusion.png").astype(int), 2, 0)
        orange.append(int((red - blue > 60).sum()))

    assert orange[0] == 0
    assert orange[1] > 10_000


def test_validation_curves_are_drawn_where_there_are_any(
    tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    """The lecture's recipe holds nothing out, so its curves have one colour, others two."""
    validation = {"val_accuracy": [0.9, 0.95], "val_loss": [0.2, 0.1]}
    orange = []
    for history in (HISTORY, HISTORY | validation):
        write_report(tmp_path, report_with(3), history, images)
        red, _, blue = np.moveaxis(pixels(tmp_path / "curves.png").astype(int), 2, 0)
        orange.append(int((red - blue > 60).sum()))

    assert orange[0] == 0
    assert orange[1] > 500


def test_a_perfect_epoch_is_drawn(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    """The accuracy axis has no place for 1, so it stands where 0.9999 does, not nowhere."""
    curves = []
    for last in (1.0, 0.9999):
        write_report(tmp_path, report_with(3), HISTORY | {"accuracy": [0.91, last]}, images)
        curves.append(pixels(tmp_path / "curves.png"))

    np.testing.assert_array_equal(curves[0], curves[1])


def test_a_model_trained_elsewhere_has_no_curves(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    """An empty history is no error: all else is written."""
    write_report(tmp_path, report_with(3), {}, images)

    assert json.loads((tmp_path / "report.json").read_text())["history"] == {}
    assert sorted(path.name for path in tmp_path.glob("*.png")) == sorted(
        set(PICTURES) - {"curves.png"}
    )


def test_drawing_leaves_matplotlib_as_it_was(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    """A notebook that calls it keeps its own style."""
    with matplotlib.rc_context({"font.size": 17.0}):
        before = dict(matplotlib.rcParams)
        write_report(tmp_path, report_with(3), HISTORY, images)
        assert dict(matplotlib.rcParams) == before

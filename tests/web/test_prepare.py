"""The page prepares a drawing as the service does."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import NothingDrawn
from service.images.digit.preprocessing import Prepared, prepare
from service.model.bundle import Bundle
from service.model.engine import Engine
from tests.web.drawings import SIDE, Stroke, drawings
from training.data import Mnist

SCRIPT = Path(__file__).parent / "prepare.js"
MANY = pytest.mark.parametrize("count", [300, pytest.param(2000, marks=pytest.mark.slow)])
MAX_DIFFERENT = 0.001  # share of pixels: BLAS may round the middle of two grey levels either way
MAX_UNCERTAIN = 0.03  # share of drawn digits


@dataclass(frozen=True)
class Results:
    """What the page makes of drawings.

    Attributes:
        rasters: uint8 (N, 256, 256), black strokes on white.
        digits: uint8 (N, 28, 28).
        outcomes: of each, "certain", "uncertain" or "nothing".
    """

    rasters: NDArray[np.uint8]
    digits: NDArray[np.uint8]
    outcomes: NDArray[np.str_]


def prepared_by_page(strokes: list[list[Stroke]], folder: Path) -> Results:
    """Rasterise and prepare drawings with the page's code."""
    (folder / "strokes.json").write_text(json.dumps(strokes))
    subprocess.run(["node", SCRIPT, folder], check=True)  # noqa: S607
    return Results(
        np.fromfile(folder / "rasters.u8", np.uint8).reshape(-1, SIDE, SIDE),
        np.fromfile(folder / "digits.u8", np.uint8).reshape(-1, 28, 28),
        np.array(json.loads((folder / "outcomes.json").read_text())),
    )


def prepared_by_service(raster: NDArray[np.uint8]) -> Prepared | None:
    """Return what the service makes of a drawing; None where nothing is drawn."""
    try:
        return prepare(raster)
    except NothingDrawn:
        return None


def labels(digits: NDArray[np.uint8], bundle: Bundle) -> NDArray[np.int64]:
    """Return the label of each digit, uint8 (N, 28, 28)."""
    last = bundle.layers[-1].name
    pixels = np.float32(digits[..., np.newaxis] / np.float32(255))
    return np.argmax(Engine(bundle).run(pixels, [(last, "post")])[last, "post"], axis=1)


@MANY
def test_a_drawing_becomes_the_services_digit(
    count: int, mnist: Mnist, mnist_bundle: Bundle, tmp_path: Path
) -> None:
    """Every drawing has the service's digit and label, or the page is uncertain of it.

    It is uncertain of all from which the service removes something, and of few drawn digits.
    """
    found = prepared_by_page(drawings(mnist.test_images, count, seed=5), tmp_path)
    expected = [prepared_by_service(raster) for raster in found.rasters]
    is_removed = np.array([each is not None and each.applied.removed != () for each in expected])
    assert is_removed.any()
    assert (found.outcomes[is_removed] == "uncertain").all()
    is_nothing = np.array([each is None for each in expected])
    np.testing.assert_array_equal(found.outcomes == "nothing", is_nothing)
    is_certain = found.outcomes == "certain"
    assert (found.outcomes[::2] == "uncertain").mean() < MAX_UNCERTAIN  # every other is a digit
    service = np.array(
        [each.digit for each, chosen in zip(expected, is_certain, strict=True) if chosen and each]
    )
    page = found.digits[is_certain]
    difference = np.abs(page.astype(int) - service)
    assert difference.max() <= 1
    assert (difference > 0).mean() < MAX_DIFFERENT
    np.testing.assert_array_equal(labels(page, mnist_bundle), labels(service, mnist_bundle))


def stroke(brush: int, *points: tuple[int, int]) -> Stroke:
    """Return a stroke from point to point."""
    return {"brush": brush, "points": points}


BOX = ((30, 30), (220, 30), (220, 220), (30, 220), (30, 30))
THREE = ((90, 40), (150, 60), (110, 100), (150, 140), (90, 160))
RIM = [(x, y) for x in range(15, 256, 45) for y in range(15, 256, 45) if {15, 240} & {x, y}]
SURROUNDED = {
    "a thin line": [stroke(14, *THREE), stroke(14, (10, 200), (245, 203))],
    "a bold line": [stroke(28, *THREE), stroke(28, (18, 230), (238, 230))],
    "a box that a stroke touches": [stroke(20, *BOX), stroke(20, (125, 30), (125, 150), (90, 110))],
    "a part of a box": [stroke(20, *BOX[2:]), stroke(20, (150, 60), (190, 100), (150, 150))],
    "a filled corner": [stroke(28, (0, 0), (60, 0), (0, 30), (60, 20)), stroke(14, *THREE)],
    "dots along the edges": [stroke(20, (128, 100), (128, 150)), *(stroke(28, at) for at in RIM)],
}


def test_the_page_is_uncertain_of_surroundings(tmp_path: Path) -> None:
    """Whatever the service handles in a way that the page does not makes the page uncertain."""
    found = prepared_by_page(list(SURROUNDED.values()), tmp_path)
    for index, name in enumerate(SURROUNDED):
        expected = prepared_by_service(found.rasters[index])
        assert expected, name
        assert not np.array_equal(expected.digit, found.digits[index]), name
        assert found.outcomes[index] == "uncertain", name


def test_nothing_is_drawn(tmp_path: Path) -> None:
    """An empty drawing, and one of more than a hundred dots, have no digit; one dot has."""
    dots = [[x, y] for x in range(10, 250, 20) for y in range(10, 250, 20)]
    many = [{"brush": 8, "points": [dot]} for dot in dots]
    found = prepared_by_page([[], many, many[:1]], tmp_path)
    assert list(found.outcomes) == ["nothing", "nothing", "certain"]


def test_a_raster_of_another_size_is_an_error() -> None:
    """Any raster but 256 × 256 raises; its digit would not be the service's."""
    code = (
        "import { prepareDrawing } from './service/web/prepare/prepare.js';"
        "const raster = { pixels: new Uint8Array(784), width: 28, height: 28 };"
        "try { prepareDrawing(raster); } catch (error) { console.log(error.message); }"
    )
    command = ["node", "--input-type=module", "-e", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=SCRIPT.parents[2]
    )
    assert done.stdout.strip() == "A drawing has 256 × 256 pixels, not 28 × 28."

"""Tables and failures are written between the marks of their pages, and nowhere else."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.model.bundle import Bundle
from tests.conftest import ROOT
from training.card import ALL_SURROUNDINGS, PARTS, Card, validation_digits
from training.data import Mnist
from training.failures import draw, slug, write_failures
from training.outliers import outliers
from training.pages import KINDS
from training.reading import GRID
from training.robustness import Accuracy, Example, Separation
from training.served import Answer, Served
from training.surroundings import SURROUNDINGS
from training.tables import replace_between, table


@pytest.fixture(scope="module")
def card(mnist_bundle: Bundle, mnist: Mnist) -> Card:
    """Measure three validation digits a row with the committed bundle."""
    return validation_digits(Card(Served(mnist_bundle.path), mnist, digits=3, pictures=3))


def test_the_text_between_marks_is_replaced(tmp_path: Path) -> None:
    """All other text stays, writing twice is the same as once, and missing marks are an error."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n<!-- b -->\n<!-- /b -->\n")

    for _ in range(2):
        replace_between(page, "a", table(["x", "y"], [["1", "2"]]))

    assert page.read_text() == (
        "before\n<!-- a -->\n| x | y |\n| --- | --- |\n| 1 | 2 |\n<!-- /a -->\nafter\n"
        "<!-- b -->\n<!-- /b -->\n"
    )
    with pytest.raises(ValueError, match="'<!-- c -->'"):
        replace_between(page, "c", [])


def test_surroundings_are_measured_summed_and_written(card: Card, tmp_path: Path) -> None:
    """The table has a row a kind and their sum, and each failure's section states its counts."""
    for name in ("model-card.md", "failures.md"):
        shutil.copy(ROOT / "docs" / name, tmp_path)
    page, failures = tmp_path / "model-card.md", tmp_path / "failures.md"

    rows = list(replace(card, page=page, failures=failures).write("surroundings"))

    *kinds, total = rows
    assert [row.condition for row in kinds] == list(SURROUNDINGS)
    assert total.condition == ALL_SURROUNDINGS
    assert total.images == 3 * len(SURROUNDINGS)
    assert total.right == sum(row.right for row in kinds)
    text = page.read_text()
    written = text[text.index("<!-- surroundings -->") : text.index("<!-- /surroundings -->")]
    assert written.count("\n|") == len(rows) + 2
    assert f"| box | 3 | {kinds[0].right / 3:.4f} |" in written
    for row in kinds:
        wrong = row.images - row.right
        assert (tmp_path / "failures" / f"{slug(row.condition)}.png").exists() == (wrong > 0)
        assert f"Of 3 pictures, {wrong} are not read right" in failures.read_text()


def test_outliers_and_pages_are_measured_and_written(card: Card, tmp_path: Path) -> None:
    """The table of outliers starts with the test digits, and that of pages has a row a kind."""
    for name in ("model-card.md", "failures.md"):
        shutil.copy(ROOT / "docs" / name, tmp_path)
    page = tmp_path / "model-card.md"
    mnist = replace(card.mnist, test_images=card.mnist.test_images[:300])
    card = replace(card, mnist=mnist, page=page, failures=tmp_path / "failures.md")

    digits, *kinds = card.write("outliers")
    pages = list(card.write("pages"))

    assert [row.kind for row in kinds] == list(outliers())
    text = page.read_text()
    assert f"| test digits | 300 | 0.0% | {digits.flagged / 300:.1%} |" in text
    assert [row.kind for row in pages] == [*KINDS, GRID]
    assert all(f"| {row.kind} | {row.pages} | {row.right / row.items:.4f}" in text for row in pages)


def test_the_pages_have_the_marks_of_every_part() -> None:
    """The model card has a mark a table, and the failures a section a kind."""
    text = (ROOT / "docs" / "model-card.md").read_text()
    for part in PARTS:
        assert f"<!-- {part} -->\n" in text
        assert f"<!-- /{part} -->" in text
    text = (ROOT / "docs" / "failures.md").read_text()
    for kind in (*SURROUNDINGS, *outliers()):
        assert f"<!-- failures: {slug(kind)} -->\n" in text, kind


def test_the_worst_failures_are_drawn_with_their_answers(tmp_path: Path) -> None:
    """Misleading answers come first, refusals last; without failures no picture stays."""
    page = tmp_path / "failures.md"
    page.write_text("<!-- failures: clothes -->\n<!-- /failures: clothes -->\n")
    digit = np.eye(28, dtype=np.uint8) * 255
    picture = np.full((300, 200), 90, np.uint8)
    misleading = Answer(digit, "8", 0.95, 5.0, is_flagged=False)
    flagged = replace(misleading, confidence=0.99, is_flagged=True)
    failures = [Example(picture, "1", answer) for answer in (None, flagged, misleading)]

    write_failures(page, Separation("clothes", 40, 1, 2, 37, 0.5), failures * 3)

    drawn = Image.open(tmp_path / "failures" / "clothes.png").convert("L")
    expected = draw([failures[2]] * 3 + [failures[1]] * 3 + [failures[0]] * 2).convert("L")
    assert drawn.size == (8 * 104, 160)
    assert np.array_equal(np.asarray(drawn), np.asarray(expected))
    assert "(failures/clothes.png)" in page.read_text()

    write_failures(page, Accuracy("clothes", 40, 40, 0, 0), [])

    assert not (tmp_path / "failures" / "clothes.png").exists()
    assert "png" not in page.read_text()


def test_a_failure_shows_the_picture_and_the_digit() -> None:
    """The picture is fitted into its place without distortion, the digit is doubled below it."""
    digit = np.zeros((28, 28), np.uint8)
    digit[10:20, 5:9] = 255
    picture = np.full((300, 150), 60, np.uint8)

    drawn = np.asarray(
        draw([Example(picture, "4", Answer(digit, "9", 0.5, 0.0, is_flagged=True))]).convert("L")
    ).astype(int)

    is_picture = np.abs(drawn[:92] - 60) < 9
    assert np.count_nonzero(is_picture) == 92 * 46
    below = drawn[100:156, 4:60]
    assert np.array_equal(below > 128, np.kron(digit > 128, np.ones((2, 2), bool)))

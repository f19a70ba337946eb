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
from training.failures import slug, write_failures, write_misread
from training.outliers import outliers
from training.pages import KINDS
from training.reading import GRID, Misread, Reading
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
    """The card has marks for each table, the failures a section a kind, and small pictures."""
    text = (ROOT / "docs" / "model-card.md").read_text()
    for part in PARTS:
        assert f"<!-- {part} -->\n" in text
        assert f"<!-- /{part} -->" in text
    text = (ROOT / "docs" / "failures.md").read_text()
    for kind in (*SURROUNDINGS, *KINDS, GRID, *outliers()):
        assert f"<!-- failures: {slug(kind)} -->\n" in text, kind
    pictures = (ROOT / "docs" / "failures").glob("*.png")
    assert sum(picture.stat().st_size for picture in pictures) < 400_000


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
    assert drawn.size == (8 * 106, 160)
    digits = [np.asarray(drawn)[100:156, 106 * place + 4 : 106 * place + 60] for place in range(8)]
    assert [bool((shown < 9).mean() > 0.9) for shown in digits] == [True] * 6 + [False] * 2
    texts = [np.asarray(drawn)[100:, 106 * place + 60 : 106 * (place + 1)] for place in range(6)]
    assert np.array_equal(texts[0], texts[2])  # misleading
    assert np.array_equal(texts[3], texts[5])  # flagged
    assert not np.array_equal(texts[2], texts[3])
    assert "(failures/clothes.png)" in page.read_text()

    write_failures(page, Accuracy("clothes", 40, 40, 0, 0), [])

    assert not (tmp_path / "failures" / "clothes.png").exists()
    assert "png" not in page.read_text()


def test_a_failure_shows_the_picture_and_the_digit(tmp_path: Path) -> None:
    """The picture is fitted into its place without distortion, the digit is doubled below it."""
    page = tmp_path / "failures.md"
    page.write_text("<!-- failures: box -->\n<!-- /failures: box -->\n")
    digit = np.zeros((28, 28), np.uint8)
    digit[10:20, 5:9] = 255
    picture = np.full((300, 150), 60, np.uint8)
    failure = Example(picture, "4", Answer(digit, "9", 0.5, 0.0, is_flagged=True))

    write_failures(page, Accuracy("box", 1, 0, 0, 0), [failure])

    drawn = np.asarray(Image.open(tmp_path / "failures" / "box.png").convert("L")).astype(int)
    is_picture = np.abs(drawn[:92] - 60) < 9
    assert np.count_nonzero(is_picture) == 92 * 46
    below = drawn[100:156, 4:60]
    assert np.array_equal(below > 128, np.kron(digit > 128, np.ones((2, 2), bool)))


def test_misread_pages_are_drawn_three_at_most(tmp_path: Path) -> None:
    """Pages that mislead come first, and the text counts pages, or cells of a grid."""
    page = tmp_path / "failures.md"
    marks = ("touching-pairs", "9-9-grid-by-cell")
    page.write_text("\n".join(f"<!-- failures: {m} -->\n<!-- /failures: {m} -->" for m in marks))
    light, dark = (np.full((90, 200), tone, np.uint8) for tone in (200, 50))
    misread = [Misread(light, ["is 12", "read 1"], misleads=False)] * 4
    misread += [Misread(dark, ["is 12", "read 2"], misleads=True)]

    write_misread(page, Reading("touching pairs", 50, 50, 45, 1), misread)
    write_misread(page, Reading(GRID, 2, 162, 160, 0), misread[:1])

    drawn = np.asarray(Image.open(tmp_path / "failures" / "touching-pairs.png").convert("L"))
    assert drawn.shape == (220, 3 * 272)
    assert [int(drawn[40, 272 * place + 50]) > 128 for place in range(3)] == [False, True, True]
    assert "Of 50 pages, 5 are not read right, of these 1 " in page.read_text()
    assert "Of 162 cells of 2 pages, 2 are not read right" in page.read_text()

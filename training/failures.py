"""Draw the pictures that the service still answers wrongly, and write their page.

Each kind of picture has a section of the page, with sentences on why it fails, and between its
marks the counts and a picture of up to eight failures, which are generated.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from training.reading import Misread, Reading
from training.robustness import Accuracy, Example, Separation
from training.tables import replace_between

SHOWN, SHOWN_PAGES = 8, 3  # failures of a kind
_PICTURE, _CELL, _HEIGHT = 92, 106, 160  # pixels: side of a picture, width and height of a failure
_PAGE = 272, 220  # pixels: width and height of a misread page with its text
_TEXT = 11  # pixels
_GREYS = 16  # grey levels of a PNG; more would double its size


def write_failures(page: Path, row: Accuracy | Separation, failures: list[Example]) -> None:
    """Write the section of a kind: its counts and a picture of the worst failures.

    Args:
        page: has the marks of the kind; the pictures go into a folder of its name beside it.
        row: the figures of the kind.
        failures: in any order; those that mislead most are shown.
    """
    kind = row.condition if isinstance(row, Accuracy) else row.kind
    worst = sorted(failures, key=_severity, reverse=True)[:SHOWN]
    _write(page, kind, _summary(row), [_draw_one(failure) for failure in worst])


def write_misread(page: Path, row: Reading, misread: list[Misread]) -> None:
    """Write the section of a kind of pages: its counts and a picture of misread pages.

    Args:
        page: as in `write_failures`.
        row: the figures of the kind.
        misread: in any order; those that mislead are shown first.
    """
    worst = sorted(misread, key=lambda each: not each.misleads)[:SHOWN_PAGES]
    _write(page, row.kind, _summary_of_pages(row), [_draw_page(each) for each in worst])


def _write(page: Path, kind: str, summary: str, drawn: list[Image.Image]) -> None:
    """Write a section: a line of text, and the picture of what is drawn, if anything is."""
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    picture = folder / f"{slug(kind)}.png"
    picture.unlink(missing_ok=True)
    lines = [summary]
    if drawn:
        side_by_side(drawn).save(picture, optimize=True)
        lines += ["", f"![Failures of the kind: {kind}]({folder.name}/{picture.name})"]
    replace_between(page, f"failures: {slug(kind)}", lines)


def slug(kind: str) -> str:
    """Return the name of a kind's file: its letters and digits, with hyphens between the words."""
    return "-".join(re.findall(r"[a-z0-9]+", kind.lower()))


def side_by_side(drawn: list[Image.Image]) -> Image.Image:
    """Paste grey images of one height side by side, and reduce them to few grey levels."""
    sheet = Image.new("L", (sum(image.width for image in drawn), drawn[0].height), 255)
    left = 0
    for image in drawn:
        sheet.paste(image, (left, 0))
        left += image.width
    return sheet.quantize(_GREYS, dither=Image.Dither.NONE)


def _draw_one(failure: Example) -> Image.Image:
    """Draw the picture as sent, below it the digit as the model sees it, and the answer."""
    cell = Image.new("L", (_CELL, _HEIGHT), 255)
    picture = _fitted(failure.picture, (_PICTURE, _PICTURE))
    cell.paste(picture, ((_CELL - picture.width) // 2, (_PICTURE - picture.height) // 2))
    answer = failure.answer
    # A kind of picture without a digit is no truth that fits; its section names it.
    truth = failure.truth if failure.truth.isdecimal() else ""
    if answer is None:
        words, left = [f"shows {truth}" if truth else "", "refused"], 4
    else:
        digit = Image.fromarray(answer.digit).resize((56, 56), Image.Resampling.NEAREST)
        cell.paste(digit, (4, _PICTURE + 8))
        words, left = [f"is {truth}" if truth else "", f"read {answer.label}"], 62
        words += [f"{answer.confidence:.2f}", "flagged" if answer.is_flagged else ""]
    text = "\n".join(word for word in words if word)
    font = ImageFont.load_default(_TEXT)
    ImageDraw.Draw(cell).multiline_text((left, _PICTURE + 8), text, fill=0, font=font, spacing=2)
    return cell


def _draw_page(misread: Misread) -> Image.Image:
    """Draw a page, and below it what it shows and what was read."""
    cell = Image.new("L", _PAGE, 255)
    picture = _fitted(misread.picture, (_PAGE[0] - 4, _PAGE[1] - 3 * (_TEXT + 4)))
    cell.paste(picture, (0, 0))
    lines = misread.differences[:2]
    if len(misread.differences) > len(lines):
        lines.append(f"and {len(misread.differences) - len(lines)} more")
    font = ImageFont.load_default(_TEXT)
    place = 0, picture.height + 2
    ImageDraw.Draw(cell).multiline_text(place, "\n".join(lines), fill=0, font=font, spacing=2)
    return cell


def _fitted(picture: NDArray[np.uint8], place: tuple[int, int]) -> Image.Image:
    """Scale a picture to a width and height: small ones by whole factors, so that pixels show."""
    image = Image.fromarray(picture)
    factor = min(place[0] / image.width, place[1] / image.height)
    if factor >= 1:
        whole = int(factor)
        return image.resize((image.width * whole, image.height * whole), Image.Resampling.NEAREST)
    size = max(round(image.width * factor), 1), max(round(image.height * factor), 1)
    return image.resize(size, Image.Resampling.BOX)


def _severity(failure: Example) -> tuple[bool, bool, float]:
    """Order failures: misleading answers last, then the other answers, refusals first."""
    confidence = failure.answer.confidence if failure.answer else 0.0
    return failure.misleads, failure.answer is not None, confidence


def _summary(row: Accuracy | Separation) -> str:
    if isinstance(row, Separation):
        return (
            f"Of {row.images:,} pictures, {row.trusted:,} are not flagged and get a confidence "
            f"above 0.9; {row.flagged:,} are flagged and {row.refused:,} refused."
        )
    wrong = row.images - row.right
    return (
        f"Of {row.images:,} pictures, {wrong:,} are not read right: {row.refused:,} are refused, "
        f"and {row.misleading:,} are read wrong, not flagged, with a confidence above 0.9."
    )


def _summary_of_pages(row: Reading) -> str:
    what = "pages" if row.items == row.pages else f"cells of {row.pages:,} pages"
    return (
        f"Of {row.items:,} {what}, {row.items - row.right:,} are not read right, of these "
        f"{row.misleading:,} without a flag and with a confidence above 0.9."
    )

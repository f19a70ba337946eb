"""Draw the pictures that the service still answers wrongly, and write their page.

Each kind of picture has a section of the page, with sentences on why it fails, and between its
marks the counts and a picture of up to eight failures, which are generated.
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.robustness import Accuracy, Example, Separation
from training.tables import replace_between

SHOWN = 8  # failures of a kind
_PICTURE, _CELL, _HEIGHT = 92, 104, 160  # pixels: side of a picture, width and height of a failure
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
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    picture = folder / f"{slug(kind)}.png"
    picture.unlink(missing_ok=True)
    lines = [_summary(row)]
    if failures:
        draw(sorted(failures, key=_severity, reverse=True)[:SHOWN]).save(picture, optimize=True)
        lines += ["", f"![Failures of the kind: {kind}]({folder.name}/{picture.name})"]
    replace_between(page, f"failures: {slug(kind)}", lines)


def slug(kind: str) -> str:
    """Return the name of a kind's file: its letters and digits, with hyphens between the words."""
    return "-".join(re.findall(r"[a-z0-9]+", kind.lower()))


def draw(failures: list[Example]) -> Image.Image:
    """Draw failures side by side: the picture as sent, the digit as the model sees it, the answer.

    Returns:
        Grey with few levels, 160 pixels high and 104 wide a failure.
    """
    sheet = Image.new("L", (_CELL * len(failures), _HEIGHT), 255)
    for index, failure in enumerate(failures):
        sheet.paste(_draw_one(failure), (index * _CELL, 0))
    return sheet.quantize(_GREYS, dither=Image.Dither.NONE)


def _draw_one(failure: Example) -> Image.Image:
    cell = Image.new("L", (_CELL, _HEIGHT), 255)
    picture = _fitted(failure.picture)
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


def _fitted(picture: np.typing.NDArray[np.uint8]) -> Image.Image:
    """Scale a picture to its place: small ones by whole factors, so that their pixels show."""
    image = Image.fromarray(picture)
    factor = _PICTURE / max(image.size)
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

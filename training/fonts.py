"""Find fonts: matplotlib's Computer Modern and STIX to learn from, installed ones to measure on.

No font is in both: DejaVu, which matplotlib also brings along, is not learned.
"""

from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FOLDER = Path("/usr/share/fonts")
MAX_FONTS = 120
_SAMPLE = "A7ag1W"
# Files whose characters are symbols, or keys of a keyboard, in place of letters.
_SYMBOLS = "D050000L", "StandardSymbolsPS", "LinBiolinum_K"
_MISSING = "\ue5e5"  # a private character, which fonts draw as their box for missing characters


def learned_font(name: str) -> str:
    """Return the path of a font that matplotlib brings along, such as `cmr10`."""
    return str(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf")


@cache
def installed_fonts() -> tuple[str | None, ...]:
    """List the installed TrueType and OpenType fonts that have Western letters and digits.

    Of fonts that draw the same letters only the first by path is kept, and at most `MAX_FONTS`,
    evenly spaced in that order; so the list depends on nothing but the installed files.

    Returns:
        None for Pillow's own font, then the paths.
    """
    paths = sorted(path for path in FOLDER.rglob("*") if path.suffix.lower() in (".ttf", ".otf"))
    paths = [path for path in paths if path.stem not in _SYMBOLS]
    files: dict[bytes, str] = {}
    for path in paths:
        sample = _sample(path)
        if sample is not None:
            files.setdefault(sample, str(path))
    chosen = list(files.values())
    if len(chosen) > MAX_FONTS:
        places = np.linspace(0, len(chosen) - 1, MAX_FONTS).astype(int)
        chosen = [chosen[place] for place in places]
    return (None, *chosen)


def _sample(path: Path) -> bytes | None:
    """Draw the sample's characters; return None where the font lacks one of them."""
    try:
        font = ImageFont.truetype(str(path), 24)
        drawn = [_drawn(character, font) for character in _SAMPLE]
    except OSError:
        return None
    missing = _drawn(_MISSING, font)
    if missing in drawn or len(set(drawn)) < len(drawn):
        return None
    return b"".join(drawn)


def _drawn(character: str, font: ImageFont.FreeTypeFont) -> bytes:
    image = Image.new("L", (48, 48))
    ImageDraw.Draw(image).text((8, 4), character, fill=255, font=font)
    return image.tobytes()

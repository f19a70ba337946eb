"""The conditions under which a digit alone is measured: formats, sizes, light, dust and pens."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from training import renderings

Render = Callable[[NDArray[np.uint8], np.random.Generator], bytes]
SIZES = (24, 40, 80, 160)  # of printed characters, pixels


def conditions() -> dict[str, Render]:
    """Return the function that renders a digit alone under each condition, by its name."""
    return {
        "as they are": lambda digit, _: renderings.encode(digit),
        "280 × 280, black on white, anywhere, PNG": lambda digit, rng: renderings.encode(
            _draw(digit, rng)
        ),
        "the same, white on black": lambda digit, rng: renderings.encode(255 - _draw(digit, rng)),
        "20 to 600 pixels high, anywhere": lambda digit, rng: renderings.encode(
            _draw(digit, rng, int(rng.integers(20, 601)), 640)
        ),
        "uneven light, paper, noise, JPEG of quality 30": lambda digit, rng: renderings.encode(
            renderings.photographed(_draw(digit, rng), rng), "JPEG", quality=30
        ),
        "dust": lambda digit, rng: renderings.encode(
            renderings.specked(_draw(digit, rng), rng, 20, 0)
        ),
        "any format, mode and polarity": _encode_at_random,
        "turned by EXIF": lambda digit, rng: renderings.turned(
            _draw(digit, rng), int(rng.integers(1, 9))
        ),
        **{
            f"pen {factor} times as wide": partial(_draw_with_pen, factor=factor)
            for factor in (0.5, 0.7, 1.4, 2.0)
        },
    }


def _draw(
    digit: NDArray[np.uint8], rng: np.random.Generator, longer: int | None = None, side: int = 280
) -> NDArray[np.uint8]:
    """Draw a digit in black at a random position on a white square."""
    longer = longer or int(rng.integers(60, 241))
    return renderings.on_canvas(renderings.shape_of(digit, longer), rng, (side, side))


def _draw_with_pen(digit: NDArray[np.uint8], rng: np.random.Generator, factor: float) -> bytes:
    shape = renderings.restroke(digit, factor, 200)
    return renderings.encode(renderings.on_canvas(shape, rng))


def _encode_at_random(digit: NDArray[np.uint8], rng: np.random.Generator) -> bytes:
    kind, mode = renderings.ENCODINGS[rng.integers(len(renderings.ENCODINGS))]
    image = _draw(digit, rng)
    return renderings.encode(image if rng.random() < 0.5 else 255 - image, kind, mode)


def printed(characters: str) -> Iterator[bytes]:
    """Yield an image of each character in each font and size, at random positions."""
    rng = np.random.default_rng(0)
    for character in characters:
        for font in renderings.fonts():
            for size in SIZES:
                shape = renderings.printed(character, size, font)
                yield renderings.encode(renderings.on_canvas(shape, rng))

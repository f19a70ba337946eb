"""Read the colours of the pictures that the service draws."""

import io

import numpy as np
from PIL import Image, ImageColor

from service.model import sheets
from service.model.colours import colours

DIGIT = np.zeros((28, 28, 1), np.uint8)
INK, GREY, RULE = (ImageColor.getrgb(name) for name in (sheets.INK, sheets.GREY, sheets.RULE))
NEUTRAL = tuple(colours(np.float32(0), 1))


def pixels(png):
    """A PNG as uint8 (height, width, 3)."""
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)


def coloured(value, limit):
    """The colour that a value should have, as a tuple."""
    return tuple(colours(np.float32(value), limit))


def extent(picture, colour):
    """First and last row and column of the pixels that have a colour, as (top, bottom, …)."""
    rows, columns = np.nonzero((picture == colour).all(axis=-1))
    return rows.min(), rows.max(), columns.min(), columns.max()


def lightness(colour):
    """Relative luminance of sRGB colours (without the gamma), 0–255."""
    return np.asarray(colour, np.float64) @ (0.2126, 0.7152, 0.0722)

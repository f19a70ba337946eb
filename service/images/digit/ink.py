"""Tells ink from paper: polarity, uneven light, threshold. Knows nothing of digits or of MNIST."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import NothingDrawn
from service.images.digit.background import average_cells, find_background, light_per_pixel
from service.images.digit.components import bounding_box

NOTHING_DRAWN = (
    "Nothing is drawn in the picture; draw one digit, clearly darker or brighter than its paper."
)

_LONGEST = 640  # pixels a side in which ink is looked for; larger pictures are averaged down
_APART = 4  # pixels, at most, between those that are compared to measure noise
_SIDE_A_PIXEL_APART = 50  # pixels of the shorter side
_TWO_FIFTHS_OF_NORMAL = 0.5244  # two fifths of normal deviates are smaller, in standard deviations
_DARKEST_PAPER = 40  # grey levels: in deeper shade, noise would be blown up to ink
_FAINTEST = 10  # grey levels of contrast: anything fainter is not ink
_FAR_FROM_NOISE = 4.0  # standard deviations of the paper's noise
_NOISE_FLOOR = 3.0  # standard deviations: possibly ink, if connected with what certainly is
_FOOT = 0.08  # share of full ink at which the blurred edge of a stroke begins


@dataclass(frozen=True)
class Ink:
    """Where the ink is in a picture, at a resolution at which everything is cheap.

    Attributes:
        grey: uint8 (H, W), the picture averaged down `reduction` times.
        rows, columns: the part of `grey` that is looked at, (h, w); all others are background.
        density: uint8 (h, w), 0 paper to 255 full ink, polarity and light evened out.
        background: density of the pixels that are not looked at, 0–255; far from ink.
        certain: bool (h, w), surely ink: at least half of full ink.
        possible: bool (h, w), ink too where it is connected with what is certain.
        inverted: the ink was darker than its paper.
        threshold: contrast to the paper, grey levels of 255, from which ink is certain.
        reduction: pixels of the sent picture a pixel here, per side.
    """

    grey: NDArray[np.uint8]
    rows: slice
    columns: slice
    density: NDArray[np.uint8]
    background: int
    certain: NDArray[np.bool_]
    possible: NDArray[np.bool_]
    inverted: bool
    threshold: float
    reduction: int


def find_ink(picture: NDArray[np.uint8]) -> Ink:
    """Separate ink from paper.

    Args:
        picture: uint8 (H, W) in 0–255, either polarity.

    Raises:
        NothingDrawn: no contrast, or none beyond the paper's own noise.
    """
    reduction = -(-max(picture.shape) // _LONGEST)
    image = Image.fromarray(picture)
    if reduction > 1:
        image = image.reduce(reduction)
        picture = np.asarray(image)
    # outside these rows and columns all pixels are like the first: of a drawing, most are
    rows, columns = bounding_box(picture ^ picture[0, 0])
    if rows.stop == 0:
        raise NothingDrawn(NOTHING_DRAWN)
    inverted, light = find_background(average_cells(image, rows, columns))
    dark = picture if inverted else ~picture  # dark ink on bright paper
    light = light_per_pixel(light if inverted else 255 - light, picture.shape)
    noise = _noise(dark, light)
    outside = float(_contrast(dark[:1, :1], light[:1, :1])[0, 0])
    if light.size > 1 or outside > _FOOT * _FAINTEST:  # what does not vary may be ink
        rows, columns = slice(0, picture.shape[0]), slice(0, picture.shape[1])
    contrast = _contrast(dark[rows, columns], light)
    full = _full_ink(contrast, noise)
    possible_from = min(max(_NOISE_FLOOR * noise, _FOOT * full), full / 2)
    certain, possible = contrast > full / 2, contrast > possible_from
    return Ink(
        grey=picture,
        rows=rows,
        columns=columns,
        density=_density(contrast, full),
        background=int(min(max(outside * 255 / full, 0), 255)),
        certain=certain,
        possible=possible,
        inverted=inverted,
        threshold=round(full / 2, 1),
        reduction=reduction,
    )


def _contrast(grey: NDArray[np.uint8], light: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much darker than its paper each pixel is, float32 (h, w), as if the paper were 255.

    Args:
        grey: uint8 (h, w), dark ink on bright paper.
        light: float32 (h, w) or (1, 1), the paper's tone.
    """
    contrast = grey.astype(np.float32)
    np.subtract(light, contrast, out=contrast)  # in place: new memory costs more than sums
    contrast *= np.float32(255) / np.maximum(light, np.float32(_DARKEST_PAPER))
    return contrast


def _density(contrast: NDArray[np.float32], full: float) -> NDArray[np.uint8]:
    """Contrast as a share of full ink, uint8 (h, w); overwrites the contrast."""
    contrast *= np.float32(255 / full)
    np.clip(contrast, 0, 255, out=contrast)
    return contrast.astype(np.uint8)


def _noise(grey: NDArray[np.uint8], light: NDArray[np.float32]) -> float:
    """Standard deviation of the paper's texture and the camera's noise, as contrast.

    Pixels a few apart differ by noise alone, except across edges and however uneven the light;
    neighbours would differ by less, for JPEG smooths them. Edges are the largest differences, so
    the smaller ones are measured: in a small picture more than half of all may cross an edge.
    """
    if grey.shape[0] >= grey.shape[1]:
        grey, light = grey.T, light.T
    apart = min(max(len(grey) // _SIDE_A_PIXEL_APART, 1), _APART)
    if grey.shape[1] <= apart:
        return 0.0
    every = max(len(grey) // 64, 1)
    first, second = grey[::every, :-apart:every], grey[::every, apart::every]
    rank = first.size * 2 // 5
    if light.size > 1:
        contrasts = (
            _contrast(first, light[::every, :-apart:every]),
            _contrast(second, light[::every, apart::every]),
        )
    elif np.count_nonzero(first == second) > rank:  # no noise at all: most are alike
        return 0.0
    else:
        contrasts = _contrast(first, light), _contrast(second, light)
    differences = np.abs(contrasts[0] - contrasts[1]).reshape(-1)
    smaller = float(np.partition(differences, rank)[rank])
    return smaller / (_TWO_FIFTHS_OF_NORMAL * 2**0.5)


def _full_ink(contrast: NDArray[np.float32], noise: float) -> float:
    """The contrast of full ink.

    Raises:
        NothingDrawn: no pixel stands out.
    """
    ink = contrast[contrast > max(_FAR_FROM_NOISE * noise, _FAINTEST)]
    if ink.size == 0:
        raise NothingDrawn(NOTHING_DRAWN)
    # the mean weighted by itself: a faint digit with a few black specks is measured by the digit
    typical = float(ink @ ink) / float(ink.sum())
    strong = np.sort(ink[ink > typical / 2])
    return float(strong[len(strong) * 9 // 10])

"""Separate foreground from background: polarity, uneven illumination, threshold.

Does not know digits or MNIST.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from service.errors import NothingDrawn
from service.images.digit.background import (
    average_cells,
    find_background,
    illumination_per_pixel,
)
from service.images.digit.components import bounding_box
from service.images.digit.morphology import close

NOTHING_DRAWN = (
    "Nothing is drawn in the image; draw one digit, clearly darker or brighter than the background."
)

_MAX_SIDE = 640  # pixels a side that are searched; larger images are averaged down
_MAX_NOISE_DISTANCE = 4  # pixels between those that are compared to measure noise
_SIDE_PER_DISTANCE = 50  # pixels of the shorter side for each pixel of that distance
_NORMAL_QUANTILE_40 = 0.5244  # 40 % of absolute normal deviates are below this many sigmas
_DARKEST_BACKGROUND = 40  # grey levels: below, dividing by the illumination amplifies noise
_MIN_CONTRAST = 10  # grey levels: anything fainter is background
_CERTAIN_SIGMAS = 4.0  # noise levels above which a pixel is foreground
_POSSIBLE_SIGMAS = 3.0  # noise levels above which it is, if connected with certain foreground
_EDGE_SHARE = 0.08  # share of the full contrast at which the blurred edge of a stroke begins
_LOCAL_WINDOW = 0.13  # share of the shorter side: wider than a stroke


@dataclass(frozen=True)
class Foreground:
    """The foreground of an image, at a resolution of at most 640 pixels a side.

    Attributes:
        grey: uint8 (H, W), the image averaged down `reduction` times.
        rows, columns: the part of `grey` that is searched, (h, w); the rest is background.
        intensity: uint8 (h, w), 0 background to 255 full foreground, corrected for polarity and
            illumination.
        background: intensity of the pixels that are not searched, 0–255; far from foreground.
        certain: bool (h, w), foreground: at least half of the full contrast.
        possible: bool (h, w), foreground where it is connected with `certain` pixels (a hysteresis
            threshold).
        inverted: the foreground was darker than the background.
        threshold: contrast to the background, 0–255, from which a pixel is `certain`.
        reduction: pixels of the client's image for one pixel here, per side.
    """

    grey: NDArray[np.uint8]
    rows: slice
    columns: slice
    intensity: NDArray[np.uint8]
    background: int
    certain: NDArray[np.bool_]
    possible: NDArray[np.bool_]
    inverted: bool
    threshold: float
    reduction: int


def find_foreground(image: NDArray[np.uint8]) -> Foreground:
    """Separate the foreground of an image from its background.

    Args:
        image: uint8 (H, W) in 0–255, either polarity.

    Raises:
        NothingDrawn: the image has no contrast beyond its own noise.
    """
    reduction = -(-max(image.shape) // _MAX_SIDE)
    pillow = Image.fromarray(image)
    if reduction > 1:
        pillow = pillow.reduce(reduction)
        image = np.asarray(pillow)
    # most pixels of a drawing equal the first one: only rows and columns with others are searched
    rows, columns = bounding_box(image ^ image[0, 0])
    if rows.stop == 0:
        raise NothingDrawn(NOTHING_DRAWN)
    inverted, light = find_background(average_cells(pillow, rows, columns))
    light = illumination_per_pixel(light if inverted else 255 - light, image.shape)
    return _separate(image, rows, columns, inverted, light, reduction)


def follow_shadows(first: Foreground, inverted: bool) -> Foreground:
    """Separate an image's foreground again, with a background that may have edges of its own.

    The background's tone at a pixel is the darkest tone that a square window finds everywhere in
    some position over that pixel: a morphological closing. Strokes are narrower than the window;
    shadows, bars, fingers and desks are wider and become background. Beyond the image's edge the
    tones of the edge continue, so that what touches the edge counts as wide.

    Args:
        first: the image's foreground with a smooth background.
        inverted: whether the foreground is darker than the background.

    Raises:
        NothingDrawn: the image has no contrast beyond its own noise.
    """
    grey = first.grey
    height, width = grey.shape
    smooth = np.asarray(Image.fromarray(grey).filter(ImageFilter.BoxBlur(1)))
    dark = smooth if inverted else ~smooth
    light = close(dark, local_window(grey.shape))
    # the closing follows the brightest noise; most pixels are background and measure by how much
    light = light.astype(np.float32) - np.float32(np.median(light - dark))
    rows, columns = slice(0, height), slice(0, width)
    local = _separate(smooth, rows, columns, inverted, light, first.reduction)
    return replace(local, grey=grey)


def local_window(shape: tuple[int, ...]) -> int:
    """Return the side of the window that is wider than a stroke, in pixels."""
    return max(round(_LOCAL_WINDOW * min(shape)), 3)


def _separate(
    image: NDArray[np.uint8],
    rows: slice,
    columns: slice,
    inverted: bool,
    light: NDArray[np.float32],
    reduction: int,
) -> Foreground:
    """Separate the foreground from a background of known tone.

    Args:
        image: uint8 (H, W).
        rows, columns: outside these, all pixels equal the first one.
        inverted: whether the foreground is darker than the background.
        light: float32 (H, W), or (1, 1) where it is even: the background's tone, as if the
            foreground were dark.
        reduction: see `Foreground`.
    """
    dark = image if inverted else ~image  # dark foreground on bright background
    noise = _noise(dark, light)
    outside = float(_contrast(dark[:1, :1], light[:1, :1])[0, 0])
    if light.size > 1 or outside > _EDGE_SHARE * _MIN_CONTRAST:  # the rest may be foreground
        rows, columns = slice(0, image.shape[0]), slice(0, image.shape[1])
    contrast = _contrast(dark[rows, columns], light)
    full = _full_contrast(contrast, noise)
    possible_from = min(max(_POSSIBLE_SIGMAS * noise, _EDGE_SHARE * full), full / 2)
    certain, possible = contrast > full / 2, contrast > possible_from
    return Foreground(
        grey=image,
        rows=rows,
        columns=columns,
        intensity=_intensity(contrast, full),
        background=int(min(max(outside * 255 / full, 0), 255)),
        certain=certain,
        possible=possible,
        inverted=inverted,
        threshold=round(full / 2, 1),
        reduction=reduction,
    )


def _contrast(grey: NDArray[np.uint8], light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much darker than the background each pixel is, float32 (h, w).

    The values are scaled as if the background were 255 everywhere.

    Args:
        grey: uint8 (h, w), dark foreground on bright background.
        light: float32 (h, w) or (1, 1), the background's tone.
    """
    contrast = grey.astype(np.float32)
    np.subtract(light, contrast, out=contrast)  # in place: allocation costs more than arithmetic
    contrast *= np.float32(255) / np.maximum(light, np.float32(_DARKEST_BACKGROUND))
    return contrast


def _intensity(contrast: NDArray[np.float32], full: float) -> NDArray[np.uint8]:
    """Scale contrast by the full contrast to uint8 (h, w); overwrites its argument."""
    contrast *= np.float32(255 / full)
    np.clip(contrast, 0, 255, out=contrast)
    return contrast.astype(np.uint8)


def _noise(grey: NDArray[np.uint8], light: NDArray[np.float32]) -> float:
    """Return the standard deviation of texture and sensor noise, as contrast.

    Pixels a few apart differ by noise alone, except across edges and however uneven the
    illumination; neighbours would differ by less, because JPEG smooths them. Edges are the largest
    differences, so a low quantile is measured: in a small image more than half of the pairs may
    cross an edge.
    """
    if grey.shape[0] >= grey.shape[1]:
        grey, light = grey.T, light.T
    distance = min(max(len(grey) // _SIDE_PER_DISTANCE, 1), _MAX_NOISE_DISTANCE)
    if grey.shape[1] <= distance:
        return 0.0
    step = max(len(grey) // 64, 1)
    first, second = grey[::step, :-distance:step], grey[::step, distance::step]
    rank = first.size * 2 // 5
    if light.size > 1:
        contrasts = (
            _contrast(first, light[::step, :-distance:step]),
            _contrast(second, light[::step, distance::step]),
        )
    elif np.count_nonzero(first == second) > rank:  # the quantile is 0: there is no noise
        return 0.0
    else:
        contrasts = _contrast(first, light), _contrast(second, light)
    differences = np.abs(contrasts[0] - contrasts[1]).reshape(-1)
    quantile = float(np.partition(differences, rank)[rank])
    return quantile / (_NORMAL_QUANTILE_40 * 2**0.5)


def _full_contrast(contrast: NDArray[np.float32], noise: float) -> float:
    """Return the contrast of full foreground.

    Raises:
        NothingDrawn: no pixel exceeds the noise.
    """
    visible = contrast[contrast > max(_CERTAIN_SIGMAS * noise, _MIN_CONTRAST)]
    if visible.size == 0:
        raise NothingDrawn(NOTHING_DRAWN)
    # a mean weighted by contrast: the digit decides, not its faint edges nor a few black specks
    typical = float(visible @ visible) / float(visible.sum())
    strong = np.sort(visible[visible > typical / 2])
    return float(strong[len(strong) * 9 // 10])

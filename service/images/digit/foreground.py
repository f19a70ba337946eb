"""Separate foreground from background: polarity, uneven illumination, threshold.

Does not know digits or MNIST.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import NothingDrawn
from service.images.digit.background import (
    average_cells,
    find_background,
    illumination_per_pixel,
)
from service.images.digit.components import bounding_box

Part = TypeVar("Part", np.bool_, np.uint8)

NOTHING_DRAWN = (
    "Nothing is drawn in the image; draw one digit, clearly darker or brighter than the background."
)

_MAX_SIDE = 640  # pixels a side that are searched; larger images are averaged down
_MAX_NOISE_DISTANCE = 4  # pixels between those that are compared to measure noise
_SIDE_PER_DISTANCE = 50  # pixels of the shorter side for each pixel of that distance
_NORMAL_QUANTILE_40 = 0.5244  # 40 % of absolute normal deviates are below this many sigmas
DARKEST_BACKGROUND = 40  # grey levels: below, dividing by the illumination amplifies noise
MIN_CONTRAST = 10  # grey levels: anything fainter is background
CERTAIN_SIGMAS = 4.0  # noise levels above which a pixel is foreground
POSSIBLE_SIGMAS = 3.0  # noise levels above which it is, if connected with certain foreground
EDGE_SHARE = 0.08  # share of the full contrast at which the blurred edge of a stroke begins


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

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """Rows above and below, and columns left and right of the part that is searched."""
        height, width = self.grey.shape
        rows, columns = self.rows, self.columns
        return rows.start, height - rows.stop, columns.start, width - columns.stop

    @property
    def edges(self) -> tuple[bool, bool, bool, bool]:
        """Whether the searched part's top, left, bottom and right side are the image's."""
        above, below, before, after = self.margins
        return above == 0, before == 0, below == 0, after == 0

    def uncropped(self, part: NDArray[Part], fill: int) -> NDArray[Part]:
        """Return the searched part, (h, w), within an array of the image's shape, (H, W).

        Args:
            part: bool or uint8 (h, w).
            fill: value of the pixels that were not searched.
        """
        whole = np.full(self.grey.shape, fill, part.dtype)
        whole[self.rows, self.columns] = part
        return whole


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
    dark = image if inverted else ~image  # dark foreground on bright background
    light = illumination_per_pixel(light if inverted else 255 - light, image.shape)
    noise = measure_noise(dark, light)
    outside = float(relative_contrast(dark[:1, :1], light[:1, :1])[0, 0])
    if light.size > 1 or outside > EDGE_SHARE * MIN_CONTRAST:  # the rest may be foreground
        rows, columns = slice(0, image.shape[0]), slice(0, image.shape[1])
    contrast = relative_contrast(dark[rows, columns], light)
    full = full_contrast(contrast[contrast > max(CERTAIN_SIGMAS * noise, MIN_CONTRAST)])
    possible_from = min(max(POSSIBLE_SIGMAS * noise, EDGE_SHARE * full), full / 2)
    certain, possible = contrast > full / 2, contrast > possible_from
    return Foreground(
        grey=image,
        rows=rows,
        columns=columns,
        intensity=scale_contrast(contrast, full),
        background=int(min(max(outside * 255 / full, 0), 255)),
        certain=certain,
        possible=possible,
        inverted=inverted,
        threshold=round(full / 2, 1),
        reduction=reduction,
    )


def relative_contrast(grey: NDArray[np.uint8], light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much darker than the background each pixel is, float32 (h, w).

    The values are scaled as if the background were 255 everywhere.

    Args:
        grey: uint8 (h, w), dark foreground on bright background.
        light: float32 (h, w) or (1, 1), the background's tone.
    """
    contrast = grey.astype(np.float32)
    np.subtract(light, contrast, out=contrast)  # in place: allocation costs more than arithmetic
    contrast *= np.float32(255) / np.maximum(light, np.float32(DARKEST_BACKGROUND))
    return contrast


def scale_contrast(contrast: NDArray[np.float32], full: float) -> NDArray[np.uint8]:
    """Scale contrast by the full contrast to uint8 (h, w); overwrites its argument."""
    contrast *= np.float32(255 / full)
    np.clip(contrast, 0, 255, out=contrast)
    return contrast.astype(np.uint8)


def measure_noise(grey: NDArray[np.uint8], light: NDArray[np.float32]) -> float:
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
            relative_contrast(first, light[::step, :-distance:step]),
            relative_contrast(second, light[::step, distance::step]),
        )
    elif np.count_nonzero(first == second) > rank:  # the quantile is 0: there is no noise
        return 0.0
    else:
        contrasts = relative_contrast(first, light), relative_contrast(second, light)
    differences = np.abs(contrasts[0] - contrasts[1]).reshape(-1)
    quantile = float(np.partition(differences, rank)[rank])
    return quantile / (_NORMAL_QUANTILE_40 * 2**0.5)


def full_contrast(visible: NDArray[np.float32]) -> float:
    """Return the contrast of full foreground.

    Args:
        visible: float32 (n,), the contrast of every pixel that exceeds the noise.

    Raises:
        NothingDrawn: there is no such pixel.
    """
    if visible.size == 0:
        raise NothingDrawn(NOTHING_DRAWN)
    # a mean weighted by contrast: the digit decides, not its faint edges nor a few black specks
    typical = float(visible @ visible) / float(visible.sum())
    strong = np.sort(visible[visible > typical / 2])
    return float(strong[len(strong) * 9 // 10])

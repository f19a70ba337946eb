"""Tells ink from paper: polarity, uneven light, threshold. Knows nothing of digits or of MNIST."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import NothingDrawn

NOTHING_DRAWN = (
    "Nothing is drawn in the picture; draw one digit, clearly darker or brighter than its paper."
)

_LONGEST = 640  # pixels a side in which ink is looked for; larger pictures are averaged down
_GRID = 32  # cells a side in which the paper's tone is estimated
_WINDOW = 11  # cells: wider than a stroke
_NEARER = (0.3, 0.2, 0.14, 0.1)  # shares of the range of tones that paper may be off its surface
_FEWEST_CELLS = 12  # that a surface is fitted to
_TWO_TONED = 0.6  # share of cells that are near one of two tones, from which light counts as even
_NEAR = 0.15  # share of the range of tones
_APART = 4  # pixels, at most, between those that are compared to measure noise
_SIDE_A_PIXEL_APART = 50  # pixels of the shorter side
_TWO_FIFTHS_OF_NORMAL = 0.5244  # two fifths of normal deviates are smaller, in standard deviations
_DARKEST_PAPER = 40  # grey levels: in deeper shade, noise would be blown up to ink
_CLEAN = 8  # grey levels: paper whose tone varies less needs no estimate of its light
_FAINTEST = 10  # grey levels of contrast: anything fainter is not ink
_FAR_FROM_NOISE = 4.0  # standard deviations of the paper's noise
_NOISE_FLOOR = 3.0  # standard deviations: possibly ink, if connected with what certainly is
_FOOT = 0.08  # share of full ink at which the blurred edge of a stroke begins


@dataclass(frozen=True)
class Ink:
    """Where the ink is in a picture, at a resolution at which everything is cheap.

    Attributes:
        grey: uint8 (h, w), the picture averaged down `reduction` times.
        density: uint8 (h, w), 0 paper to 255 full ink, polarity and light evened out.
        certain: bool (h, w), surely ink: at least half of full ink.
        possible: bool (h, w), ink too where it is connected with what is certain.
        inverted: the ink was darker than its paper.
        threshold: contrast to the paper, grey levels of 255, from which ink is certain.
        reduction: pixels of the sent picture a pixel here, per side.
    """

    grey: NDArray[np.uint8]
    density: NDArray[np.uint8]
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
    cells = image.resize(_grid_size(image), Image.Resampling.BOX)
    inverted, light = _find_paper(np.asarray(cells).astype(np.float32))
    grey = np.asarray(image)
    contrast = _contrast(grey, light) if inverted else _contrast(~grey, 255 - light)
    noise = _noise(contrast)
    full = _full_ink(contrast, noise)
    possible_from = min(max(_NOISE_FLOOR * noise, _FOOT * full), full / 2)
    certain, possible = contrast > full / 2, contrast > possible_from
    contrast *= np.float32(255 / full)
    np.clip(contrast, 0, 255, out=contrast)
    return Ink(
        grey=grey,
        density=contrast.astype(np.uint8),
        certain=certain,
        possible=possible,
        inverted=inverted,
        threshold=round(full / 2, 1),
        reduction=reduction,
    )


def _grid_size(image: Image.Image) -> tuple[int, int]:
    shrink = max(max(image.size) / _GRID, 1)
    return max(round(image.width / shrink), 1), max(round(image.height / shrink), 1)


def _find_paper(cells: NDArray[np.float32]) -> tuple[bool, NDArray[np.float32]]:
    """Polarity, from the border and the histogram, and the paper's tone.

    Paper is what most of the picture and of its border consists of; ink is on one side of it.

    Args:
        cells: float32 (rows, columns) in 0–255, the picture averaged down to a coarse grid.

    Returns:
        Whether ink is darker than paper, and float32 (rows, columns): the tone that the paper has,
        or would have under the ink.
    """
    brightest, darkest = _window_maximum(cells), -_window_maximum(-cells)
    twice = 2 * cells
    bright, dark = twice >= brightest + darkest, twice <= brightest + darkest
    weights = _paper_weights(cells.shape)
    ordered = np.sort(cells, axis=None)
    low, high = ordered[len(ordered) // 100], ordered[-1 - len(ordered) // 100]
    near_an_end = np.minimum(cells - low, high - cells) < _NEAR * (high - low)
    if near_an_end.mean() > _TWO_TONED:  # even light: the mean is on the paper's side
        inverted = bool((cells * weights).sum() > (ordered[0] + ordered[-1]) / 2)
        return inverted, _fit_light(cells, bright if inverted else dark)[0]
    fits = [_fit_light(cells, seed) for seed in (bright, dark)]
    light, paper = max(fits, key=lambda fit: weights[fit[1]].sum().item())
    return float((cells - light)[~paper].sum()) < 0, light


@lru_cache(maxsize=64)
def _paper_weights(shape: tuple[int, int]) -> NDArray[np.float32]:
    """How much each cell says about the paper, float32 (rows, columns), 1 in all.

    The border counts four times as much as the whole, and the corners as much again: there is paper
    even round a bold digit that fills the picture.
    """
    weights = np.full(shape, 1 / (shape[0] * shape[1]), np.float32)
    border = np.ones(shape, bool)
    border[1:-1, 1:-1] = False
    weights[border] += 4 / np.count_nonzero(border)
    corner = max(min(shape) // 8, 1)
    corners = np.zeros(shape, bool)
    for rows in (slice(corner), slice(-corner, None)):
        for columns in (slice(corner), slice(-corner, None)):
            corners[rows, columns] = True
    weights[corners] += 1 / np.count_nonzero(corners)
    weights /= weights.sum()
    return weights


def _fit_light(
    cells: NDArray[np.float32], paper: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A smooth surface of light, and the cells that lie on it.

    Fitted to the cells that are taken for paper at first; then to those near that surface, nearer
    each time, until ink has no part in it.
    """
    reach = float(cells.max() - cells.min())
    light = cells
    for share in _NEARER:
        light = _surface(cells, paper)
        near = np.abs(cells - light) <= max(share * reach, 2)
        if np.count_nonzero(near) < _FEWEST_CELLS:
            break
        if np.array_equal(near, paper):
            break
        paper = near
    return light, paper


def _window_maximum(tones: NDArray[np.float32]) -> NDArray[np.float32]:
    """The maximum over a square window round each cell, float32 (rows, columns)."""
    for _ in range(2):  # rows, then columns
        last = len(tones) - 1
        near = np.clip(np.arange(-(_WINDOW // 2), last + _WINDOW // 2 + 1), 0, last)
        widest, reach = tones[near], 1  # the maximum of `reach` neighbours, doubled while it fits
        while 2 * reach <= _WINDOW:
            widest = np.maximum(widest[:-reach], widest[reach:])
            reach *= 2
        rest = _WINDOW - reach
        tones = np.maximum(widest[:-rest], widest[rest:]).T
    return tones


def _surface(tones: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The quadratic surface nearest to the chosen cells, float32 (rows, columns)."""
    terms = _surface_terms(tones.shape)
    known = terms[chosen.reshape(-1)]
    # a little rigidity, where the chosen cells leave a term open
    normal = known.T @ known + np.float32(1e-3) * np.eye(terms.shape[1], dtype=np.float32)
    factors = np.linalg.solve(normal, known.T @ tones[chosen])
    surface: NDArray[np.float32] = (terms @ factors).reshape(tones.shape)
    return surface


@lru_cache(maxsize=64)
def _surface_terms(shape: tuple[int, int]) -> NDArray[np.float32]:
    """1, y, x, y², xy, x² in each cell, from −1 to 1 across the picture; float32 (cells, 6)."""
    grid = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    row, column = grid.reshape(2, -1)
    terms = (np.ones_like(row), row, column, row * row, row * column, column * column)
    return np.stack(terms, axis=1)


def _contrast(grey: NDArray[np.uint8], light: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much darker than its paper each pixel is, float32 (h, w), as if the paper were 255.

    Args:
        grey: uint8 (h, w), dark ink on bright paper.
        light: float32 (rows, columns), the paper's tone on a coarse grid.
    """
    if float(light.max() - light.min()) <= _CLEAN:
        tone = float(np.median(light))
        flat = grey.astype(np.float32)
        np.subtract(np.float32(tone), flat, out=flat)  # in place: new memory costs more than sums
        flat *= np.float32(255 / max(tone, _DARKEST_PAPER))
        return flat
    size = (grey.shape[1], grey.shape[0])
    smooth: NDArray[np.float32] = np.asarray(
        Image.fromarray(light).resize(size, Image.Resampling.BILINEAR)
    )
    contrast = (smooth - grey) * (np.float32(255) / np.maximum(smooth, _DARKEST_PAPER))
    return contrast.astype(np.float32, copy=False)


def _noise(contrast: NDArray[np.float32]) -> float:
    """Standard deviation of the paper's texture and the camera's noise.

    Pixels a few apart differ by noise alone, except across edges and however uneven the light;
    neighbours would differ by less, for JPEG smooths them. Edges are the largest differences, so
    the smaller ones are measured: in a small picture more than half of all may cross an edge.
    """
    along = contrast if contrast.shape[1] > contrast.shape[0] else contrast.T
    apart = min(max(len(along) // _SIDE_A_PIXEL_APART, 1), _APART)
    if along.shape[1] <= apart:
        return 0.0
    every = max(len(along) // 64, 1)
    first, second = along[::every, :-apart:every], along[::every, apart::every]
    differences = np.abs(first - second).reshape(-1)
    rank = len(differences) * 2 // 5
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

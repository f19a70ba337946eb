"""Find an image's polarity and its background's illumination, on a coarse grid of cells.

Does not know thresholds, digits or MNIST.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_GRID = 32  # cells a side on which the background's tone is estimated
_WINDOW = 11  # cells: wider than a stroke
# shares of the range of tones that background may differ from the fitted surface, by iteration
_TOLERANCES = (0.3, 0.2, 0.14, 0.1)
_MIN_CELLS = 12  # that a surface is fitted to
_TWO_TONE_SHARE = 0.6  # share of cells near one of two tones: illumination is then even
_ONE_TONE_WEIGHT = 0.5  # weight of cells of one tone: the background then has that tone
_NEAR = 0.15  # share of the range of tones
_EVEN = 8  # grey levels: a background that varies less counts as evenly lit
# float32 (6, 6): regularises the surface where the cells do not determine a term
_RIDGE = np.float32(1e-3) * np.eye(6, dtype=np.float32)


def average_cells(image: Image.Image, rows: slice, columns: slice) -> NDArray[np.float32]:
    """Average an image down to a coarse grid; float32 (rows, columns) in 0–255.

    Args:
        image: mode L.
        rows: outside these rows and `columns`, all pixels equal the first one.
        columns: see `rows`.
    """
    shrink = max(max(image.size) / _GRID, 1)
    size = max(round(image.height / shrink), 1), max(round(image.width / shrink), 1)
    high, wide = image.height / size[0], image.width / size[1]  # pixels of a cell
    top, bottom = int(rows.start / high), min(int(rows.stop / high) + 1, size[0])
    left, right = int(columns.start / wide), min(int(columns.stop / wide) + 1, size[1])
    box = (
        left * wide,
        top * high,
        min(right * wide, image.width),
        min(bottom * high, image.height),
    )
    part = image.resize((right - left, bottom - top), Image.Resampling.BOX, box)
    cells = np.full(size, image.getpixel((0, 0)), np.float32)
    cells[top:bottom, left:right] = np.asarray(part)
    return cells


def find_background(cells: NDArray[np.float32]) -> tuple[bool, NDArray[np.float32]]:
    """Find polarity, from the border and the histogram, and the background's tone.

    The background is the tone of most of the image and of its border; the foreground is either
    darker or brighter.

    Args:
        cells: float32 (rows, columns) in 0–255, the image averaged down to a coarse grid.

    Returns:
        Whether the foreground is darker, and float32 (rows, columns), or (1, 1) where it is even:
        the background's tone, interpolated behind the foreground.
    """
    weights = _background_weights(cells.shape)
    ordered = np.sort(cells, axis=None)
    median = ordered[cells.size // 2]
    if float(weights[cells == median].sum()) > _ONE_TONE_WEIGHT:  # a drawing: nothing to fit
        inverted = float(ordered.sum()) < float(median) * cells.size
        return inverted, np.full((1, 1), median, np.float32)
    brightest, negative = _window_maxima(np.stack((cells, -cells)))
    twice, middle = 2 * cells, brightest - negative  # twice the middle of the window's tones
    bright, dark = twice >= middle, twice <= middle
    low, high = ordered[len(ordered) // 100], ordered[-1 - len(ordered) // 100]
    is_near_extreme = np.minimum(cells - low, high - cells) < _NEAR * (high - low)
    if np.count_nonzero(is_near_extreme) / cells.size > _TWO_TONE_SHARE:  # even illumination
        mean = float((cells * weights).sum())  # it is nearer to the background's tone
        inverted = mean > float(ordered[0] + ordered[-1]) / 2
        return inverted, _fit_illumination(cells, bright if inverted else dark)[0]
    fits = [_fit_illumination(cells, seed) for seed in (bright, dark)]
    light, background = max(fits, key=lambda fit: weights[fit[1]].sum().item())
    return float((cells - light)[~background].sum()) < 0, light


@lru_cache(maxsize=64)
def _background_weights(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return how likely each cell shows background, float32 (rows, columns), summing to 1.

    The border weighs four times as much as the whole grid, and the corners once more: even a bold
    digit that fills the image leaves them free.
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


def _fit_illumination(
    cells: NDArray[np.float32], background: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Fit a smooth surface of illumination; return it and the cells that lie on it.

    The first fit uses the cells of `background`; each further one uses the cells near the surface
    before, with a smaller tolerance, until no foreground is left among them.
    """
    contrast = float(cells.max() - cells.min())
    light, count = cells, np.count_nonzero(background)
    for share in _TOLERANCES:
        light = _surface(cells, background)
        near = np.abs(cells - light) <= max(share * contrast, 2)
        before, count = count, np.count_nonzero(near)
        if count < _MIN_CELLS or (count == before and np.array_equal(near, background)):
            break
        background = near
    return light, background


def _window_maxima(grids: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the maximum over a square window around each cell, float32 (grids, rows, columns)."""
    for _ in range(2):  # rows, then columns
        maxima, width = grids[:, _window_indices(grids.shape[1])], 1
        while 2 * width <= _WINDOW:  # maxima over `width` cells, doubled while that fits
            maxima = np.maximum(maxima[:, :-width], maxima[:, width:])
            width *= 2
        rest = _WINDOW - width
        grids = np.maximum(maxima[:, :-rest], maxima[:, rest:]).transpose(0, 2, 1)
    return grids


@lru_cache(maxsize=64)
def _window_indices(length: int) -> NDArray[np.int64]:
    """Return a side's indices, padded by half a window at each end; int64 (length + window − 1)."""
    half = _WINDOW // 2
    return np.clip(np.arange(-half, length + half), 0, length - 1)


def _surface(tones: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the quadratic least-squares fit to the masked cells, float32 (rows, columns)."""
    terms = _surface_terms(tones.shape)
    cells = np.flatnonzero(mask)
    rows = terms.take(cells, axis=0)
    factors = np.linalg.solve(rows.T @ rows + _RIDGE, rows.T @ tones.take(cells))
    surface: NDArray[np.float32] = (terms @ factors).reshape(tones.shape)
    return surface


@lru_cache(maxsize=64)
def _surface_terms(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return 1, y, x, y², xy, x² of each cell, y and x from −1 to 1; float32 (cells, 6)."""
    grid = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    row, column = grid.reshape(2, -1)
    terms = (np.ones_like(row), row, column, row * row, row * column, column * column)
    return np.stack(terms, axis=1)


def illumination_per_pixel(
    light: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the background's tone at each pixel, float32: (1, 1) where it is even, else (h, w).

    Args:
        light: float32 (rows, columns), the background's tone on a coarse grid.
        shape: (h, w).
    """
    if float(light.max() - light.min()) <= _EVEN:
        lower, upper = (light.size - 1) // 2, light.size // 2
        ordered = np.partition(light, (lower, upper), axis=None)
        median = (ordered[lower] + ordered[upper]) / 2
        return np.full((1, 1), median, np.float32)
    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(light).resize(size, Image.Resampling.BILINEAR))

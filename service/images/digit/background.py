"""A picture's background: its polarity and the light on it, on a coarse grid of cells.

Does not know ink's threshold, digits or MNIST.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_GRID = 32  # cells a side in which the paper's tone is estimated
_WINDOW = 11  # cells: wider than a stroke
_NEARER = (0.3, 0.2, 0.14, 0.1)  # shares of the range of tones that paper may be off its surface
_FEWEST_CELLS = 12  # that a surface is fitted to
_TWO_TONED = 0.6  # share of cells that are near one of two tones, from which light counts as even
_ONE_TONE = 0.5  # weight of the cells of exactly one tone, from which the paper has that tone
_NEAR = 0.15  # share of the range of tones
_CLEAN = 8  # grey levels: paper whose tone varies less needs no estimate of its light
# float32 (6, 6): a little rigidity of the surface, where the chosen cells leave a term open
_RIGID = np.float32(1e-3) * np.eye(6, dtype=np.float32)


def average_cells(image: Image.Image, rows: slice, columns: slice) -> NDArray[np.float32]:
    """Average a picture down to a coarse grid; float32 (rows, columns) in 0–255.

    Args:
        image: mode L.
        rows: and columns: outside these, all pixels are like the first; their cells are as well.
        columns: see rows.
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
    """Polarity, from the border and the histogram, and the paper's tone.

    Paper is what most of the picture and of its border consists of; ink is on one side of it.

    Args:
        cells: float32 (rows, columns) in 0–255, the picture averaged down to a coarse grid.

    Returns:
        Whether ink is darker than paper, and float32 (rows, columns), or (1, 1) where it is even:
        the tone that the paper has, or would have under the ink.
    """
    weights = _paper_weights(cells.shape)
    ordered = np.sort(cells, axis=None)
    median = ordered[cells.size // 2]
    if float(weights[cells == median].sum()) > _ONE_TONE:  # a drawing: there is no light to fit
        inverted = float(ordered.sum()) < float(median) * cells.size
        return inverted, np.full((1, 1), median, np.float32)
    brightest, negative = _window_maxima(np.stack((cells, -cells)))
    twice, middle = 2 * cells, brightest - negative  # twice the middle of the window's tones
    bright, dark = twice >= middle, twice <= middle
    low, high = ordered[len(ordered) // 100], ordered[-1 - len(ordered) // 100]
    near_an_end = np.minimum(cells - low, high - cells) < _NEAR * (high - low)
    if np.count_nonzero(near_an_end) / cells.size > _TWO_TONED:  # even light
        mean = float((cells * weights).sum())  # it is on the paper's side
        inverted = mean > float(ordered[0] + ordered[-1]) / 2
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
    light, count = cells, np.count_nonzero(paper)
    for share in _NEARER:
        light = _surface(cells, paper)
        near = np.abs(cells - light) <= max(share * reach, 2)
        before, count = count, np.count_nonzero(near)
        if count < _FEWEST_CELLS or (count == before and np.array_equal(near, paper)):
            break
        paper = near
    return light, paper


def _window_maxima(grids: NDArray[np.float32]) -> NDArray[np.float32]:
    """The maximum over a square window round each cell, float32 (grids, rows, columns)."""
    for _ in range(2):  # rows, then columns
        widest, reach = grids[:, _window_indices(grids.shape[1])], 1
        while 2 * reach <= _WINDOW:  # the maximum of `reach` neighbours, doubled while it fits
            widest = np.maximum(widest[:, :-reach], widest[:, reach:])
            reach *= 2
        rest = _WINDOW - reach
        grids = np.maximum(widest[:, :-rest], widest[:, rest:]).transpose(0, 2, 1)
    return grids


@lru_cache(maxsize=64)
def _window_indices(length: int) -> NDArray[np.int64]:
    """The indices of a side, its ends repeated by half a window; int64 (length + window − 1,)."""
    half = _WINDOW // 2
    return np.clip(np.arange(-half, length + half), 0, length - 1)


def _surface(tones: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The quadratic surface nearest to the chosen cells, float32 (rows, columns)."""
    terms = _surface_terms(tones.shape)
    cells = np.flatnonzero(chosen)
    known = terms.take(cells, axis=0)
    factors = np.linalg.solve(known.T @ known + _RIGID, known.T @ tones.take(cells))
    surface: NDArray[np.float32] = (terms @ factors).reshape(tones.shape)
    return surface


@lru_cache(maxsize=64)
def _surface_terms(shape: tuple[int, int]) -> NDArray[np.float32]:
    """1, y, x, y², xy, x² in each cell, from −1 to 1 across the picture; float32 (cells, 6)."""
    grid = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    row, column = grid.reshape(2, -1)
    terms = (np.ones_like(row), row, column, row * row, row * column, column * column)
    return np.stack(terms, axis=1)


def light_per_pixel(light: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The paper's tone at each pixel, float32: (1, 1) where it is even, (h, w) where it is not.

    Args:
        light: float32 (rows, columns), the paper's tone on a coarse grid.
        shape: (h, w).
    """
    if float(light.max() - light.min()) <= _CLEAN:
        lower, upper = (light.size - 1) // 2, light.size // 2
        ordered = np.partition(light, (lower, upper), axis=None)
        median = (ordered[lower] + ordered[upper]) / 2
        return np.full((1, 1), median, np.float32)
    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(light).resize(size, Image.Resampling.BILINEAR))

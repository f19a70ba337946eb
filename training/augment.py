"""Augment MNIST digits in NumPy: affine and elastic distortions, and changes of stroke width.

Does not depend on Keras or the model. Affine and elastic displacements are added before the image
is resampled, so that each digit is interpolated, and thus blurred, only once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from service.images.digit.preprocessing import prepare
from service.model.normalisation import as_floats
from training.renderings import on_canvas, restroke

SIZE = 28
_CENTRE = (SIZE - 1) / 2
_GRID = 5  # control points per side of the elastic field
_WIDE_FACTORS = 1.4, 2.1  # range of the factor that multiplies the stroke width
_WIDE_LENGTH = 80  # pixels: longer side of a digit drawn with a wide pen


@dataclass(frozen=True)
class Strength:
    """The largest extent of each distortion; the actual extent is random for each image.

    Attributes:
        rotation: largest angle, degrees, in both directions.
        scale: largest relative change of height and of width.
        shear: largest horizontal shear, in both directions.
        shift: largest translation along each axis, pixels.
        elastic: standard deviation of the elastic field's control points, pixels.
        stroke: largest weight of a one-pixel dilation or erosion, 0 to 1.
    """

    rotation: float = 12.0
    scale: float = 0.15
    shear: float = 0.2
    shift: float = 2.0
    elastic: float = 0.9
    stroke: float = 0.5


DEFAULT = Strength()


def augment(
    images: NDArray[np.uint8], rng: np.random.Generator, strength: Strength = DEFAULT
) -> NDArray[np.float32]:
    """Distort each image at random.

    Args:
        images: uint8 (N, 28, 28), ink 255 on 0.
        rng: the only source of randomness; the same state gives the same result.
        strength: the largest extent of each distortion.

    Returns:
        float32 (N, 28, 28) in 0–1.
    """
    pixels = as_floats(images)
    varied = _vary_stroke(pixels, rng.uniform(-1, 1, len(images)) * strength.stroke)
    rows, columns = _sampling_points(len(images), rng, strength)
    return _sample(varied, rows, columns)


def with_wide_pens(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw digits with a pen up to twice as wide, and preprocess them as the service does.

    Preprocessing normalises the stroke width but cannot separate strokes that have merged, so the
    network has to learn such digits.

    Args:
        images: uint8 (N, 28, 28), ink 255 on 0.
        rng: chooses the stroke widths and the positions on the canvas.

    Returns:
        uint8 (N, 28, 28).
    """
    wide = np.empty_like(images)
    for index, image in enumerate(tqdm(images, "Wide strokes", mininterval=1.0, unit="digit")):
        shape = restroke(image, rng.uniform(*_WIDE_FACTORS), _WIDE_LENGTH)
        wide[index] = prepare(on_canvas(shape, rng)).digit
    return wide


def _sampling_points(
    count: int, rng: np.random.Generator, strength: Strength
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the source row and column of each output pixel, each float32 (N, 28, 28)."""
    angle = np.deg2rad(rng.uniform(-1, 1, count) * strength.rotation)
    zoom_rows, zoom_columns = 1 + rng.uniform(-1, 1, (2, count)) * strength.scale
    shear = rng.uniform(-1, 1, count) * strength.shear
    cos, sin = np.cos(angle), np.sin(angle)
    # the inverse of rotation · shear · zoom about the image's centre
    matrix = np.empty((count, 2, 2), np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = cos / zoom_rows, -sin / zoom_rows
    matrix[:, 1, 0] = (sin + shear * cos) / zoom_columns
    matrix[:, 1, 1] = (cos - shear * sin) / zoom_columns
    offsets = np.arange(SIZE, dtype=np.float32) - _CENTRE
    grid = np.stack(np.meshgrid(offsets, offsets, indexing="ij")).reshape(2, -1)  # (2, 784)
    shift = rng.uniform(-1, 1, (count, 2, 1)).astype(np.float32) * strength.shift
    points = matrix @ grid + shift + _CENTRE  # (N, 2, 784)
    moved: NDArray[np.float32] = points.reshape(count, 2, SIZE, SIZE)
    moved += _elastic_field(count, rng, strength.elastic)
    return moved[:, 0], moved[:, 1]


def _elastic_field(count: int, rng: np.random.Generator, sigma: float) -> NDArray[np.float32]:
    """Return smooth random displacements in pixels, (N, 2, 28, 28) (Simard et al., ICDAR 2003)."""
    control = np.float32(sigma) * rng.standard_normal((count, 2, _GRID, _GRID), np.float32)
    field = control.reshape(-1, _GRID * _GRID) @ _SPLINE  # (2 N, 784)
    return field.reshape(count, 2, SIZE, SIZE).astype(np.float32, copy=False)


def _spline() -> NDArray[np.float32]:
    """Return the cubic B-spline weight of each control point for each pixel, float32 (25, 784)."""
    distance = np.abs(np.linspace(0, _GRID - 1, SIZE)[:, None] - np.arange(_GRID)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    weights = np.where(distance < 1, near, far).astype(np.float32)  # (28, 5)
    return np.kron(weights, weights).T.astype(np.float32)


_SPLINE = _spline()


def _vary_stroke(pixels: NDArray[np.float32], amount: NDArray[np.float64]) -> NDArray[np.float32]:
    """Dilate (amount > 0) or erode (amount < 0) strokes; pixels and result float32 (N, 28, 28)."""
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1)))
    cross = [
        padded[:, 1:-1, 1:-1],
        padded[:, :-2, 1:-1],
        padded[:, 2:, 1:-1],
        padded[:, 1:-1, :-2],
        padded[:, 1:-1, 2:],
    ]
    mix = amount.astype(np.float32)[:, None, None]
    target = np.where(mix > 0, np.maximum.reduce(cross), np.minimum.reduce(cross))
    varied = pixels + np.abs(mix) * (target - pixels)
    # The brightest pixel keeps its value; eroding a thin stroke would dim it.
    brightest = np.maximum(varied.max(axis=(1, 2), keepdims=True), np.float32(1e-3))
    restored: NDArray[np.float32] = varied * (pixels.max(axis=(1, 2), keepdims=True) / brightest)
    return restored


def _sample(
    pixels: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Interpolate bilinearly, with 0 outside the image; all arrays are float32 (N, 28, 28)."""
    count, side = len(pixels), SIZE + 2
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1))).reshape(-1)
    rows = np.clip(rows + 1, 0, side - 1.001)
    columns = np.clip(columns + 1, 0, side - 1.001)
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    down, right = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    first = np.arange(count, dtype=np.int32)[:, None, None] * (side * side) + top * side + left
    upper = padded[first] * (1 - right) + padded[first + 1] * right
    lower = padded[first + side] * (1 - right) + padded[first + side + 1] * right
    sampled: NDArray[np.float32] = upper * (1 - down) + lower * down
    return sampled

"""Random distortions of MNIST digits, in NumPy: affine, elastic, and of the stroke's width.

Knows nothing of Keras or of the model. Affine and elastic displacements are added up first and the
image is resampled once, so that a distorted digit is no blurrier than one interpolation makes it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from service.images.digit.preprocessing import prepare
from training.renderings import on_canvas, restroke

SIZE = 28
_CENTRE = (SIZE - 1) / 2
_GRID = 5  # control points a side of the elastic field
_WIDE = 1.4, 2.1  # times the width of the pen
_DRAWN = 80  # pixels: longer side of what is drawn with it


@dataclass(frozen=True)
class Strength:
    """How far each distortion may go; every one is drawn anew for each image.

    Attributes:
        rotation: largest angle, degrees, either way.
        scale: largest relative change of size, either way.
        shear: largest horizontal shear, either way.
        shift: largest translation, pixels, either way, per axis.
        elastic: standard deviation of the elastic field's control points, pixels.
        stroke: how much of a one-pixel dilation or erosion is mixed in at most, 0 to 1.
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
    """Distort every image at random.

    Args:
        images: uint8 (N, 28, 28), ink 255 on 0.
        rng: the only source of randomness; the same state gives the same result.
        strength: how far each distortion may go.

    Returns:
        float32 (N, 28, 28) in 0–1.
    """
    pixels = images.astype(np.float32) / np.float32(255)
    varied = _vary_stroke(pixels, rng.uniform(-1, 1, len(images)) * strength.stroke)
    rows, columns = _sampling_points(len(images), rng, strength)
    return _sample(varied, rows, columns)


def with_wide_pens(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The digits drawn again with pens up to twice as wide, and as preprocessing brings them back.

    It thins their strokes, but what has run together stays so: a network that is to read them has
    to have seen that.

    Args:
        images: uint8 (N, 28, 28), ink 255 on 0.
        rng: the widths, and where on the canvas.

    Returns:
        uint8 (N, 28, 28).
    """
    drawn = np.empty_like(images)
    for number, image in enumerate(tqdm(images, "Wide pens", mininterval=1.0, unit="digit")):
        shape = restroke(image, rng.uniform(*_WIDE), _DRAWN)
        drawn[number] = prepare(on_canvas(shape, rng)).digit
    return drawn


def _sampling_points(
    count: int, rng: np.random.Generator, strength: Strength
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where in the source each output pixel is read: rows and columns, each float32 (N, 28, 28)."""
    angle = np.deg2rad(rng.uniform(-1, 1, count) * strength.rotation)
    zoom_rows, zoom_columns = 1 + rng.uniform(-1, 1, (2, count)) * strength.scale
    shear = rng.uniform(-1, 1, count) * strength.shear
    cos, sin = np.cos(angle), np.sin(angle)
    # inverse map of rotate · shear · zoom, about the image's centre
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
    """Smooth random displacements, float32 (N, 2, 28, 28), pixels (Simard et al., ICDAR 2003)."""
    control = np.float32(sigma) * rng.standard_normal((count, 2, _GRID, _GRID), np.float32)
    field = control.reshape(-1, _GRID * _GRID) @ _SPLINE  # (2 N, 784)
    return field.reshape(count, 2, SIZE, SIZE).astype(np.float32, copy=False)


def _spline() -> NDArray[np.float32]:
    """Cubic B-spline weights that spread the control points over the pixels, float32 (25, 784)."""
    distance = np.abs(np.linspace(0, _GRID - 1, SIZE)[:, None] - np.arange(_GRID)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    weights = np.where(distance < 1, near, far).astype(np.float32)  # (28, 5)
    return np.kron(weights, weights).T.astype(np.float32)


_SPLINE = _spline()


def _vary_stroke(pixels: NDArray[np.float32], amount: NDArray[np.float64]) -> NDArray[np.float32]:
    """Thicken (amount > 0) or thin (amount < 0) strokes; pixels and result float32 (N, 28, 28)."""
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
    # as white as it was, however thin the stroke
    brightest = np.maximum(varied.max(axis=(1, 2), keepdims=True), np.float32(1e-3))
    whitened: NDArray[np.float32] = varied * (pixels.max(axis=(1, 2), keepdims=True) / brightest)
    return whitened


def _sample(
    pixels: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Bilinear interpolation, 0 outside; all float32 (N, 28, 28)."""
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

"""Draw lines, areas, texture and noise on grey images, for pictures of digits in surroundings.

An image under construction is float32 (H, W) in 0–255; a cover is float32 (H, W) in 0–1, the share
of each pixel that a shape covers. Positions are (row, column) in pixels, sizes (height, width).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Grey = NDArray[np.float32]
Cover = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Size = tuple[int, int]


def axes(size: Size, degrees: float = 0.0) -> tuple[Grey, Grey]:
    """Return each pixel's offset from the image's centre along two turned axes, in pixels.

    Args:
        size: of the image.
        degrees: by how much the axes are turned clockwise.

    Returns:
        Offsets to the right and downwards, each (H, W).
    """
    height, width = size
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    rows, columns = rows - (height - 1) / 2, columns - (width - 1) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (
        (columns * cos + rows * sin).astype(np.float32),
        (rows * cos - columns * sin).astype(np.float32),
    )


def inside(distance: Grey, softness: float = 1.0) -> Cover:
    """Cover the pixels whose signed distance to an outline is positive.

    Args:
        distance: in pixels, positive inside the outline.
        softness: width of the transition, pixels; 1 for a sharp edge without steps.
    """
    return np.asarray(np.clip(distance / max(softness, 1.0) + 0.5, 0, 1), np.float32)


def line(distance: Grey, width: float) -> Cover:
    """Cover a line, from each pixel's distance to its middle.

    Args:
        distance: in pixels.
        width: in pixels; a line thinner than a pixel is paler.
    """
    half = (width - 1) / 2
    return np.asarray(np.clip(half + 1 - np.abs(distance), 0, min(width, 1)), np.float32)


def box_distance(right: Grey, down: Grey, half: tuple[float, float], radius: float) -> Grey:
    """Return the distance of each pixel to a rectangle's outline, positive inside.

    Args:
        right: offset from the rectangle's centre, pixels.
        down: the same, downwards.
        half: half its height and width, pixels.
        radius: of its rounded corners, pixels.
    """
    beyond_x = np.abs(right) - half[1] + radius
    beyond_y = np.abs(down) - half[0] + radius
    outside = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
    return np.asarray(radius - outside - np.minimum(np.maximum(beyond_x, beyond_y), 0), np.float32)


def paint(image: Grey, cover: Cover, tone: float | Grey) -> Grey:
    """Return the image with a tone painted where the cover is."""
    return (image + cover * (tone - image)).astype(np.float32)


def pasted(shape: Cover, size: Size, top: int, left: int) -> Cover:
    """Return a cover of the given size with a shape at a position; what lies outside is cut off."""
    cover = np.zeros(size, np.float32)
    rows = slice(max(top, 0), min(top + shape.shape[0], size[0]))
    columns = slice(max(left, 0), min(left + shape.shape[1], size[1]))
    cover[rows, columns] = shape[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    return cover


def turn(shape: Cover, degrees: float) -> Cover:
    """Turn a shape clockwise, without cutting its corners off."""
    turned = Image.fromarray(shape).rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
    ink = np.clip(np.asarray(turned, np.float32), 0, 1)
    solid = ink > 0.1 * ink.max()
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def texture(size: Size, rng: np.random.Generator, grain: tuple[float, float]) -> Grey:
    """Return smooth noise with mean 0 and standard deviation of about 1.

    Args:
        size: of the image.
        rng: chooses the noise.
        grain: height and width of a grain, pixels.
    """
    height, width = size
    coarse = (int(height / grain[0]) + 2, int(width / grain[1]) + 2)
    noise = rng.normal(0, 1, coarse).astype(np.float32)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def exposed(image: Grey, rng: np.random.Generator, noise: float = 6.0) -> Pixels:
    """Return the picture that a camera or scanner takes: uneven light, blur and noise, all mild.

    Args:
        image: (H, W) in 0–255.
        rng: chooses them.
        noise: the largest standard deviation of the noise, grey levels.
    """
    light = rng.uniform(0, 0.04) * texture(image.shape, rng, (60, 60))
    picture = Image.fromarray(as_pixels(image * (1 + light)))
    if rng.random() < 0.5:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.9))))
    return as_pixels(np.asarray(picture) + rng.normal(0, rng.uniform(0, noise), image.shape))


def as_pixels(image: NDArray[np.floating]) -> Pixels:
    """Round to uint8; values outside 0–255 are clipped."""
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8)

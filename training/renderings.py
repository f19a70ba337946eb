"""Render digits as people send them: in any size, position, format, light and stroke width.

A rendering starts from a shape: float32 (h, w) in 0–1, 1 for full ink, cropped to its bounding box.
Everything random comes from the generator that is passed in, so the same seed renders the same
images.

Fonts: Pillow's built-in font is always used, and those of `FONT_FILES` that are installed (Debian:
fonts-dejavu-core). Nothing fails without them.

Training draws wide strokes, and must run on hosts without SciPy: so the distance transform is in
NumPy.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from service.model.normalisation import as_floats

Shape = NDArray[np.float32]
Pixels = NDArray[np.uint8]

FONT_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")
_WIDE = ("I;16", "I;16B", "I", "F")  # more than 8 bits per pixel
ENCODINGS = tuple(
    (kind, mode)
    for kind, modes in {
        "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "JPEG": ("L", "RGB", "CMYK"),
        "WEBP": ("RGB", "RGBA"),
        "BMP": ("1", "L", "P", "RGB"),
        "GIF": ("L", "P", "RGB"),
        "TIFF": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", *_WIDE),
    }.items()
    for mode in modes
)
_FINE = 160  # pixels: longer side of the enlarged digit whose skeleton is computed


def shape_of(digit: Pixels, longer: int) -> Shape:
    """Resize an MNIST digit.

    Args:
        digit: uint8 (28, 28), ink 255 on 0.
        longer: the longer side of the result, pixels.
    """
    ink = _crop(as_floats(digit))
    factor = longer / max(ink.shape)
    size = (max(round(ink.shape[1] * factor), 1), max(round(ink.shape[0] * factor), 1))
    enlarged = Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)
    return np.clip(np.asarray(enlarged, np.float32), 0, 1)


def restroke(digit: Pixels, factor: float, longer: int) -> Shape:
    """Multiply the stroke width of an MNIST digit by `factor`, without changing its skeleton.

    The shape is the union of the discs that fit into it; the radius of each is multiplied by
    `factor`. Unlike erosion, that breaks no thin stroke.
    """
    fine = min(longer, _FINE)
    ridge, radii = _skeleton(digit, fine)
    radii = radii * factor
    reach = int(radii.max()) + 1
    distance = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    side = fine + 2 * _margin(fine)
    discs = np.zeros((side + 2 * reach, side + 2 * reach), bool)
    for (row, column), radius in zip(ridge, radii, strict=True):
        discs[row : row + 2 * reach + 1, column : column + 2 * reach + 1] |= distance <= radius
    ink = _crop(discs.astype(np.float32))
    size = np.maximum(np.rint(np.array(ink.shape[::-1]) * longer / max(ink.shape)), 1).astype(int)
    resized = Image.fromarray(ink).resize((int(size[0]), int(size[1])), Image.Resampling.BOX)
    return np.asarray(resized)


def pen_width(digit: Pixels) -> float:
    """Return the stroke width of an MNIST digit, in its own pixels: a median of diameters."""
    return float(2 * np.median(_skeleton(digit, _FINE)[1]) * 20 / _FINE)


def printed(text: str, size: int, font_file: str | None = None) -> Shape:
    """Draw text in a font; without a file, in Pillow's own."""
    font: Any = ImageFont.truetype(font_file, size) if font_file else ImageFont.load_default(size)
    image = Image.new("L", (size * (len(text) + 1), size * 2))
    ImageDraw.Draw(image).text((size // 2, size // 2), text, fill=255, font=font)
    return _crop(as_floats(np.asarray(image)))


def fonts() -> list[str | None]:
    """List the installed fonts: None for Pillow's own, and files of `FONT_FILES`."""
    installed: list[str | None] = [None]
    for file in FONT_FILES:
        try:
            ImageFont.truetype(file, 20)
        except OSError:
            continue
        installed.append(file)
    return installed


def on_canvas(
    shape: Shape,
    rng: np.random.Generator,
    size: tuple[int, int] = (280, 280),
    ink: int = 0,
    paper: int = 255,
) -> Pixels:
    """Draw a shape at a random position on a canvas.

    Args:
        shape: no larger than the canvas.
        rng: chooses the position.
        size: height and width of the canvas, pixels.
        ink: grey level of the foreground.
        paper: grey level of the background.
    """
    height, width = size
    top = int(rng.integers(0, height - shape.shape[0] + 1))
    left = int(rng.integers(0, width - shape.shape[1] + 1))
    cover = np.zeros(size, np.float32)
    cover[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    return np.rint(paper + cover * (ink - paper)).astype(np.uint8)


def side_by_side(shapes: list[Shape], gap: int) -> Shape:
    """Draw shapes in a row on one baseline, `gap` pixels apart; a negative gap overlaps them."""
    height = max(shape.shape[0] for shape in shapes)
    width = sum(shape.shape[1] for shape in shapes) + gap * (len(shapes) - 1)
    row = np.zeros((height, width), np.float32)
    left = 0
    for shape in shapes:
        part = row[height - shape.shape[0] :, left : left + shape.shape[1]]
        np.maximum(part, shape, out=part)
        left += shape.shape[1] + gap
    return row


def photographed(pixels: Pixels, rng: np.random.Generator, noise: float = 8.0) -> Pixels:
    """Simulate a photograph: uneven light, the texture of paper, and sensor noise.

    Args:
        pixels: uint8 (h, w).
        rng: chooses the direction of the light, the texture and the noise.
        noise: standard deviation of the sensor noise, grey levels.
    """
    height, width = pixels.shape
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle, steepness = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.3)
    slope = steepness * (rows * np.sin(angle) + columns * np.cos(angle))
    vignette = rng.uniform(0, 0.15) * (rows**2 + columns**2)
    coarse = rng.normal(0, 3, (height // 6 + 2, width // 6 + 2)).astype(np.float32)
    texture = np.asarray(Image.fromarray(coarse).resize((width, height)))
    lit = (pixels * 0.9 + 10) * (0.7 + slope - vignette)
    exposed = lit + texture + rng.normal(0, noise, pixels.shape)
    return np.asarray(np.clip(np.rint(exposed), 0, 255), np.uint8)


def specked(pixels: Pixels, rng: np.random.Generator, count: int, tone: int) -> Pixels:
    """Add dust: `count` square dots with sides of one to three pixels."""
    dusty = pixels.copy()
    for _ in range(count):
        side = int(rng.integers(1, 4))
        row, column = (int(rng.integers(0, length - side + 1)) for length in pixels.shape)
        dusty[row : row + side, column : column + side] = tone
    return dusty


def encode(pixels: Pixels, kind: str = "PNG", mode: str = "L", **options: Any) -> bytes:
    """Encode an image in Pillow's format `kind` and mode `mode`.

    Args:
        pixels: uint8 (h, w).
        kind: with `mode`, one of `ENCODINGS`.
        mode: with `kind`, one of `ENCODINGS`.
        options: of `Image.save`, such as quality.
    """
    buffer = io.BytesIO()
    in_mode(pixels, mode).save(buffer, kind, **options)
    return buffer.getvalue()


def in_mode(pixels: Pixels, mode: str) -> Image.Image:
    """Convert a grey image to any of Pillow's modes; wide modes use their whole range."""
    image = Image.fromarray(pixels)
    if mode == "1":
        return image.convert("1", dither=Image.Dither.NONE)
    if mode in ("I;16", "I;16B"):
        wide = pixels.astype("<u2" if mode == "I;16" else ">u2") * np.uint16(257)
        return Image.frombytes(mode, image.size, wide.tobytes())
    if mode == "I":
        return Image.fromarray(pixels.astype(np.int32) * 257)
    if mode == "F":
        return Image.fromarray(as_floats(pixels))
    if mode == "LAB":
        neutral = Image.new("L", image.size, 128)
        return Image.merge("LAB", (image, neutral, neutral))
    if mode in ("CMYK", "YCbCr"):
        return image.convert("RGB").convert(mode)
    return image.convert(mode)


def on_transparent(pixels: Pixels, colour: tuple[int, int, int]) -> Image.Image:
    """Draw bright ink on black as ink of one colour on a transparent background."""
    image = Image.new("RGBA", (pixels.shape[1], pixels.shape[0]), (*colour, 0))
    image.putalpha(Image.fromarray(pixels))
    return image


def turned(pixels: Pixels, orientation: int) -> bytes:
    """Encode a JPEG with EXIF orientation 1–8, whose viewers show it as `pixels`."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(pixels)
    if orientation in undo:
        image = image.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


def _crop(ink: Shape) -> Shape:
    """Crop a shape to its bounding box."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _margin(fine: int) -> int:
    """Return the margin around an enlarged digit, which wider strokes need, in pixels."""
    return fine * 2 // 5


def _skeleton(digit: Pixels, fine: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return row and column, (N, 2), and radius, (N,), of the discs whose union is the digit."""
    shape = np.rint(np.pad(shape_of(digit, fine), _margin(fine)) * 255).astype(np.uint8)
    # Without smoothing, the corners of MNIST's pixels would become spikes of the skeleton.
    smooth = Image.fromarray(shape).filter(ImageFilter.GaussianBlur(fine / 50))
    radius = distance_to_background(np.asarray(smooth) > 127)
    ridge = np.argwhere(_is_ridge(radius))
    return ridge, radius[tuple(ridge.T)]


def distance_to_background(solid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Compute the exact Euclidean distance transform of a shape.

    Returns:
        The distance of each pixel to the nearest one outside the shape, 0 outside it.
    """
    distance = np.zeros(solid.shape)
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if rows.size:
        # The nearest background lies in the bounding box, or in the ring of one pixel around it.
        box = np.s_[max(rows[0] - 1, 0) : rows[-1] + 2, max(columns[0] - 1, 0) : columns[-1] + 2]
        distance[box] = _transform(solid[box])
    return distance


def _transform(solid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Compute the distance transform along columns, then along rows."""
    height, width = solid.shape
    far = height + width
    up, down = np.empty((2, height, width))
    up[0] = np.where(solid[0], far, 0)
    down[-1] = np.where(solid[-1], far, 0)
    for row in range(1, height):
        up[row] = np.where(solid[row], up[row - 1] + 1, 0)
        down[-1 - row] = np.where(solid[-1 - row], down[-row] + 1, 0)
    vertical = np.minimum(up, down) ** 2
    squared = vertical.copy()
    for shift in range(1, width):
        if shift**2 > squared.max():
            break
        squared[:, shift:] = np.minimum(squared[:, shift:], vertical[:, :-shift] + shift**2)
        squared[:, :-shift] = np.minimum(squared[:, :-shift], vertical[:, shift:] + shift**2)
    return np.asarray(np.sqrt(squared))


def _is_ridge(radius: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where a pixel's disc lies in no neighbour's disc: the skeleton of the shape."""
    padded = np.pad(radius, 1)
    ridge = radius > 2  # pixels at the outline do not belong to the skeleton
    for row, column in np.argwhere(np.ones((3, 3))):
        step = np.hypot(row - 1, column - 1)
        if step:
            neighbour = padded[row : row + radius.shape[0], column : column + radius.shape[1]]
            ridge &= neighbour < radius + step - 0.3
    return ridge

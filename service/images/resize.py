"""Resize an image to the input of a model that takes whole images, in grey or colour.

Does not know file formats or the model. The arithmetic is Pillow's bilinear filter, which
antialiases where it shrinks, so that the result is that of torchvision's `Resize` for the same
image, but for single grey levels. `service/images/digit/preprocessing.py` is the other
preparation, for models of digits.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import WrongShape
from service.images.picture import Picture

Colour = Literal["grey", "rgb", "bgr"]
Fit = Literal["crop", "stretch", "pad"]
Box = tuple[int, int, int, int]  # left, top, width, height

_CHANNELS: dict[Colour, int] = {"grey": 1, "rgb": 3, "bgr": 3}
# The longer side is at most this many times the shorter one when an image is resized before its
# centre is cut out; without a limit, an image of 1 × 100,000 pixels would need gigabytes.
_MAX_ASPECT = 16


@dataclass(frozen=True)
class Resized:
    """An image as the model's input.

    Attributes:
        pixels: uint8 (height, width, channels).
        box: the part of the image that the model sees: left, top, width, height in pixels of the
            image before it was resized, extended to whole ones.
    """

    pixels: NDArray[np.uint8]
    box: Box


@dataclass(frozen=True)
class Resize:
    """The preparation named `resize`: fit an image to the model's height, width and channels.

    Attributes:
        height: of the model's input.
        width: of the model's input.
        colour: the order of the channels; "grey" for one channel.
        fit: "crop" to resize the shorter side and cut out the centre; "stretch" to resize to height
            × width, whatever the aspect ratio; "pad" to resize the whole image into height × width
            and fill the rest with black, as TensorFlow's `resize_with_pad`, Keras's
            `pad_to_aspect_ratio` and Pillow's `ImageOps.pad` do.
        resize: with "crop", the shorter side before the centre is cut out; None for the smallest
            size that covers the input.
    """

    height: int
    width: int
    colour: Colour
    fit: Fit
    resize: int | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a value is not allowed, or `resize` does not fit the others.
        """
        if min(self.height, self.width) < 1:
            raise ValueError(f"height and width must be above 0, got {self.height}, {self.width}.")
        if self.colour not in get_args(Colour):
            raise ValueError(f"colour must be grey, rgb or bgr, got {self.colour!r}.")
        if self.fit not in get_args(Fit):
            raise ValueError(f"fit must be crop, stretch or pad, got {self.fit!r}.")
        if self.resize is None:
            return
        if self.fit != "crop":
            raise ValueError(f"resize goes with the fit crop, not with {self.fit}.")
        if self.resize < max(self.height, self.width):
            raise ValueError(
                f"resize must be at least {max(self.height, self.width)}, the longer side of the "
                f"model's input, got {self.resize}."
            )

    @property
    def channels(self) -> int:
        """Return the number of channels: 1 for grey, 3 for colour."""
        return _CHANNELS[self.colour]

    @property
    def min_side(self) -> int:
        """Return the shortest side to which `decode_rgb` may reduce an image while it decodes.

        It is twice the side of the result, as in Pillow's `thumbnail`, so that the antialiasing
        filter still averages several pixels.
        """
        return 2 * (self.resize or max(self.height, self.width))

    def prepare(self, image: NDArray[np.uint8] | Picture) -> Resized:
        """Resize an image to the model's input.

        Args:
            image: a decoded image, or uint8 (H, W) or (H, W, 3) in RGB, of any size. Colour becomes
                grey by the weights of ITU-R 601, Pillow's; grey becomes three equal channels.

        Returns:
            C-contiguous uint8 pixels (height, width, channels), and the part that they show.

        Raises:
            WrongShape: the image has another shape, or no pixels.
        """
        if not isinstance(image, Picture):
            if image.shape[2:] not in ((), (3,)) or image.ndim < 2 or not image.size:
                raise WrongShape(
                    f"The image's shape is {image.shape}; send (H, W) or (H, W, 3), not empty."
                )
            image = Picture(Image.fromarray(image), image.shape[:2])
        pillow = image.image
        if self.colour == "grey":
            pillow = pillow.convert("L")
        height, width = image.size
        region = self._region(width, height)
        size = self._resized(region[2], region[3])
        # rounded as torchvision's `CenterCrop` rounds; negative where black is added
        x, y = round((size[0] - self.width) / 2), round((size[1] - self.height) / 2)
        frame = (x, y, self.width, self.height)
        kept = (max(x, 0), max(y, 0), min(self.width, size[0]), min(self.height, size[1]))
        # only what is kept is computed; the filter still reads the pixels around it
        left, top, right, bottom = (edge / image.reduction for edge in _part(region, size, kept))
        box = (left, top, right, bottom)
        resized = pillow.resize(kept[2:], Image.Resampling.BILINEAR, box)
        if kept != frame:
            resized = resized.crop(_edges((min(x, 0), min(y, 0), self.width, self.height)))
        return Resized(self._in_channels(np.asarray(resized)), _visible(region, size, frame))

    def _region(self, width: int, height: int) -> Box:
        """Return the part of an image that is resized: all of it, unless it is very long."""
        if self.fit != "crop":
            return 0, 0, width, height
        unit_x, unit_y = self._unit()
        longest_x = max(1, _MAX_ASPECT * unit_x * height // unit_y)
        longest_y = max(1, _MAX_ASPECT * unit_y * width // unit_x)
        left, top = max(0, (width - longest_x) // 2), max(0, (height - longest_y) // 2)
        return left, top, min(width, longest_x), min(height, longest_y)

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height to which an image is resized before it is framed.

        A side that follows from the other is rounded down, as torchvision's `Resize` does.
        """
        unit_x, unit_y = self._unit()
        if self.fit == "stretch":
            return unit_x, unit_y
        is_wider = width * unit_y >= height * unit_x
        if is_wider == (self.fit == "crop"):
            return max(1, width * unit_y // height), unit_y
        return unit_x, max(1, height * unit_x // width)

    def _unit(self) -> tuple[int, int]:
        """Return the width and height that an image is to cover, or to fit into."""
        return (self.resize, self.resize) if self.resize else (self.width, self.height)

    def _in_channels(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Arrange (H, W), or (H, W, 3) in RGB, as the model's channels; C-contiguous."""
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., np.newaxis], self.channels, axis=2)
        elif self.colour == "bgr":
            pixels = pixels[..., ::-1]
        return np.ascontiguousarray(pixels)


def _edges(box: Box) -> Box:
    """Return the left, top, right and bottom of a box."""
    left, top, width, height = box
    return left, top, left + width, top + height


def _part(region: Box, size: tuple[int, int], part: Box) -> tuple[float, float, float, float]:
    """Return the edges in the image of a part of the resized region."""
    left, top, width, height = region
    scale_x, scale_y = width / size[0], height / size[1]
    x, y, right, bottom = _edges(part)
    return left + x * scale_x, top + y * scale_y, left + right * scale_x, top + bottom * scale_y


def _visible(region: Box, size: tuple[int, int], frame: Box) -> Box:
    """Return the part of the image that is within a frame, extended to whole pixels.

    Args:
        region: the part of the image that was resized.
        size: the width and height that it was resized to.
        frame: the part of the resized image that was cut out; it may be larger.
    """
    left, top, right, bottom = _edges(frame)
    first_x, last_x = max(0, left) * region[2] // size[0], -(-right * region[2] // size[0])
    first_y, last_y = max(0, top) * region[3] // size[1], -(-bottom * region[3] // size[1])
    last_x, last_y = min(last_x, region[2]), min(last_y, region[3])
    return region[0] + first_x, region[1] + first_y, last_x - first_x, last_y - first_y

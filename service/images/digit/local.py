"""Separate foreground from a background that has edges of its own, such as a shadow's.

The background's tone at a pixel is the darkest tone that a square window finds everywhere in some
position over that pixel: a morphological closing. Strokes are narrower than the window; shadows,
bars, fingers and desks are wider and become background.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from service.images.digit.foreground import (
    CERTAIN_SIGMAS,
    DARKEST_BACKGROUND,
    EDGE_SHARE,
    MIN_CONTRAST,
    POSSIBLE_SIGMAS,
    Foreground,
    full_contrast,
    measure_noise,
    scale_contrast,
)
from service.images.digit.morphology import close

_WINDOW = 0.13  # share of the shorter side: wider than a stroke
_DARKEST_SHARE = 0.3  # of the brightest background: darker ones are no paper, only noise
_EVEN = np.full((1, 1), 255, np.float32)


def window_of(shape: tuple[int, ...]) -> int:
    """Return the side of a window wider than a stroke, in pixels, for an image of that shape."""
    return max(round(_WINDOW * min(shape)), 3)


@dataclass(frozen=True)
class LocalBackground:
    """An image and its background, as if the foreground were dark.

    Attributes:
        first: the image's foreground on a smooth background, which did not fit.
        inverted: whether the foreground is darker than the background.
        dark: uint8 (H, W), the smoothed image with dark foreground.
        light: float32 (H, W), the background's tone.
    """

    first: Foreground
    inverted: bool
    dark: NDArray[np.uint8]
    light: NDArray[np.float32]

    @classmethod
    def of(cls, first: Foreground, inverted: bool) -> "LocalBackground":
        """Compute the local background for one polarity."""
        grey = first.grey
        smooth = np.asarray(Image.fromarray(grey).filter(ImageFilter.BoxBlur(1)))
        dark = smooth if inverted else ~smooth
        light = close(dark, window_of(grey.shape)).astype(np.float32)
        # the closing follows the brightest noise; most pixels are background and show by how much
        light -= np.median(light - dark)
        return cls(first, inverted, dark, light)

    def separate(self, region: NDArray[np.bool_] | None = None) -> Foreground:
        """Separate the foreground from the background.

        Args:
            region: bool (H, W), the only part of the image that may have foreground; None for all.

        Raises:
            NothingDrawn: no pixel exceeds the noise.
        """
        darkest = max(DARKEST_BACKGROUND, _DARKEST_SHARE * float(self.light.max()))
        factor = (255 / np.maximum(self.light, darkest)).astype(np.float32)
        contrast = (self.light - self.dark) * factor
        if region is not None:
            contrast *= region
        noise = factor * np.float32(measure_noise(self.dark, _EVEN))  # as strong in every light
        full = full_contrast(contrast[contrast > np.maximum(CERTAIN_SIGMAS * noise, MIN_CONTRAST)])
        lowest = np.minimum(np.maximum(POSSIBLE_SIGMAS * noise, EDGE_SHARE * full), full / 2)
        height, width = self.dark.shape
        return Foreground(
            grey=self.first.grey,
            rows=slice(0, height),
            columns=slice(0, width),
            certain=contrast > full / 2,
            possible=contrast > lowest,
            intensity=scale_contrast(contrast, full),
            background=0,
            inverted=self.inverted,
            threshold=round(full / 2, 1),
            reduction=self.first.reduction,
        )

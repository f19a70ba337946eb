"""Hold a model's inputs, and convert their pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequest
from service.images.digit.preprocessing import Prepared, Preprocessing
from service.images.digit.segmentation import Segment
from service.model.engine import Pixels
from service.model.manifest import Colour


@dataclass(frozen=True)
class Inputs:
    """The model's input for each image, in the order of the request.

    Attributes:
        pixels: (N, H, W, C), uint8 0–255 or float32 0–1.
        applied: the preprocessing of each.
        images: index of the image in the request that each comes from.
        prepared: each with its stages; empty for arrays without preprocessing.
        segments: of segmented images, the segment that each comes from, among them candidates
            of which the predictions contain the chosen ones; else empty.
    """

    pixels: Pixels
    applied: list[Preprocessing]
    images: Sequence[int]
    prepared: list[Prepared]
    segments: Sequence[Segment] = ()

    def only_one(self) -> Pixels:
        """Return the pixels of the only image, (H, W, C).

        Raises:
            MalformedRequest: there are several.
        """
        if len(self.pixels) != 1:
            raise MalformedRequest(f"This route takes one image, got {len(self.pixels)}.")
        one: Pixels = self.pixels[0]
        return one

    def only_prepared(self) -> Prepared:
        """Return the only image with its stages.

        Raises:
            MalformedRequest: there are several.
        """
        pixels = as_bytes(self.only_one())
        digit = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
        unprepared = Prepared(digit, self.applied[0], lambda: {"digit": digit})
        return self.prepared[0] if self.prepared else unprepared


def as_bytes(pixels: Pixels) -> NDArray[np.uint8]:
    """Convert pixels of any shape to uint8 0–255."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return np.rint(pixels * 255).astype(np.uint8)


def as_shown(pixels: NDArray[np.uint8], colour: Colour) -> NDArray[np.uint8]:
    """Return a model's input, (H, W, C), with three channels in the order red, green, blue."""
    return pixels[..., ::-1] if colour == "bgr" else pixels

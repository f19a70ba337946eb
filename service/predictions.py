"""Define the prediction for one image, which responses contain as JSON. Does not know the model.

Fields that are `UNSET` are left out of the JSON.
"""

from typing import Literal, Self

import msgspec
from msgspec import UNSET, UnsetType

from service.images.digit.preprocessing import Preprocessing
from service.images.digit.regions import Removal
from service.images.digit.segmentation import Place


# a batch creates ten thousand of each struct, which refer to no cycles: the collector skips them
class AppliedPreprocessing(msgspec.Struct, gc=False):
    """How the image of a prediction was preprocessed.

    Attributes:
        mode: "mnist" where the image was normalised, "resize" where it was resized, "none" where
            its pixels were not changed.
        inverted: whether a dark digit on a bright background was inverted.
        bounding_box: left, top, width, height of the digit, or of the part that was resized, in
            pixels of the client's image.
        removed: what surrounded the digit and was removed, in the order of removal;
            `Preprocessing` describes each.
        scale: pixels of the digit for one pixel of the client's image; only with details=true.
        shift: rows and columns by which the digit was moved to centre its mass; only with
            details=true.
        threshold: contrast to the background, 0–255, from which a pixel was foreground, None where
            no threshold was needed; only with details=true.
        stroke: factor by which strokes were dilated (above 1) or eroded (below 1); only with
            details=true.
    """

    mode: Literal["mnist", "resize", "none"]
    inverted: bool
    bounding_box: tuple[int, int, int, int]
    removed: tuple[Removal, ...]
    scale: float | UnsetType = UNSET
    shift: tuple[int, int] | UnsetType = UNSET
    threshold: float | UnsetType | None = UNSET
    stroke: float | UnsetType = UNSET

    @classmethod
    def of(cls, applied: Preprocessing, *, details: bool) -> Self:
        """Return the fields that a response has, with or without the details."""
        lean = (applied.mode, applied.inverted, applied.bounding_box, applied.removed)
        if not details:
            return cls(*lean)
        return cls(*lean, applied.scale, applied.shift, applied.threshold, applied.stroke)


class Prediction(msgspec.Struct, gc=False):
    """The prediction for one image, or for one segment of a segmented image.

    Attributes:
        image: index of the image in the request.
        label: the class with the highest probability; None for an empty cell of a grid.
        confidence: its probability; None for an empty cell of a grid.
        probabilities: by label, highest first; of an empty cell of a grid, none.
        in_distribution: whether the image resembles the training images; None where the bundle has
            no threshold, and for an empty cell of a grid.
        score: compared with the bundle's threshold; higher means more similar to the training
            images. None where the bundle has none, and for an empty cell of a grid.
        preprocessing: how the image was preprocessed.
        segment: its place on the page; only with segment=true and segment=grid.
        digit: its 28 × 28 pixels in MNIST's format, row by row, foreground 255 on 0, as base64 in
            JSON; only of a segment, with details=true.
    """

    image: int
    label: str | None
    confidence: float | None
    probabilities: dict[str, float]
    in_distribution: bool | None
    score: float | None
    preprocessing: AppliedPreprocessing
    segment: Place | UnsetType = UNSET
    digit: bytes | UnsetType = UNSET

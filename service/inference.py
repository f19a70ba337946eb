"""Turn images into predictions: combine preprocessing and model. Does not know HTTP or settings.

Used by the routes, and by other code that runs a model on encoded images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from service import candidates
from service.errors import MalformedRequest, RequestError, WrongShape
from service.images.decode import decode
from service.images.digit.cells import segment_grid
from service.images.digit.preprocessing import (
    NO_PREPROCESSING,
    SIZE,
    Mode,
    Prepared,
    Preprocessing,
    prepare,
)
from service.images.digit.segmentation import Segment, segment
from service.model.bundle import Bundle
from service.model.engine import Pixels
from service.model.layer import LayerValues, Stage
from service.predictions import AppliedPreprocessing, Prediction
from service.timing import phase

Load: TypeAlias = Callable[[], NDArray[np.uint8]]  # returns a grey image, (H, W)
Segmentation: TypeAlias = Literal["rows", "grid"]
Result = TypeVar("Result")
_SEGMENT: dict[Segmentation, Callable[[NDArray[np.uint8]], list[Segment]]] = {
    "rows": segment,
    "grid": segment_grid,
}


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
        digit = as_bytes(self.only_one())[..., 0]
        unprepared = Prepared(digit, NO_PREPROCESSING, lambda: {"digit": digit})
        return self.prepared[0] if self.prepared else unprepared


def from_images(
    files: Sequence[bytes],
    mode: Mode,
    bundle: Bundle,
    max_pixels: int,
    *,
    segmentation: Segmentation | None = None,
) -> Inputs:
    """Decode and preprocess encoded images; with `segmentation`, every segment of each.

    Args:
        files: encoded images.
        mode: of the preprocessing.
        bundle: the model's.
        max_pixels: the largest width × height of an image that is decoded.
        segmentation: "rows" to find the digits of each image in rows, "grid" to find the cells of
            its grid; None where each image shows one digit.

    Raises:
        RequestError: an image cannot be decoded, is too large, or shows no digit.
    """
    loads = [partial(_decode, file, max_pixels) for file in files]
    if segmentation is None:
        return _prepare(loads, mode, bundle)
    return _segment(loads, segmentation, bundle)


def as_batch(array: Pixels, bundle: Bundle) -> Pixels:
    """Add the missing axes to an array of one or several inputs.

    Args:
        array: (N, H, W, C), (H, W, C), or without C where the model takes one channel.
        bundle: the model's.

    Returns:
        (N, H, W, C), N at least 1.

    Raises:
        WrongShape: the model takes another shape.
    """
    shape = bundle.input_shape
    if array.shape in (shape, shape[:2]):
        array = array[np.newaxis]
    if array.ndim == 3 and shape[2] == 1:
        array = array[..., np.newaxis]
    if array.shape[1:] != shape or not len(array):
        raise WrongShape(
            f"The array's shape is {array.shape}; the model takes (N, {str(shape)[1:-1]})."
        )
    return array


def from_batch(batch: Pixels, mode: Mode, bundle: Bundle) -> Inputs:
    """Preprocess the images of an array.

    Args:
        batch: (N, H, W, C), uint8 in 0–255 or float32 in 0–1.
        mode: "none" to skip preprocessing.
        bundle: the model's.

    Raises:
        WrongShape: a value is outside its range.
        RequestError: an image cannot be preprocessed.
    """
    if batch.dtype != np.uint8 and not np.all((batch >= 0) & (batch <= 1)):
        raise WrongShape(
            "The array has values outside 0–1; send float values in 0–1 or uint8 in 0–255."
        )
    if mode == "none":
        return Inputs(batch, [NO_PREPROCESSING] * len(batch), range(len(batch)), [])
    return _prepare([partial(np.squeeze, digit, -1) for digit in as_bytes(batch)], mode, bundle)


def as_bytes(pixels: Pixels) -> NDArray[np.uint8]:
    """Convert pixels of any shape to uint8 0–255."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return np.rint(pixels * 255).astype(np.uint8)


def outcome(bundle: Bundle) -> list[tuple[str, Stage]]:
    """List the layers' values that a prediction needs: probabilities, then those of its score."""
    if bundle.features is None:
        return [bundle.probabilities]
    return [bundle.probabilities, bundle.features]


def scores(bundle: Bundle, values: LayerValues) -> NDArray[np.float32] | None:
    """Return how similar each image is to the training images, float32 (N,).

    Args:
        bundle: the model's.
        values: at least those of `outcome`.

    Returns:
        None where the bundle has no distribution.
    """
    if bundle.distribution is None or bundle.features is None:
        return None
    return bundle.distribution.scores(values[bundle.features])


def predictions(
    bundle: Bundle,
    values: LayerValues,
    inputs: Inputs,
    top_k: int | None = None,
    *,
    details: bool = False,
) -> list[Prediction]:
    """Return a prediction for each input; of segmented images, for each segment.

    Args:
        bundle: the model's.
        values: at least those of `outcome`.
        inputs: the inputs that the values were computed from.
        top_k: how many classes to return; None for all.
        details: whether to return every field of the preprocessing.
    """
    probabilities = values[bundle.probabilities]  # (N, classes)
    count = len(probabilities)
    similarity = scores(bundle, values)
    by_input: Sequence[float | None] = [None] * count if similarity is None else similarity.tolist()
    threshold = bundle.distribution.threshold if bundle.distribution else 0.0
    flat = inputs.pixels.reshape(count, -1, inputs.pixels.shape[-1])  # (N, H · W, C)
    is_drawn = (flat != flat[:, :1]).any(axis=(1, 2))  # an image of one tone shows no digit
    labels = bundle.labels
    rows = zip(
        *(inputs.images, probabilities.tolist(), by_input, is_drawn.tolist(), inputs.applied),
        strict=True,
    )
    answers = [
        Prediction(
            image,
            labels[classes[0]],
            row[classes[0]],
            {labels[index]: row[index] for index in classes},
            None if score is None else shows_digit and score >= threshold,
            score,
            AppliedPreprocessing.of(applied, details=details),
        )
        for image, row, score, shows_digit, applied in rows
        if (classes := sorted(range(len(row)), key=row.__getitem__, reverse=True)[:top_k])
    ]
    if not inputs.segments:
        return answers
    return candidates.choose(inputs.segments, answers, threshold)


def _decode(file: bytes, max_pixels: int) -> NDArray[np.uint8]:
    with phase("decode"):
        return decode(file, max_pixels)


def _prepare(loads: Sequence[Load], mode: Mode, bundle: Bundle) -> Inputs:
    prepared = _for_each(loads, bundle, partial(prepare, mode=mode))
    return _inputs(prepared, range(len(prepared)))


def _segment(loads: Sequence[Load], segmentation: Segmentation, bundle: Bundle) -> Inputs:
    """Preprocess every segment of each image, in the order of the images and in reading order."""
    pages = _for_each(loads, bundle, _SEGMENT[segmentation])
    segments = [each for page in pages for each in page]
    images = [index for index, page in enumerate(pages) for _ in page]
    return replace(_inputs([each.prepared for each in segments], images), segments=segments)


def _for_each(
    loads: Sequence[Load], bundle: Bundle, work: Callable[[NDArray[np.uint8]], Result]
) -> list[Result]:
    """Load and process each image; where there are several, an error states the image's index."""
    if bundle.input_shape != (SIZE, SIZE, 1):
        raise WrongShape(
            f"Model {bundle.name!r} takes arrays of shape {bundle.input_shape}, not images; "
            "send application/x-npy or JSON instances."
        )
    results = []
    for index, load in enumerate(loads):
        try:
            image = load()
            with phase("preprocess"):
                results.append(work(image))
        except RequestError as error:
            if len(loads) == 1:
                raise
            raise type(error)(f"Image {index}: {error}") from error
    return results


def _inputs(prepared: list[Prepared], images: Sequence[int]) -> Inputs:
    digits = np.array([each.digit for each in prepared])[..., np.newaxis]  # (N, 28, 28, 1)
    return Inputs(digits, [each.applied for each in prepared], images, prepared)

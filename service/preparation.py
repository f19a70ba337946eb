"""Turn images and arrays into a model's inputs, as its manifest names the preparation.

Composes decoding and the preparations of `images`. Does not know HTTP, settings or predictions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequest, RequestError, WrongShape
from service.images.decode import decode, decode_rgb
from service.images.digit.cells import segment_grid
from service.images.digit.preprocessing import (
    NO_PREPROCESSING,
    Mode,
    Prepared,
    Preprocessing,
    prepare,
)
from service.images.digit.segmentation import Segment, segment
from service.images.picture import Picture
from service.images.resize import Resize
from service.model.bundle import Bundle
from service.model.engine import Pixels
from service.model.manifest import Colour, DigitPreparation, Input, ResizePreparation
from service.timing import phase

Decoded: TypeAlias = NDArray[np.uint8] | Picture  # (H, W), or in colour
Load: TypeAlias = Callable[[], Decoded]
Prepare: TypeAlias = Callable[[Any], Prepared]  # takes what the model's images decode to
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
        pixels = as_bytes(self.only_one())
        digit = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
        unprepared = Prepared(digit, self.applied[0], lambda: {"digit": digit})
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
    loads = [partial(_decode, file, max_pixels, bundle.input) for file in files]
    if segmentation is None:
        return _prepare(loads, mode, bundle)
    return _segment(loads, segmentation, bundle)


def one_image(file: bytes, source: Input, max_pixels: int) -> NDArray[np.uint8]:
    """Return an encoded image as an input, uint8 (H, W, C), prepared as a model declares it.

    Args:
        file: an encoded image.
        source: the model's input.
        max_pixels: the largest width × height of an image that is decoded.

    Raises:
        RequestError: the image cannot be decoded, is too large, or cannot be prepared.
    """
    prepared = _preparation(source, "auto")(_decode(file, max_pixels, source))
    return prepared.digit.reshape(source.shape)


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
        height, width, _ = bundle.input_shape
        applied = replace(NO_PREPROCESSING, bounding_box=(0, 0, width, height))
        return Inputs(batch, [applied] * len(batch), range(len(batch)), [])
    images = as_bytes(batch)
    images = images[..., 0] if bundle.input.colour == "grey" else images
    return _prepare([partial(np.asarray, image) for image in images], mode, bundle)


def as_bytes(pixels: Pixels) -> NDArray[np.uint8]:
    """Convert pixels of any shape to uint8 0–255."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return np.rint(pixels * 255).astype(np.uint8)


def as_shown(pixels: NDArray[np.uint8], colour: Colour) -> NDArray[np.uint8]:
    """Return a model's input, (H, W, C), with three channels in the order red, green, blue."""
    return pixels[..., ::-1] if colour == "bgr" else pixels


def _decode(file: bytes, max_pixels: int, source: Input) -> Decoded:
    with phase("decode"):
        if source.colour == "grey" or not isinstance(source.preparation, ResizePreparation):
            return decode(file, max_pixels)
        return decode_rgb(file, max_pixels, _resizer(source, source.preparation).min_side)


def _resizer(source: Input, preparation: ResizePreparation) -> Resize:
    height, width, _ = source.shape
    return Resize(height, width, source.colour, preparation.fit, preparation.resize)


def _preparation(source: Input, mode: Mode) -> Prepare:
    """Return the function that makes an image the model's input.

    Raises:
        WrongShape: the model takes arrays only.
        MalformedRequest: the mode is another preparation's.
    """
    match source.preparation:
        case DigitPreparation():
            return partial(prepare, mode=mode)
        case ResizePreparation() if mode == "mnist":
            raise MalformedRequest(
                "preprocess=mnist is for digits, and this model resizes images; send "
                "preprocess=auto, or none for an image of the model's size."
            )
        case ResizePreparation() as preparation:
            return partial(_resize, source=source, preparation=preparation, mode=mode)
    raise WrongShape(
        f"The model takes arrays of shape {source.shape}, not images; send application/x-npy or "
        "JSON instances."
    )


def _resize(image: Decoded, source: Input, preparation: ResizePreparation, mode: Mode) -> Prepared:
    height, width, _ = source.shape
    own = image.size if isinstance(image, Picture) else image.shape[:2]
    if mode == "none" and own != (height, width):
        raise WrongShape(
            f"preprocess=none takes an image of {width} × {height} pixels, not "
            f"{own[1]} × {own[0]}; send that size, or preprocess=auto."
        )
    if mode == "none":  # of the input's size already: every fit but this one might change it
        preparation = ResizePreparation("stretch")
    resized = _resizer(source, preparation).prepare(image)
    _, _, seen, _ = resized.box
    applied = Preprocessing(
        "none" if mode == "none" else "resize",
        inverted=False,
        bounding_box=resized.box,
        scale=width / seen,
        shift=(0, 0),
        threshold=None,
        stroke=1.0,
    )
    pixels = resized.pixels
    shown = pixels[..., 0] if source.colour == "grey" else as_shown(pixels, source.colour)
    return Prepared(pixels, applied, lambda: {"resized": shown})


def _prepare(loads: Sequence[Load], mode: Mode, bundle: Bundle) -> Inputs:
    prepared = _for_each(loads, _preparation(bundle.input, mode))
    return _inputs(prepared, range(len(prepared)))


def _segment(loads: Sequence[Load], segmentation: Segmentation, bundle: Bundle) -> Inputs:
    """Preprocess every segment of each image, in the order of the images and in reading order."""
    if not isinstance(bundle.input.preparation, DigitPreparation):
        raise MalformedRequest(
            f"segment=true and segment=grid find digits; model {bundle.name!r} takes one whole "
            "image. Omit segment."
        )
    pages = _for_each(loads, _SEGMENT[segmentation])
    segments = [each for page in pages for each in page]
    images = [index for index, page in enumerate(pages) for _ in page]
    return replace(_inputs([each.prepared for each in segments], images), segments=segments)


def _for_each(loads: Sequence[Load], work: Callable[[Any], Result]) -> list[Result]:
    """Load and process each image; where there are several, an error states the image's index."""
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
    pixels = np.array([each.digit for each in prepared])
    if pixels.ndim == 3:  # (N, 28, 28)
        pixels = pixels[..., np.newaxis]
    return Inputs(pixels, [each.applied for each in prepared], images, prepared)

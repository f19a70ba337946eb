"""Turn images and arrays into a model's inputs, as its manifest names the preparation.

Composes decoding and the preparations of `images`. Does not know HTTP, settings or predictions.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
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
from service.inputs import Inputs, as_bytes, as_shown
from service.model.bundle import Bundle
from service.model.engine import Pixels
from service.model.manifest import DigitPreparation, Input, ResizePreparation
from service.timing import phase

Decoded: TypeAlias = NDArray[np.uint8] | Picture  # (H, W), or in colour
Load: TypeAlias = Callable[[], Decoded]
Prepare: TypeAlias = Callable[[Any], Prepared]  # takes what the model's images decode to
Segmentation: TypeAlias = Literal["rows", "grid"]
Errors: TypeAlias = dict[int, RequestError]
Result = TypeVar("Result")
_TOGETHER = 2**16  # pixels that are decoded, then prepared: each goes faster in a row
_SEGMENT: dict[Segmentation, Callable[[NDArray[np.uint8]], list[Segment]]] = {
    "rows": segment,
    "grid": segment_grid,
}


def from_images(
    files: Sequence[bytes],
    mode: Mode,
    bundle: Bundle,
    max_pixels: int,
    *,
    segmentation: Segmentation | None = None,
    errors: Errors | None = None,
) -> Inputs:
    """Decode and preprocess encoded images; with `segmentation`, every segment of each.

    Args:
        files: encoded images.
        mode: of the preprocessing.
        bundle: the model's.
        max_pixels: the largest width × height of an image that is decoded.
        segmentation: "rows" to find the digits of each image in rows, "grid" to find the cells of
            its grid; None where each image shows one digit.
        errors: gets the error of each image that has one, by its index, and the inputs lack it;
            None to raise the first error.

    Raises:
        RequestError: an image cannot be decoded, is too large, or shows no digit; or the model
            takes no such images.
    """
    loads = [partial(_decode, file, max_pixels, bundle.input) for file in files]
    if segmentation is None:
        return _prepare(loads, mode, bundle, errors)
    return _segment(loads, segmentation, bundle, errors)


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


def _prepare(
    loads: Sequence[Load], mode: Mode, bundle: Bundle, errors: Errors | None = None
) -> Inputs:
    prepared = _for_each(loads, _preparation(bundle.input, mode), errors)
    return _inputs(list(prepared.values()), list(prepared), bundle)


def _segment(
    loads: Sequence[Load], segmentation: Segmentation, bundle: Bundle, errors: Errors | None
) -> Inputs:
    """Preprocess every segment, in the order of the images and in reading order."""
    if not isinstance(bundle.input.preparation, DigitPreparation):
        raise MalformedRequest(
            f"segment=true and segment=grid find digits; model {bundle.name!r} takes one whole "
            "image. Omit segment."
        )
    pages = _for_each(loads, _SEGMENT[segmentation], errors)
    segments = [each for page in pages.values() for each in page]
    images = [index for index, page in pages.items() for _ in page]
    inputs = _inputs([each.prepared for each in segments], images, bundle)
    return replace(inputs, segments=segments)


def _for_each(
    loads: Sequence[Load], work: Callable[[Any], Result], errors: Errors | None
) -> dict[int, Result]:
    """Return the result of each image by its index, which a raised error states.

    Errors are copied without traceback and cause, whose frames refer to the decoded image, and to
    this call and so to the errors: such a cycle keeps all of them until Python collects cycles.
    """
    results: dict[int, Result] = {}
    images: dict[int, Decoded] = {}
    failed: Errors = {} if errors is None else errors
    pixels, last = 0, len(loads) - 1
    for index, load in enumerate(loads):
        try:
            images[index] = image = load()
            pixels += image.size if isinstance(image, np.ndarray) else _TOGETHER
        except RequestError as error:
            failed[index] = type(error)(str(error))
        if images and (index == last or pixels >= _TOGETHER):
            with phase("preprocess"):
                for each, image in images.items():
                    try:
                        results[each] = work(image)
                    except RequestError as error:
                        failed[each] = type(error)(str(error))
            images, pixels = {}, 0
        if failed and errors is None:
            first, reason = min(failed.items())
            message = f"Image {first}: {reason}" if len(loads) > 1 else str(reason)
            raise type(reason)(message)
    return results


def _inputs(prepared: list[Prepared], images: Sequence[int], bundle: Bundle) -> Inputs:
    if not prepared:
        pixels = np.empty((0, *bundle.input_shape), np.uint8)
    else:
        pixels = np.array([each.digit for each in prepared])
    if pixels.ndim == 3:  # (N, 28, 28)
        pixels = pixels[..., np.newaxis]
    return Inputs(pixels, [each.applied for each in prepared], images, prepared)

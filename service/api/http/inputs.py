"""Parse request bodies into the model's inputs, in every form that clients can send."""

import base64
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from flask import Request
from msgspec import UNSET

from service import preparation
from service.api.http.arrays import from_instances, load_npy
from service.api.http.bodies import IMAGE_TYPES, NPY_TYPE, RAW_TYPES, JsonFields
from service.errors import BodyTooLarge, ImageTooLarge, MalformedRequest, UnsupportedFormat
from service.images.digit.preprocessing import Mode
from service.inputs import Inputs
from service.model.bundle import Bundle
from service.model.engine import Pixels
from service.preparation import Segmentation
from service.settings import Settings

Form = TypeVar("Form", bound=msgspec.Struct)


def read(
    request: Request,
    mode: Mode | None,
    bundle: Bundle,
    settings: Settings,
    segmentation: Segmentation | None = None,
) -> Inputs:
    """Return the model's input for every image that a request holds.

    The default mode is `auto` for images and `none` for arrays.

    Args:
        request: the request.
        mode: of the preprocessing; None for the default.
        bundle: of the requested model.
        settings: the limits.
        segmentation: of images that show several digits; None where each shows one.

    Raises:
        RequestError: the body is invalid.
    """
    kind = request.mimetype
    body = b"" if kind == "multipart/form-data" else request.get_data()
    if not body and kind != "multipart/form-data":
        raise MalformedRequest("The request body is empty; send an image.")
    if kind in RAW_TYPES:
        return from_images([body], mode or "auto", bundle, settings, segmentation)
    if kind == "multipart/form-data":
        _check_parts(request, settings)
        files = [file.read() for file in request.files.getlist("image")]
        if not files:
            raise MalformedRequest("The form has no file field 'image'; send one for each image.")
        return from_images(files, mode or "auto", bundle, settings, segmentation)
    if kind == "application/json":
        return _from_json(body, mode, bundle, settings, segmentation)
    if kind == NPY_TYPE:
        _reject_segmentation(segmentation)
        return from_array(load_npy(body), mode or "none", bundle, settings)
    raise UnsupportedFormat(
        f"Content-Type {kind!r} is not supported; send {', '.join(IMAGE_TYPES)}, "
        f"multipart/form-data, application/json or {NPY_TYPE}."
    )


def from_images(
    files: Sequence[bytes],
    mode: Mode,
    bundle: Bundle,
    settings: Settings,
    segmentation: Segmentation | None = None,
) -> Inputs:
    """Return the inputs of encoded images; check the limit on their number.

    Raises:
        RequestError: there are too many images, or one cannot be decoded or preprocessed.
    """
    _check_count(len(files), settings)
    if segmentation and mode == "none":
        raise MalformedRequest(
            "segment=true and segment=grid cannot be combined with preprocess=none, which treats "
            "an image as one digit; omit one of them."
        )
    return preparation.from_images(
        files, mode, bundle, settings.max_pixels, segmentation=segmentation
    )


def from_array(array: Pixels, mode: Mode, bundle: Bundle, settings: Settings) -> Inputs:
    """Return the inputs of an array; check the limit on the number of images.

    Raises:
        RequestError: there are too many images, or their shape or values do not fit the model.
    """
    batch = preparation.as_batch(array, bundle)
    _check_count(len(batch), settings)
    return preparation.from_batch(batch, mode, bundle)


def read_json(text: bytes, form: type[Form], hint: str) -> Form:
    """Parse a JSON object.

    Args:
        text: JSON.
        form: the required type.
        hint: a sentence for the client on what to send; ends the error message.

    Raises:
        MalformedRequest: the text is not JSON, or not of that type.
    """
    try:
        return msgspec.json.decode(text, type=form)
    # the last two are raised by msgspec for invalid strings and for deep nesting
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"The request body is invalid: {error}. {hint}") from error


def from_base64(text: str) -> bytes:
    """Decode an image from base64 or a data URL.

    Raises:
        MalformedRequest: the text is neither.
    """
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise MalformedRequest(
            f"An image is not base64: {error}. Send base64 or a data URL."
        ) from error


def _from_json(
    raw: bytes,
    mode: Mode | None,
    bundle: Bundle,
    settings: Settings,
    segmentation: Segmentation | None,
) -> Inputs:
    body = read_json(raw, JsonFields, "Send exactly one of image, images and instances.")
    forms = [form for form in (body.image, body.images, body.instances) if form is not UNSET]
    if len(forms) != 1:
        raise MalformedRequest(
            f"The JSON body must have exactly one of image, images and instances, got {len(forms)}."
        )
    if body.instances is not UNSET:
        _reject_segmentation(segmentation)
        array = from_instances(body.instances, body.range)
        return from_array(array, mode or "none", bundle, settings)
    texts = body.images if body.images is not UNSET else [str(body.image)]
    files = [from_base64(text) for text in texts]
    return from_images(files, mode or "auto", bundle, settings, segmentation)


def _reject_segmentation(segmentation: Segmentation | None) -> None:
    if segmentation:
        raise MalformedRequest(
            "segment=true and segment=grid apply to encoded images; an array holds one digit per "
            "image. Omit segment, or send the page as an image file."
        )


def _check_parts(request: Request, settings: Settings) -> None:
    """Refuse a form of too many parts before it is parsed, which takes 40 µs for each part."""
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        return
    parts = request.get_data().count(b"--" + boundary.encode()) - 1  # the last one ends the form
    if parts > settings.max_images + 1:
        raise BodyTooLarge(
            f"The form has {parts:,} parts; the limit is {settings.max_images + 1:,}. Send fewer "
            "images per request."
        )


def _check_count(count: int, settings: Settings) -> None:
    if count > settings.max_images:
        raise ImageTooLarge(
            f"The request has {count:,} images; the limit is {settings.max_images:,}. Send fewer "
            "images per request."
        )

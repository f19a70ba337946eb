"""Request → digits: every form in which a client can send pictures and arrays."""

import base64
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
import numpy as np
from flask import Request
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from service import images, preprocessing, segmentation
from service.api.metrics import phase
from service.bundle import Bundle
from service.engine import Pixels
from service.errors import (
    ImageTooLarge,
    MalformedRequest,
    RequestError,
    UnsupportedFormat,
    WrongShape,
)
from service.settings import Settings

PICTURE_TYPES = (
    *("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff"),
    "application/octet-stream",
)
NPY_TYPE = "application/x-npy"
# what curl says of --data-binary unless told otherwise: the bytes speak for themselves
UNDECLARED_TYPES = ("", "application/x-www-form-urlencoded")
_RAW_TYPES = frozenset((*PICTURE_TYPES, *UNDECLARED_TYPES))
Range = Literal["0-255", "0-1"]
Load: TypeAlias = Callable[[], NDArray[np.uint8]]  # a grey picture, (H, W), once it is needed
Picture = Annotated[
    str,
    Meta(
        description="A picture: base64 or a data URL.",
        extra_json_schema={"format": "base64-picture"},
    ),
]


_ONE = {"maxItems": 1}
Number = Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": 255})]
Instance = list[list[Number | list[Number]]]  # (H, W) or (H, W, C)


class JsonFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of image, images and instances.

    Attributes:
        images: several pictures.
        instances: arrays of the model's input, with or without a single channel's axis.
        range: what the values of instances span.
    """

    image: Picture | UnsetType = UNSET
    images: Annotated[list[Picture], Meta(min_length=1)] | UnsetType = UNSET
    instances: Annotated[list[Instance], Meta(min_length=1)] | UnsetType = UNSET
    range: Range | UnsetType = UNSET


JsonBody = Annotated[
    JsonFields,
    Meta(
        extra_json_schema={
            "oneOf": [
                {"required": ["image"]},
                {"required": ["images"]},
                {"required": ["instances"]},
            ],
            "dependentRequired": {"instances": ["range"]},
        }
    ),
]


class PictureForm(msgspec.Struct):
    """A file field for every picture."""

    image: Annotated[
        list[Annotated[str, Meta(extra_json_schema={"format": "binary"})]], Meta(min_length=1)
    ]


# … and of the routes that take one picture only
OneJsonBody = Annotated[
    JsonBody,
    Meta(extra_json_schema={"properties": {"images": _ONE, "instances": _ONE}}),
]
OnePictureForm = Annotated[PictureForm, Meta(extra_json_schema={"properties": {"image": _ONE}})]
_NPY_HEADERS: dict[Any, Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
BODIES: dict[str, Any] = {
    **dict.fromkeys(PICTURE_TYPES),
    "multipart/form-data": PictureForm,
    "application/json": JsonBody,
    NPY_TYPE: None,
}
ONE_PICTURE = {**BODIES, "multipart/form-data": OnePictureForm, "application/json": OneJsonBody}


@dataclass(frozen=True)
class Inputs:
    """What a request asks about, in its order.

    Attributes:
        pixels: what the model sees: (N, H, W, C), uint8 0–255 or float32 0–1.
        applied: what preprocessing did to each.
        images: index of the picture in the request that each is from.
        prepared: each with its stages; empty for arrays that were taken as they are.
        touching: for each digit of a segmented picture, whether it touches another; else None.
    """

    pixels: Pixels
    applied: list[preprocessing.Applied]
    images: Sequence[int]
    prepared: list[preprocessing.Prepared]
    touching: list[bool] | None = None

    def only_one(self) -> Pixels:
        """The pixels of the only picture, (H, W, C).

        Raises:
            MalformedRequest: there are several.
        """
        if len(self.pixels) != 1:
            raise MalformedRequest(f"This route takes one picture, not {len(self.pixels)}.")
        one: Pixels = self.pixels[0]
        return one

    def only_prepared(self) -> preprocessing.Prepared:
        """The only picture with its stages.

        Raises:
            MalformedRequest: there are several.
        """
        digit = as_bytes(self.only_one())[..., 0]
        untouched = preprocessing.Prepared(digit, preprocessing.UNTOUCHED, lambda: {"digit": digit})
        return self.prepared[0] if self.prepared else untouched


def read(
    request: Request,
    mode: preprocessing.Mode | None,
    bundle: Bundle,
    settings: Settings,
    segment: bool = False,
) -> Inputs:
    """Bring whatever the request holds to the model's input.

    Without a mode, pictures are preprocessed (`auto`) and arrays are taken as they are (`none`).
    With `segment`, every digit of a picture is one of the results.

    Raises:
        RequestError: of the kind that fits.
    """
    kind = request.mimetype
    body = b"" if kind == "multipart/form-data" else request.get_data()
    if not body and kind != "multipart/form-data":
        raise MalformedRequest("The request body is empty; send a picture.")
    if kind in _RAW_TYPES:
        return from_pictures([body], mode or "auto", bundle, settings, segment)
    if kind == "multipart/form-data":
        files = [file.read() for file in request.files.getlist("image")]
        if not files:
            raise MalformedRequest("The form has no file field named 'image'.")
        return from_pictures(files, mode or "auto", bundle, settings, segment)
    if kind == "application/json":
        return _from_json(body, mode, bundle, settings, segment)
    if kind == NPY_TYPE:
        _refuse_segment(segment)
        return from_array(_load_npy(body), mode or "none", bundle, settings)
    raise UnsupportedFormat(
        f"Content-Type {kind!r} is not taken; send {', '.join(PICTURE_TYPES)}, "
        f"multipart/form-data, application/json or {NPY_TYPE}."
    )


def from_pictures(
    files: Sequence[bytes],
    mode: preprocessing.Mode,
    bundle: Bundle,
    settings: Settings,
    segment: bool = False,
) -> Inputs:
    """Encoded pictures to digits; with `segment`, to every digit that each of them shows.

    Raises:
        RequestError: one of them is no picture, too large, or has no digit in it.
    """
    _check_count(len(files), settings)
    if segment and mode == "none":
        raise MalformedRequest("preprocess=none takes a picture as one digit: without segment.")
    pictures = [partial(_decode, file, settings) for file in files]
    return _segment(pictures, bundle) if segment else _prepare(pictures, mode, bundle)


def _refuse_segment(segment: bool) -> None:
    if segment:
        raise MalformedRequest("segment=true finds digits in pictures; an array is one digit each.")


def _decode(file: bytes, settings: Settings) -> NDArray[np.uint8]:
    with phase("decode"):
        return images.decode(file, settings.max_pixels)


def _named(error: RequestError, index: int, count: int) -> RequestError:
    """Of several pictures, an error says which one it is about, counted from 0."""
    return error if count == 1 else type(error)(f"Image {index}: {error}")


def _segment(pictures: Sequence[Load], bundle: Bundle) -> Inputs:
    """Pictures to their digits, picture by picture, left to right."""
    _check_takes_pictures(bundle)
    found = []
    for index, load in enumerate(pictures):
        try:
            picture = load()
            with phase("preprocess"):
                found += [(index, each) for each in segmentation.segment(picture)]
        except RequestError as error:
            raise _named(error, index, len(pictures)) from error
    prepared = [each.prepared for _, each in found]
    touching = [each.touching for _, each in found]
    return _inputs(prepared, [index for index, _ in found], touching)


def _prepare(pictures: Sequence[Load], mode: preprocessing.Mode, bundle: Bundle) -> Inputs:
    """Pictures to digits."""
    _check_takes_pictures(bundle)
    prepared = []
    for index, load in enumerate(pictures):
        try:
            picture = load()
            with phase("preprocess"):
                prepared.append(preprocessing.prepare(picture, mode))
        except RequestError as error:
            raise _named(error, index, len(pictures)) from error
    return _inputs(prepared, range(len(prepared)), None)


def _inputs(
    prepared: list[preprocessing.Prepared], origins: Sequence[int], touching: list[bool] | None
) -> Inputs:
    digits = np.array([each.digit for each in prepared])[..., np.newaxis]  # (N, 28, 28, 1)
    return Inputs(digits, [each.applied for each in prepared], origins, prepared, touching)


def _check_takes_pictures(bundle: Bundle) -> None:
    if bundle.input_shape != (28, 28, 1):
        raise WrongShape(
            f"Model {bundle.name!r} takes arrays of shape {bundle.input_shape}, not pictures; "
            f"send {NPY_TYPE} or JSON instances."
        )


Form = TypeVar("Form", bound=msgspec.Struct)


def read_json(text: bytes, form: type[Form], hint: str) -> Form:
    """The JSON object that a body is.

    Args:
        text: JSON.
        form: what it must look like.
        hint: a sentence about that, for a client whose request does not.

    Raises:
        MalformedRequest: it does not.
    """
    try:
        return msgspec.json.decode(text, type=form)
    # the last two are what msgspec lets pass where strings or nesting are broken
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"The request does not fit: {error}. {hint}") from error


def _from_json(
    raw: bytes,
    mode: preprocessing.Mode | None,
    bundle: Bundle,
    settings: Settings,
    segment: bool,
) -> Inputs:
    body = read_json(raw, JsonFields, "Send one of image, images and instances.")
    given = [form for form in (body.image, body.images, body.instances) if form is not UNSET]
    if len(given) != 1:
        raise MalformedRequest("The JSON body must hold one of image, images and instances.")
    if body.instances is not UNSET:
        _refuse_segment(segment)
        array = _from_instances(body.instances, body.range)
        return from_array(array, mode or "none", bundle, settings)
    texts = body.images if body.images is not UNSET else [str(body.image)]
    pictures = [from_base64(text) for text in texts]
    return from_pictures(pictures, mode or "auto", bundle, settings, segment)


def from_base64(text: str) -> bytes:
    """The bytes of a picture sent as text.

    Raises:
        MalformedRequest: it is neither base64 nor a data URL.
    """
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise MalformedRequest(f"An image is not base64: {error}.") from error


def _from_instances(rows: list[Instance], scale: Range | UnsetType) -> Pixels:
    if scale is UNSET:
        raise MalformedRequest('Instances need "range": "0-255" or "0-1".')
    try:
        array = np.array(rows, np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise MalformedRequest(
            f"Instances are not numbers in rows of one length: {error}."
        ) from error
    if scale == "0-1":
        return array
    whole = np.array_equal(array, np.clip(np.rint(array), 0, 255))
    return array.astype(np.uint8) if whole else array / np.float32(255)


def _load_npy(body: bytes) -> Pixels:
    """A .npy array; `np.load` would reserve whatever memory the header claims to need."""
    file = io.BytesIO(body)
    try:
        shape, fortran, dtype = _NPY_HEADERS[np.lib.format.read_magic(file)](file)
    # a header is Python source: NumPy raises whatever its parser trips over
    except Exception as error:
        raise MalformedRequest("The body is not a .npy array of version 1 or 2.") from error
    data = body[file.tell() :]
    if dtype.hasobject or min(shape, default=1) < 0:
        raise MalformedRequest("The .npy array must hold plain numbers.")
    if dtype != np.uint8 and dtype.kind != "f":
        raise WrongShape(f"The array is {dtype}; send uint8 in 0–255 or float in 0–1.")
    if len(shape) > 4 or not math.prod(shape):
        raise WrongShape(f"The array is {shape}; send one image or several.")
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise MalformedRequest(
            f"{dtype} of shape {shape} is {math.prod(shape) * dtype.itemsize:,} bytes; the .npy "
            f"array has {len(data):,} after its header."
        )
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    if dtype == np.uint8:
        return array.astype(np.uint8, order="C")
    with np.errstate(over="ignore"):  # beyond float32 is beyond 0–1 too, which is checked later
        return array.astype(np.float32, order="C")


def from_array(
    array: Pixels,
    mode: preprocessing.Mode,
    bundle: Bundle,
    settings: Settings,
) -> Inputs:
    """An array of the model's input, or of several, with or without a single channel's axis.

    Args:
        array: (N, H, W, C), (H, W, C), or without C where the model takes one channel; uint8 in
            0–255 or float32 in 0–1.
        mode: "none" to take it as it is.
        bundle: of the model that is asked.
        settings: the limits.

    Raises:
        WrongShape: another shape, or values outside the range.
    """
    shape = bundle.input_shape
    if array.shape in (shape, shape[:2]):
        array = array[np.newaxis]
    if array.ndim == 3 and shape[2] == 1:
        array = array[..., np.newaxis]
    if array.shape[1:] != shape or not len(array):
        raise WrongShape(f"The array is {array.shape}; the model takes (N, {str(shape)[1:-1]}).")
    _check_count(len(array), settings)
    if array.dtype != np.uint8 and not np.all((array >= 0) & (array <= 1)):
        raise WrongShape("The array's values leave 0–1; state the range or send uint8 in 0–255.")
    if mode == "none":
        applied = [preprocessing.UNTOUCHED] * len(array)
        return Inputs(array, applied, range(len(array)), [])
    digits = [partial(np.squeeze, digit, -1) for digit in as_bytes(array)]
    return _prepare(digits, mode, bundle)


def as_bytes(pixels: Pixels) -> NDArray[np.uint8]:
    """Pixels of any shape as uint8 0–255: what can be drawn and covered."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return np.rint(pixels * 255).astype(np.uint8)


def _check_count(count: int, settings: Settings) -> None:
    if count > settings.max_images:
        raise ImageTooLarge(
            f"{count:,} pictures in one request; this service takes {settings.max_images:,}."
        )

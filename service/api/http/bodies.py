"""Define the forms of request bodies with images, for the parser and for OpenAPI."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

IMAGE_TYPES = (
    *("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff"),
    "application/octet-stream",
)
NPY_TYPE = "application/x-npy"
# curl's --data-binary sends these without an explicit type; the image's signature decides
UNDECLARED_TYPES = ("", "application/x-www-form-urlencoded")
RAW_TYPES = frozenset((*IMAGE_TYPES, *UNDECLARED_TYPES))
Range = Literal["0-255", "0-1"]
EncodedImage = Annotated[
    str,
    Meta(
        description="An encoded image: base64 or a data URL.",
        extra_json_schema={"format": "base64-picture"},
    ),
]

_ONE = {"maxItems": 1}
Number = Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": 255})]
Instance = list[list[Number | list[Number]]]  # (H, W) or (H, W, C)


class JsonFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of image, images and instances.

    Attributes:
        images: several encoded images.
        instances: arrays of the model's input shape; a single channel may be left out.
        range: the range of the values of instances.
    """

    image: EncodedImage | UnsetType = UNSET
    images: Annotated[list[EncodedImage], Meta(min_length=1)] | UnsetType = UNSET
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


class ImageForm(msgspec.Struct):
    """A file field for each image."""

    image: Annotated[
        list[Annotated[str, Meta(extra_json_schema={"format": "binary"})]], Meta(min_length=1)
    ]


# for the routes that take exactly one image
OneJsonBody = Annotated[
    JsonBody,
    Meta(extra_json_schema={"properties": {"images": _ONE, "instances": _ONE}}),
]
OneImageForm = Annotated[ImageForm, Meta(extra_json_schema={"properties": {"image": _ONE}})]
BODIES: dict[str, Any] = {
    **dict.fromkeys(IMAGE_TYPES),
    "multipart/form-data": ImageForm,
    "application/json": JsonBody,
    NPY_TYPE: None,
}
ONE_IMAGE = {**BODIES, "multipart/form-data": OneImageForm, "application/json": OneJsonBody}

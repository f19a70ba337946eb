"""The forms of request bodies that hold images: for the parser and for OpenAPI alike."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

PICTURE_TYPES = (
    *("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff"),
    "application/octet-stream",
)
NPY_TYPE = "application/x-npy"
# what curl sends with --data-binary unless a type is stated: the first bytes decide
UNDECLARED_TYPES = ("", "application/x-www-form-urlencoded")
RAW_TYPES = frozenset((*PICTURE_TYPES, *UNDECLARED_TYPES))
Range = Literal["0-255", "0-1"]
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
BODIES: dict[str, Any] = {
    **dict.fromkeys(PICTURE_TYPES),
    "multipart/form-data": PictureForm,
    "application/json": JsonBody,
    NPY_TYPE: None,
}
ONE_PICTURE = {**BODIES, "multipart/form-data": OnePictureForm, "application/json": OneJsonBody}

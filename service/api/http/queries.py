"""Query parameters: one struct a route says what they are, for the parser and for OpenAPI alike."""

from functools import lru_cache
from typing import Annotated, Literal, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from flask import Request
from msgspec import Meta

from service.errors import MalformedRequest
from service.images.digit.preprocessing import Mode
from service.model.bundle import Stage
from service.model.occlusion import DEFAULT_FILL, DEFAULT_PATCH, DEFAULT_STRIDE

Format = Literal["json", "npz", "safetensors", "png"]
Dtype = Literal["float32", "float16", "uint8"]
PictureStage = Literal["grey", "ink", "mask", "cropped", "resized", "digit"]

ModelName = Annotated[str, Meta(description="Name of the model; the default one without it.")]
Version = Annotated[
    int,
    Meta(ge=1, le=2**31 - 1, description="Version of the model; the loaded one without it."),
]
Preprocess = Annotated[
    Mode,
    Meta(
        description="auto: a true 28 × 28 MNIST digit is left alone, anything else is drawn again "
        "as MNIST would have (default for pictures). mnist: always draw again. none: take the "
        "pixels as they are (default for arrays)."
    ),
]
TopK = Annotated[int, Meta(ge=1, le=2**31 - 1, description="Keep the likeliest classes only.")]
Layers = Annotated[
    str,
    Meta(description="Names separated by commas; conv: every convolution layer; all: every layer."),
]
Channels = Annotated[
    str,
    Meta(
        description="Channels (of a flat layer, units) such as 0-7,12; all without it.",
        # what stands before $ keeps Python from overlooking a line's end there
        pattern=r"^[0-9]{1,6}(-[0-9]{1,6})?(,[0-9]{1,6}(-[0-9]{1,6})?)*(?!\n)$",
    ),
]
StageOf = Annotated[Stage, Meta(description="Before or after the activation function.")]
FORMAT_MEANS = "Form of the answer; overrides Accept."
FormatOf = Annotated[Format, Meta(description=FORMAT_MEANS)]
PictureFormatOf = Annotated[Literal["json", "png"], Meta(description=FORMAT_MEANS)]
Segment = Annotated[
    bool, Meta(description="Find every digit of a picture, left to right; one prediction each.")
]
Scale = Annotated[
    Literal["layer", "map"], Meta(description="What a PNG's colours span: a layer or each map.")
]
DtypeOf = Annotated[
    Dtype,
    Meta(
        description="Number type of the values. uint8 spans each layer's `low` to `high`: "
        "value = low + (high - low) · byte / 255."
    ),
]


class ModelQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model answers."""

    model: ModelName | None = None
    version: Version | None = None


class PictureQuery(ModelQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How pictures are brought to the model's input."""

    preprocess: Preprocess | None = None


class PredictQuery(PictureQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /predict."""

    top_k: TopK | None = None
    segment: Segment = False


class ActivationsQuery(PictureQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /activations."""

    layers: Layers = "conv"
    channels: Channels | None = None
    stage: StageOf = "post"
    format: FormatOf | None = None
    dtype: DtypeOf = "float32"
    scale: Scale = "layer"


class ExplainQuery(PictureQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /explain."""

    layer: Annotated[str, Meta(description="Name of the cell's layer.")]
    channel: Annotated[int, Meta(ge=0, lt=2**31, description="Its channel; of a flat layer: unit.")]
    row: Annotated[int, Meta(ge=0, lt=2**31, description="Its row.")] | None = None
    column: Annotated[int, Meta(ge=0, lt=2**31, description="Its column.")] | None = None
    top: (
        Annotated[int, Meta(ge=1, lt=2**31, description="List a dense unit's largest terms only.")]
        | None
    ) = None


class OcclusionQuery(PictureQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /occlusion."""

    patch: Annotated[int, Meta(ge=1, le=28, description="Side of the cover, pixels.")] = (
        DEFAULT_PATCH
    )
    stride: Annotated[int, Meta(ge=1, le=28, description="From place to place, pixels.")] = (
        DEFAULT_STRIDE
    )
    fill: Annotated[int, Meta(ge=0, le=255, description="What to cover with.")] = DEFAULT_FILL
    format: PictureFormatOf | None = None


class PreprocessQuery(PictureQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /preprocess."""

    format: PictureFormatOf | None = None
    stage: Annotated[PictureStage, Meta(description="Which picture a PNG shows.")] = "digit"


class WeightsQuery(ModelQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """GET /model/weights."""

    format: (
        Annotated[Literal["json", "npz", "safetensors"], Meta(description=FORMAT_MEANS)] | None
    ) = None


Query = TypeVar("Query", bound=ModelQuery)
_LONGEST_CACHED = 200  # characters of a query that is kept with what it means


def read(request: Request, kind: type[Query]) -> Query:
    """Return the request's query parameters, checked.

    Raises:
        MalformedRequest: one is unknown, or has a value that does not fit; names it and what would.
    """
    query = request.environ.get("QUERY_STRING", "")
    parse = _parse if len(query) <= _LONGEST_CACHED else _parse.__wrapped__
    return cast(Query, parse(query, kind))


@lru_cache(maxsize=512)  # most clients ask for the same again and again
def _parse(text: str, kind: type[ModelQuery]) -> ModelQuery:
    given = parse_qsl(text, keep_blank_values=True, errors="werkzeug.url_quote")
    values = dict(given)
    for name in values:
        count = sum(name == other for other, _ in given)
        if count > 1:
            raise MalformedRequest(f"{name}= is given {count} times; give it once.")
    try:
        query = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        name = path.strip("`$.")
        if not name:
            there = ", ".join(kind.__struct_fields__)
            raise MalformedRequest(f"{reason} in the query; this route takes {there}.") from error
        raise _misfit(values[name], kind, name) from error
    for name, value in values.items():
        if getattr(query, name) is None:  # msgspec takes the word null for it
            raise _misfit(value, kind, name)
    return query


def _misfit(value: str, kind: type[ModelQuery], name: str) -> MalformedRequest:
    return MalformedRequest(f"{name}={value!r} does not fit: it must be {_expected(kind, name)}.")


def _expected(kind: type[ModelQuery], name: str) -> str:
    """What a parameter takes, in words, from its type."""
    schema = msgspec.json.schema_components([kind])[1][kind.__name__]["properties"][name]
    for option in (schema, *schema.get("anyOf", ())):
        if "enum" in option:
            return f"one of {', '.join(option['enum'])}"
        if "minimum" in option:
            return f"a whole number from {option['minimum']}"
        if "pattern" in option:
            return "numbers and ranges such as 0-7,12"
    return f"of type {schema.get('type')}"

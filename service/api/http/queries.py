"""Define and parse query parameters: one struct per route, also used for OpenAPI."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from flask import Request
from msgspec import Meta

from service.errors import MalformedRequest
from service.images.digit.preprocessing import Mode
from service.model.layer import Stage

Format = Literal["json", "npz", "safetensors", "png"]
Dtype = Literal["float32", "float16", "uint8"]
PreprocessingStage = Literal["grey", "ink", "removed", "mask", "cropped", "resized", "digit"]

ModelName = Annotated[str, Meta(description="Name of the model; by default the default model.")]
Version = Annotated[
    int,
    Meta(ge=1, le=2**31 - 1, description="Version of the model; by default the newest version."),
]
Preprocess = Annotated[
    Mode,
    Meta(
        description="auto: normalise images to MNIST's format, except true 28 × 28 MNIST digits "
        "(default for images). mnist: always normalise. none: use the pixels unchanged (default "
        "for arrays)."
    ),
]
TopK = Annotated[
    int, Meta(ge=1, le=2**31 - 1, description="Return only the most probable classes.")
]
Layers = Annotated[
    str,
    Meta(description="Layer names separated by commas; conv: all convolutions; all: every layer."),
]
Channels = Annotated[
    str,
    Meta(
        description="Channels (units of a flat layer) such as 0-7,12; by default all.",
        # (?!\n) because $ also matches before a final newline in Python
        pattern=r"^[0-9]{1,6}(-[0-9]{1,6})?(,[0-9]{1,6}(-[0-9]{1,6})?)*(?!\n)$",
    ),
]
StageOf = Annotated[Stage, Meta(description="Before or after the activation function.")]
_FORMAT = "Format of the response; overrides Accept."
FormatOf = Annotated[Format, Meta(description=_FORMAT)]
ImageFormatOf = Annotated[Literal["json", "png"], Meta(description=_FORMAT)]
Segment = Annotated[
    bool | Literal["grid"],
    Meta(
        description="true: return a prediction for each digit of an image, in reading order. "
        "grid: for each cell of the grid in an image, row by row, empty ones included."
    ),
]
Details = Annotated[
    bool,
    Meta(
        description="Whether `preprocessing` in a JSON response also has `scale`, `shift`, "
        "`threshold` and `stroke`, and a segment its `digit`."
    ),
]
Scale = Annotated[
    Literal["layer", "map"],
    Meta(description="Range of a PNG's colours: of the layer, or of each map."),
]
Order = Annotated[
    Literal["channel", "strongest"],
    Meta(
        description="Order of the tiles: of the channels, or those with the largest mean magnitude "
        "first."
    ),
]
TileLimit = Annotated[
    int,
    Meta(
        ge=1,
        le=1024,
        description="The most tiles on a page; by default 64 maps or 1,024 units, which a page "
        "never exceeds.",
    ),
]
Patch = Annotated[
    int,
    Meta(
        ge=1,
        lt=2**31,
        description="Side of the occluding patch, pixels of the model's input, at most its shorter "
        "side; by default 6/28 of that side.",
    ),
]
Stride = Annotated[
    int,
    Meta(
        ge=1,
        lt=2**31,
        description="Step between two positions, pixels, at most the patch; by default a third of "
        "the default patch.",
    ),
]
Fill = Annotated[
    int,
    Meta(
        ge=0,
        le=255,
        description="Value of the patch in every channel; by default 0 for digits, which is their "
        "background, and 128, mid grey, for other images.",
    ),
]
Row = Annotated[
    int,
    Meta(
        ge=0,
        lt=2**31,
        description="Row of the cell, or its place in a layer of two axes, such as tokens; none in "
        "a flat layer.",
    ),
]
Column = Annotated[
    int,
    Meta(
        ge=0,
        lt=2**31,
        description="Column of the cell; only in layers with rows, columns and channels.",
    ),
]
Top = Annotated[
    int,
    Meta(
        ge=1,
        lt=2**31,
        description="List only the terms with the largest contributions, of a convolution or a "
        "dense layer; `rest` is the sum of the others. By default all.",
    ),
]
DtypeOf = Annotated[
    Dtype,
    Meta(
        description="Data type of the values. uint8 is scaled from each layer's `low` to `high`: "
        "value = low + (high - low) · byte / 255."
    ),
]


class ModelQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model to use."""

    model: ModelName | None = None
    version: Version | None = None


class ImageQuery(ModelQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model to use and the preprocessing of images."""

    preprocess: Preprocess | None = None


class PredictionQuery(ImageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The images, and how detailed the predictions are."""

    details: Details = False


class PredictQuery(PredictionQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /predict."""

    top_k: TopK | None = None
    segment: Segment = False


class ActivationsQuery(PredictionQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /activations."""

    layers: Layers = "conv"
    channels: Channels | None = None
    stage: StageOf = "post"
    format: FormatOf | None = None
    dtype: DtypeOf = "float32"
    scale: Scale = "layer"


class ExplainQuery(PredictionQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /explain."""

    layer: Annotated[str, Meta(description="Layer of the cell.")]
    channel: Annotated[int, Meta(ge=0, lt=2**31, description="Channel (unit of a flat layer).")]
    row: Row | None = None
    column: Column | None = None
    top: Top | None = None


class AtlasQuery(ImageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /atlas."""

    layer: Annotated[str, Meta(description="Layer to draw.")]
    stage: StageOf = "post"
    page: Annotated[int, Meta(ge=0, lt=2**31, description="Page of the layer's channels.")] = 0
    scale: Scale = "layer"
    order: Order = "channel"
    limit: TileLimit | None = None
    format: ImageFormatOf | None = None


class OcclusionQuery(ImageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /occlusion."""

    patch: Patch | None = None
    stride: Stride | None = None
    fill: Fill | None = None
    format: ImageFormatOf | None = None


class PreprocessQuery(ImageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /preprocess."""

    format: ImageFormatOf | None = None
    stage: Annotated[PreprocessingStage, Meta(description="Stage shown by a PNG.")] = "digit"


class WeightsQuery(ModelQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """GET /model/weights."""

    format: Annotated[Literal["json", "npz", "safetensors"], Meta(description=_FORMAT)] | None = (
        None
    )


class ThumbnailsQuery(ModelQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """GET /model/map/thumbnails."""

    chunk: Annotated[int, Meta(ge=0, lt=2**31, description="Index of the chunk of digits.")] = 0


Query = TypeVar("Query", bound=ModelQuery)
_MAX_CACHED = 200  # characters; longer queries are not cached


def read(request: Request, kind: type[Query]) -> Query:
    """Parse and validate the request's query parameters.

    Raises:
        MalformedRequest: a parameter is unknown, repeated or invalid; states what is allowed.
    """
    query = request.environ.get("QUERY_STRING", "")
    parse = _parse if len(query) <= _MAX_CACHED else _parse.__wrapped__
    return cast(Query, parse(query, kind))


@lru_cache(maxsize=512)  # most clients repeat the same query
def _parse(text: str, kind: type[ModelQuery]) -> ModelQuery:
    pairs = parse_qsl(text, keep_blank_values=True, errors="werkzeug.url_quote")
    values = dict(pairs)
    for name in values:
        count = sum(name == other for other, _ in pairs)
        if count > 1:
            raise MalformedRequest(f"{name} occurs {count} times in the query; send it once.")
    try:
        query = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        name = path.strip("`$.")
        if not name:
            names = ", ".join(kind.__struct_fields__)
            raise MalformedRequest(f"{reason} in the query; this route takes {names}.") from error
        raise _invalid(values[name], kind, name) from error
    for name, value in values.items():
        if getattr(query, name) is None:  # msgspec converts the text null to None
            raise _invalid(value, kind, name)
    return query


def _invalid(value: str, kind: type[ModelQuery], name: str) -> MalformedRequest:
    return MalformedRequest(f"{name} must be {_allowed(kind, name)}, got {value!r}.")


def _allowed(kind: type[ModelQuery], name: str) -> str:
    """Describe the values that a parameter allows, from its type."""
    schema = msgspec.json.schema_components([kind])[1][kind.__name__]["properties"][name]
    options = [schema, *schema.get("anyOf", ())]
    values = [value for option in options for value in _values(option)]
    if values:
        return f"one of {', '.join(values)}"
    for option in options:
        if "minimum" in option:
            highest = f" to {option['maximum']}" if "maximum" in option else ""
            return f"a whole number from {option['minimum']}{highest}"
        if "pattern" in option:
            return "numbers and ranges such as 0-7,12"
    return f"of type {schema.get('type')}"


def _values(schema: dict[str, Any]) -> Sequence[str]:
    """Return the values that a schema lists; none where it does not list them."""
    if schema.get("type") == "boolean":
        return "true", "false"
    values: Sequence[str] = schema.get("enum", ())
    return values

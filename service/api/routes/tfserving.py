"""Serve TensorFlow Serving's REST API: status, metadata, :predict in row and column format."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypedDict, cast

import msgspec
import numpy as np
from flask import Blueprint, Response
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray
from werkzeug.routing import BaseConverter

from service.api.http import execution, formats, inputs
from service.api.http.arrays import numbers
from service.api.http.describe import IMAGE_ERRORS, Operation, describe
from service.api.http.selections import Selection
from service.api.routes import protocols
from service.errors import MalformedRequest, ModelUnavailable, UnknownModel, WrongShape
from service.inputs import Inputs
from service.model.bundle import Bundle
from service.model.engine import Pixels
from service.model.registry import Models
from service.model.versions import Version
from service.settings import Settings

JSON = "application/json"
DEFAULT_SIGNATURE = "serving_default"
_HINT = (
    'Send either "instances", a list of images, or "inputs", a list of images or {"image": a list '
    "of images}."
)


_NUMBER = {"type": "number", "minimum": 0, "maximum": 255}
_PIXELS = {
    "description": "Rows of pixels; with several channels, each pixel is a list.",
    "type": "array",
    "items": {
        "type": "array",
        "items": {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER}]},
    },
}
_ENCODED = {
    "description": "An encoded image in base64.",
    "type": "object",
    "properties": {"b64": {"type": "string", "format": "base64-picture"}},
    "required": ["b64"],
    "additionalProperties": False,
}
_IMAGE: dict[str, Any] = {"anyOf": [_PIXELS, _ENCODED]}
_IMAGES = {"type": "array", "items": _IMAGE, "minItems": 1}


def _named_input(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {protocols.INPUT: schema},
        "required": [protocols.INPUT],
        "additionalProperties": False,
    }


class PredictFields(msgspec.Struct, frozen=True):
    """Either instances (row format) or inputs (column format).

    Attributes:
        signature_name: serving_default returns the probabilities, activations every layer's values.
    """

    signature_name: (
        Annotated[str, Meta(extra_json_schema={"enum": [DEFAULT_SIGNATURE, "activations"]})] | None
    ) = None
    instances: (
        Annotated[
            list[Annotated[Any, Meta(extra_json_schema={"anyOf": [_IMAGE, _named_input(_IMAGE)]})]],
            Meta(extra_json_schema={"minItems": 1}),
        ]
        | UnsetType
    ) = UNSET
    inputs: (
        Annotated[Any, Meta(extra_json_schema={"anyOf": [_IMAGES, _named_input(_IMAGES)]})]
        | UnsetType
    ) = UNSET


PredictRequest = Annotated[
    PredictFields,
    Meta(extra_json_schema={"oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}]}),
]


class VersionStatus(TypedDict):
    """The state of a model's version; END where its last load failed."""

    version: str
    state: Literal["AVAILABLE", "END"]
    status: dict[str, str]


class StatusAnswer(TypedDict):
    """The versions of a model, highest first."""

    model_version_status: list[VersionStatus]


class SignaturesAnswer(TypedDict):
    """The inputs and outputs of a model's signatures."""

    model_spec: dict[str, str]
    metadata: dict[str, Any]


class OutputsAnswer(TypedDict, total=False):
    """A row for each image (predictions), or an array for each output (outputs)."""

    predictions: Annotated[Any, Meta(extra_json_schema={"type": "array"})]
    outputs: Annotated[Any, Meta(extra_json_schema={"type": ["array", "object"]})]


class _Name(BaseConverter):
    """Match a model's name; exclude the `:predict` of another route."""

    regex = "[^/:]+"
    part_isolating = True


def blueprint(models: Models, settings: Settings) -> Blueprint:
    """Build the routes for the models."""
    api = Blueprint("tfserving", __name__)
    api.record_once(lambda state: state.app.url_map.converters.update(default=_Name))

    @api.get("/v1/models/<name>")
    @api.get("/v1/models/<name>/versions/<int:version>")
    @describe(Operation(answers={JSON: StatusAnswer}, problems=[UnknownModel]))
    def status(name: str, version: int | None = None) -> Response:
        """Return the status of every version, or of the stated one."""
        found = models.find(name, version)
        versions = [found] if version is not None else models.versions().get(name, [])
        return formats.json(StatusAnswer(model_version_status=list(map(_status, versions))))

    @api.get("/v1/models/<name>/metadata")
    @api.get("/v1/models/<name>/versions/<int:version>/metadata")
    @describe(
        Operation(answers={JSON: SignaturesAnswer}, problems=[UnknownModel, ModelUnavailable])
    )
    def metadata(name: str, version: int | None = None) -> Response:
        """Return the inputs and outputs of each signature."""
        return formats.json(_metadata(models.get(name, version).bundle))

    @api.post("/v1/models/<name>:predict")
    @api.post("/v1/models/<name>/versions/<int:version>:predict")
    @describe(
        Operation(answers={JSON: OutputsAnswer}, body={JSON: PredictRequest}, problems=IMAGE_ERRORS)
    )
    def predict(name: str, version: int | None = None) -> Response:
        """Return the signature's outputs for each image."""
        model = execution.choose(models, name, version)
        fields = inputs.read_json(protocols.read_body(settings), PredictFields, _HINT)
        outputs = _signature(fields, model.bundle)
        in_rows, values = _images(fields)
        batch = _read_images(values, model.bundle, settings)
        return formats.json(_answer(protocols.run(model, batch, outputs, settings), in_rows))

    return api


def _status(version: Version) -> VersionStatus:
    is_failed = version.state == "failed"
    return VersionStatus(
        version=str(version.number),
        state="END" if is_failed else "AVAILABLE",
        status={
            "error_code": "UNAVAILABLE" if is_failed else "OK",
            "error_message": "The bundle cannot be loaded." if is_failed else "",
        },
    )


def _answer(arrays: dict[str, NDArray[np.float32]], in_rows: bool) -> OutputsAnswer:
    if len(arrays) == 1:  # a single output has no name in either format
        (array,) = arrays.values()
        return OutputsAnswer(predictions=array) if in_rows else OutputsAnswer(outputs=array)
    if not in_rows:
        return OutputsAnswer(outputs=arrays)
    count = len(next(iter(arrays.values())))
    return OutputsAnswer(
        predictions=[
            {name: array[index] for name, array in arrays.items()} for index in range(count)
        ]
    )


def _signatures(bundle: Bundle) -> dict[str, dict[str, Selection]]:
    """Return the outputs of each signature by name."""
    named = protocols.named_outputs(bundle)
    return {
        DEFAULT_SIGNATURE: {protocols.DEFAULT_OUTPUT: named[protocols.DEFAULT_OUTPUT]},
        "activations": {name: each for name, each in named.items() if each.stage == "post"},
    }


def _signature(fields: PredictFields, bundle: Bundle) -> dict[str, Selection]:
    name = fields.signature_name or DEFAULT_SIGNATURE
    signatures = _signatures(bundle)
    if name not in signatures:
        raise MalformedRequest(
            f"The model has no signature {name!r}. Signatures: {', '.join(signatures)}."
        )
    return signatures[name]


def _metadata(bundle: Bundle) -> SignaturesAnswer:
    signatures = {
        signature: {
            "inputs": {protocols.INPUT: _tensor(protocols.INPUT, bundle.input_shape)},
            "outputs": {
                name: _tensor(name, each.layer.output_shape) for name, each in named.items()
            },
            "method_name": "tensorflow/serving/predict",
        }
        for signature, named in _signatures(bundle).items()
    }
    return SignaturesAnswer(
        model_spec={"name": bundle.name, "signature_name": "", "version": str(bundle.version)},
        metadata={"signature_def": {"signature_def": signatures}},
    )


def _tensor(name: str, shape: Iterable[int]) -> dict[str, Any]:
    """Describe a float tensor with any number of rows in protobuf's JSON (int64 as strings)."""
    sides = [{"size": str(side), "name": ""} for side in (-1, *shape)]
    return {
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": sides, "unknown_rank": False},
        "name": f"{name}:0",
    }


def _images(fields: PredictFields) -> tuple[bool, list[Any]]:
    """Return whether the request is in row format, and the value of each image."""
    in_rows = fields.instances is not UNSET
    values = fields.instances if in_rows else _unnamed(fields.inputs)
    if in_rows == (fields.inputs is not UNSET) or not isinstance(values, list) or not values:
        raise MalformedRequest(f"The request body is invalid. {_HINT}")
    return in_rows, [_unnamed(value) for value in values] if in_rows else values


def _unnamed(value: Any) -> Any:
    """Return a value without the input's name around it."""
    match value:
        case {protocols.INPUT: inner, **others} if not others:
            return inner
    return value


def _read_images(values: list[Any], bundle: Bundle, settings: Settings) -> Inputs:
    """Return the model's inputs from encoded images or numbers."""
    if not any(isinstance(value, dict) for value in values):
        return inputs.from_array(_pixels(values), "none", bundle, settings)
    files = [_file(value) for value in values]
    return inputs.from_images(files, "auto", bundle, settings)


def _file(value: Any) -> bytes:
    match value:
        case {"b64": str(text), **others} if not others:
            return inputs.from_base64(text)
    raise MalformedRequest(
        f'An image must be numbers, {{"b64": "<base64 of an image>"}}, or {{"{protocols.INPUT}": '
        "one of these}; all images of a request must have the same kind."
    )


def _pixels(values: list[Any]) -> Pixels:
    """Convert numbers in 0–1, or whole numbers of which any exceeds 1 in 0–255.

    The range is decided for the whole request, so that a faint digit among others keeps its range.
    """
    array = numbers(values)
    low, high = array.min(initial=0), array.max(initial=0)
    if array.dtype.kind in "iu" and low >= 0 and 1 < high <= 255:
        return array.astype(np.uint8)
    if not (low >= 0 and high <= 1):
        raise WrongShape(
            f"Numbers must be in 0–1, or all whole and in 0–255; got values from {low} to {high}."
        )
    return cast(Pixels, array.astype(np.float32))

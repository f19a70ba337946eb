"""TensorFlow Serving's REST API: status, metadata, and :predict in row and column format."""

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
from service.api.http.describe import PICTURE_ERRORS, Operation, describe
from service.api.http.selections import Selection
from service.api.routes import protocols
from service.errors import MalformedRequest, UnknownModel, WrongShape
from service.inference import Inputs
from service.model.bundle import Bundle
from service.model.engine import Pixels
from service.model.registry import Models
from service.settings import Settings

JSON = "application/json"
DEFAULT_SIGNATURE = "serving_default"
_HINT = (
    'Send either "instances", a list with one image each, or "inputs", such a list or {"image": '
    "such a list}."
)


_NUMBER = {"type": "number", "minimum": 0, "maximum": 255}
_PIXELS = {
    "description": "Rows of pixels; where the model takes several channels, of these.",
    "type": "array",
    "items": {
        "type": "array",
        "items": {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER}]},
    },
}
_ENCODED = {
    "description": "A picture in base64.",
    "type": "object",
    "properties": {"b64": {"type": "string", "format": "base64-picture"}},
    "required": ["b64"],
    "additionalProperties": False,
}
_IMAGE: dict[str, Any] = {"anyOf": [_PIXELS, _ENCODED]}
_IMAGES = {"type": "array", "items": _IMAGE, "minItems": 1}


def _under_its_name(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {protocols.INPUT: schema},
        "required": [protocols.INPUT],
        "additionalProperties": False,
    }


class PredictFields(msgspec.Struct, frozen=True):
    """Either instances, a row for each image, or inputs, all images of the one input.

    Attributes:
        signature_name: what is answered: the probabilities, or with them every layer's values.
    """

    signature_name: (
        Annotated[str, Meta(extra_json_schema={"enum": [DEFAULT_SIGNATURE, "activations"]})] | None
    ) = None
    instances: (
        Annotated[
            list[
                Annotated[Any, Meta(extra_json_schema={"anyOf": [_IMAGE, _under_its_name(_IMAGE)]})]
            ],
            Meta(extra_json_schema={"minItems": 1}),
        ]
        | UnsetType
    ) = UNSET
    inputs: (
        Annotated[Any, Meta(extra_json_schema={"anyOf": [_IMAGES, _under_its_name(_IMAGES)]})]
        | UnsetType
    ) = UNSET


PredictRequest = Annotated[
    PredictFields,
    Meta(extra_json_schema={"oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}]}),
]


class VersionStatus(TypedDict):
    """One version of a model."""

    version: str
    state: Literal["AVAILABLE"]
    status: dict[str, str]


class StatusAnswer(TypedDict):
    """Which versions of a model are loaded."""

    model_version_status: list[VersionStatus]


class SignaturesAnswer(TypedDict):
    """What a model's signatures take and answer."""

    model_spec: dict[str, str]
    metadata: dict[str, Any]


class OutputsAnswer(TypedDict, total=False):
    """A row for each image (predictions), or each output whole (outputs)."""

    predictions: Annotated[Any, Meta(extra_json_schema={"type": "array"})]
    outputs: Annotated[Any, Meta(extra_json_schema={"type": ["array", "object"]})]


class _Name(BaseConverter):
    """What `<name>` matches: never the `:predict` of another route."""

    regex = "[^/:]+"
    part_isolating = True


def blueprint(models: Models, settings: Settings) -> Blueprint:
    """The routes, bound to the loaded models."""
    api = Blueprint("tfserving", __name__)
    api.record_once(lambda state: state.app.url_map.converters.update(default=_Name))

    @api.get("/v1/models/<name>")
    @api.get("/v1/models/<name>/versions/<int:version>")
    @describe(Operation(answers={JSON: StatusAnswer}, problems=[UnknownModel]))
    def status(name: str, version: int | None = None) -> Response:
        """Which version of the model is loaded (else there is no app)."""
        loaded = VersionStatus(
            version=str(models.get(name, version).bundle.version),
            state="AVAILABLE",
            status={"error_code": "OK", "error_message": ""},
        )
        return formats.json(StatusAnswer(model_version_status=[loaded]))

    @api.get("/v1/models/<name>/metadata")
    @api.get("/v1/models/<name>/versions/<int:version>/metadata")
    @describe(Operation(answers={JSON: SignaturesAnswer}, problems=[UnknownModel]))
    def metadata(name: str, version: int | None = None) -> Response:
        """The signatures: what each takes and answers."""
        return formats.json(_metadata(models.get(name, version).bundle))

    @api.post("/v1/models/<name>:predict")
    @api.post("/v1/models/<name>/versions/<int:version>:predict")
    @describe(
        Operation(
            answers={JSON: OutputsAnswer}, body={JSON: PredictRequest}, problems=PICTURE_ERRORS
        )
    )
    def predict(name: str, version: int | None = None) -> Response:
        """The signature's outputs, of every image sent."""
        model = execution.choose(models, name, version)
        asked = inputs.read_json(protocols.read_body(settings), PredictFields, _HINT)
        wanted = _signature(asked, model.bundle)
        in_rows, values = _images(asked)
        sent = _read_images(values, model.bundle, settings)
        return formats.json(_answer(protocols.run(model, sent, wanted, settings), in_rows))

    return api


def _answer(arrays: dict[str, NDArray[np.float32]], in_rows: bool) -> OutputsAnswer:
    if len(arrays) == 1:  # a lone output goes without its name in either format
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
    """By signature, its outputs: the answer alone, or every layer's values with it."""
    named = protocols.named_outputs(bundle)
    return {
        DEFAULT_SIGNATURE: {protocols.DEFAULT_OUTPUT: named[protocols.DEFAULT_OUTPUT]},
        "activations": {name: each for name, each in named.items() if each.stage == "post"},
    }


def _signature(asked: PredictFields, bundle: Bundle) -> dict[str, Selection]:
    name = asked.signature_name or DEFAULT_SIGNATURE
    signatures = _signatures(bundle)
    if name not in signatures:
        raise MalformedRequest(
            f"There is no signature {name!r}. Signatures: {', '.join(signatures)}."
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
    """A float tensor with any number of rows, as protobuf's JSON tells it (int64 as strings)."""
    sides = [{"size": str(side), "name": ""} for side in (-1, *shape)]
    return {
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": sides, "unknown_rank": False},
        "name": f"{name}:0",
    }


def _images(asked: PredictFields) -> tuple[bool, list[Any]]:
    """Whether the request is in row format, and what it holds for each image."""
    in_rows = asked.instances is not UNSET
    values = asked.instances if in_rows else _unnamed(asked.inputs)
    if in_rows == (asked.inputs is not UNSET) or not isinstance(values, list) or not values:
        raise MalformedRequest(f"The request does not fit. {_HINT}")
    return in_rows, [_unnamed(value) for value in values] if in_rows else values


def _unnamed(value: Any) -> Any:
    """The value itself, where it stands under the input's name."""
    match value:
        case {protocols.INPUT: inner, **others} if not others:
            return inner
    return value


def _read_images(values: list[Any], bundle: Bundle, settings: Settings) -> Inputs:
    """Encoded pictures, or numbers."""
    if not any(isinstance(value, dict) for value in values):
        return inputs.from_array(_pixels(values), "none", bundle, settings)
    files = [_file(value) for value in values]
    return inputs.from_images(files, "auto", bundle, settings)


def _file(value: Any) -> bytes:
    match value:
        case {"b64": str(text), **others} if not others:
            return inputs.from_base64(text)
    raise MalformedRequest(
        f'An image must be numbers, {{"b64": "<base64 of a picture>"}}, or {{"{protocols.INPUT}": '
        "one of these}; all of one request of the same kind."
    )


def _pixels(values: list[Any]) -> Pixels:
    """Numbers as the model takes them, 0–1; whole numbers that go beyond 1 are 0–255.

    The whole request decides, so that one faint digit among others is not taken for another range.
    """
    array = numbers(values)
    least, most = array.min(initial=0), array.max(initial=0)
    if array.dtype.kind in "iu" and least >= 0 and 1 < most <= 255:
        return array.astype(np.uint8)
    if not (least >= 0 and most <= 1):
        raise WrongShape(
            "Numbers must be in 0–1, as the model takes them, or all of them whole and in 0–255."
        )
    return cast(Pixels, array.astype(np.float32))

"""Serve the Open Inference Protocol V2 over REST, for clients of KServe and Triton.

The binary tensor data extension is supported; Triton's other extensions are not.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, NotRequired, TypedDict

import numpy as np
from flask import Blueprint, Response, request
from msgspec import UNSET
from numpy.typing import NDArray

from service.api.http import execution, formats
from service.api.http.describe import IMAGE_ERRORS, Operation, axes, describe
from service.api.http.selections import Selection
from service.api.routes import oip_tensors, ops, protocols
from service.api.routes.oip_tensors import HEADER_LENGTH, InferRequest
from service.control import Control
from service.errors import (
    Draining,
    MalformedRequest,
    ModelUnavailable,
    UnknownLayer,
    UnknownModel,
)
from service.model.bundle import Bundle
from service.model.registry import Models
from service.settings import Settings
from service.version import VERSION

JSON, BINARY = "application/json", "application/octet-stream"


class ServerAnswer(TypedDict):
    """The server's name and version, and the supported extensions of the protocol."""

    name: str
    version: str
    extensions: list[str]


class LiveAnswer(TypedDict):
    """Whether the process is alive."""

    live: bool


class ServerReadyAnswer(TypedDict):
    """Whether the service is ready."""

    ready: bool


class ModelReadyAnswer(ServerReadyAnswer):
    """Whether a model is ready."""

    name: str


class TensorMetadata(TypedDict):
    """An input or output; -1 stands for any number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadataAnswer(TypedDict):
    """A model's input and all its outputs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class BinarySize(TypedDict):
    """The number of bytes of a binary output after the JSON."""

    binary_data_size: int


class OutputAnswer(TensorMetadata):
    """An output: its values as a flat list, or the size of its binary data."""

    data: NotRequired[Annotated[NDArray[np.float32], axes(1)]]
    parameters: NotRequired[BinarySize]


class InferAnswer(TypedDict):
    """The model and its outputs."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    outputs: list[OutputAnswer]


def blueprint(models: Models, settings: Settings, control: Control) -> Blueprint:
    """Build the routes for the models and the arbiter's state."""
    api = Blueprint("oip", __name__)

    @api.get("/v2")
    @describe(Operation(answers={JSON: ServerAnswer}))
    def server() -> Response:
        """Return the server's name, version and supported extensions."""
        return formats.json(
            ServerAnswer(name="convscope", version=VERSION, extensions=["binary_tensor_data"])
        )

    @api.get("/v2/health/live")
    @describe(Operation(answers={JSON: LiveAnswer}, public=True, health=True))
    def live() -> Response:
        """Report that the process is alive."""
        return formats.json(LiveAnswer(live=True))

    @api.get("/v2/health/ready")
    @describe(
        Operation(answers={JSON: ServerReadyAnswer}, problems=[Draining], public=True, health=True)
    )
    def ready() -> Response:
        """Report readiness: the default model is verified and warm; the service is not draining."""
        ops.check_readiness(control)
        return formats.json(ServerReadyAnswer(ready=True))

    @api.get("/v2/models/<name>/ready")
    @api.get("/v2/models/<name>/versions/<int:version>/ready")
    @describe(
        Operation(
            answers={JSON: ModelReadyAnswer},
            problems=[UnknownModel, ModelUnavailable, Draining],
            public=True,
            health=True,
        )
    )
    def model_ready(name: str, version: int | None = None) -> Response:
        """Report whether a model is ready: loaded, or loaded at its first request."""
        ops.check_readiness(control)
        if models.find(name, version).state == "failed":
            raise ModelUnavailable(f"Model {name!r} cannot be loaded; the log has the reason.")
        return formats.json(ModelReadyAnswer(name=name, ready=True))

    @api.get("/v2/models/<name>")
    @api.get("/v2/models/<name>/versions/<int:version>")
    @describe(
        Operation(answers={JSON: ModelMetadataAnswer}, problems=[UnknownModel, ModelUnavailable])
    )
    def metadata(name: str, version: int | None = None) -> Response:
        """Describe the model's input and all its outputs."""
        bundle = models.get(name, version).bundle
        versions = sorted(each.number for each in models.versions().get(name, ()))
        return formats.json(_metadata(bundle, versions))

    @api.post("/v2/models/<name>/infer")
    @api.post("/v2/models/<name>/versions/<int:version>/infer")
    @describe(
        Operation(
            answers={JSON: InferAnswer, BINARY: None},
            body={JSON: InferRequest, BINARY: None},
            headers={
                HEADER_LENGTH: {
                    "description": "Length of the JSON; required if binary data follow.",
                    "schema": {"type": "integer", "minimum": 0},
                }
            },
            problems=(*IMAGE_ERRORS, UnknownLayer),
        )
    )
    def infer(name: str, version: int | None = None) -> Response:
        """Return the requested outputs for each image."""
        model = execution.choose(models, name, version)
        body = protocols.read_body(settings)
        fields, binary = oip_tensors.split(body, request.headers.get(HEADER_LENGTH))
        as_binary = _output_forms(fields)
        outputs = _selections(as_binary, model.bundle)
        batch = oip_tensors.read_image(fields, binary, model.bundle, settings)
        arrays = protocols.run(model, batch, outputs, settings)
        return _respond(fields, model.bundle, arrays, as_binary)

    return api


def _metadata(bundle: Bundle, versions: Iterable[int]) -> ModelMetadataAnswer:
    pixels = TensorMetadata(name=protocols.INPUT, datatype="UINT8", shape=[-1, *bundle.input_shape])
    values = [
        TensorMetadata(name=name, datatype="FP32", shape=[-1, *each.layer.output_shape])
        for name, each in protocols.named_outputs(bundle).items()
    ]
    return ModelMetadataAnswer(
        name=bundle.name,
        versions=list(map(str, versions)),
        platform="litert_tflite",
        inputs=[pixels],
        outputs=values,
    )


def _output_forms(fields: InferRequest) -> dict[str, bool]:
    """Return the requested outputs by name, with whether each is to be binary."""
    all_binary = fields.parameters.binary_data_output
    as_binary = {}
    for output in fields.outputs:
        options = output.parameters
        if options.classification is not None or options.shared_memory_region is not None:
            raise MalformedRequest(
                "The extensions classification and shared memory are not supported; GET /v2 lists "
                "the supported ones. Request the output without them."
            )
        as_binary[output.name] = all_binary if options.binary_data is None else options.binary_data
    return as_binary or {protocols.DEFAULT_OUTPUT: all_binary}


def _selections(names: Iterable[str], bundle: Bundle) -> dict[str, Selection]:
    named = protocols.named_outputs(bundle)
    for name in names:
        if name not in named:
            raise UnknownLayer(f"The model has no output {name!r}. Outputs: {', '.join(named)}.")
    return {name: named[name] for name in names}


def _respond(
    fields: InferRequest,
    bundle: Bundle,
    arrays: Mapping[str, NDArray[np.float32]],
    as_binary: Mapping[str, bool],
) -> Response:
    """Encode the outputs as JSON, followed by the bytes of the binary ones."""
    tensors: list[OutputAnswer] = []
    blobs: list[bytes] = []
    for name, array in arrays.items():
        tensor = OutputAnswer(name=name, datatype="FP32", shape=list(array.shape))
        if as_binary[name]:
            blobs.append(array.astype("<f4", copy=False).tobytes())
            tensor["parameters"] = BinarySize(binary_data_size=len(blobs[-1]))
        else:
            tensor["data"] = array.ravel()
        tensors.append(tensor)
    answer = InferAnswer(model_name=bundle.name, model_version=str(bundle.version), outputs=tensors)
    if fields.id is not UNSET:
        answer["id"] = fields.id
    response = formats.json(answer)
    if blobs:
        length = response.content_length
        response.set_data(b"".join([response.get_data(), *blobs]))
        response.content_type = BINARY
        response.headers[HEADER_LENGTH] = str(length)
    return response

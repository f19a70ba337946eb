"""The Open Inference Protocol V2 over REST, as clients of KServe and Triton speak it.

With the binary tensor data extension; of Triton's other extensions it has none.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, NotRequired, TypedDict

import numpy as np
from flask import Blueprint, Response, request
from msgspec import UNSET
from numpy.typing import NDArray

from service.api.http import execution, formats
from service.api.http.describe import PICTURE_ERRORS, Operation, axes, describe
from service.api.http.selections import Selection
from service.api.routes import oip_tensors, ops, protocols
from service.api.routes.oip_tensors import HEADER_LENGTH, InferRequest
from service.control import Control
from service.errors import Draining, MalformedRequest, UnknownLayer, UnknownModel
from service.model.bundle import Bundle
from service.model.registry import Models
from service.settings import Settings
from service.version import VERSION

JSON, BINARY = "application/json", "application/octet-stream"


class ServerAnswer(TypedDict):
    """Which server this is, and which of the protocol's extensions it has."""

    name: str
    version: str
    extensions: list[str]


class LiveAnswer(TypedDict):
    """Whether the process answers."""

    live: bool


class ServerReadyAnswer(TypedDict):
    """Whether every model can be asked."""

    ready: bool


class ModelReadyAnswer(ServerReadyAnswer):
    """Whether one model can be asked."""

    name: str


class TensorMetadata(TypedDict):
    """An input or output; -1 is any number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadataAnswer(TypedDict):
    """A model's input and every output that can be asked for."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class BinarySize(TypedDict):
    """How many of the bytes after the JSON are an output's."""

    binary_data_size: int


class OutputAnswer(TensorMetadata):
    """An output: its values as a flat list, or where they are binary, how long."""

    data: NotRequired[Annotated[NDArray[np.float32], axes(1)]]
    parameters: NotRequired[BinarySize]


class InferAnswer(TypedDict):
    """Which model answers what."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    outputs: list[OutputAnswer]


def blueprint(models: Models, settings: Settings, control: Control) -> Blueprint:
    """The routes, bound to the loaded models and to what the arbiter says of readiness."""
    api = Blueprint("oip", __name__)

    @api.get("/v2")
    @describe(Operation(answers={JSON: ServerAnswer}))
    def server() -> Response:
        """Which server this is, and which of the protocol's extensions it has."""
        return formats.json(
            ServerAnswer(name="convscope", version=VERSION, extensions=["binary_tensor_data"])
        )

    @api.get("/v2/health/live")
    @describe(Operation(answers={JSON: LiveAnswer}, public=True, health=True))
    def live() -> Response:
        """Live: the process answers."""
        return formats.json(LiveAnswer(live=True))

    @api.get("/v2/health/ready")
    @describe(
        Operation(answers={JSON: ServerReadyAnswer}, problems=[Draining], public=True, health=True)
    )
    def ready() -> Response:
        """Ready: every model is verified and warm (else there is no app), and none is to stop."""
        ops.refuse_while_draining(control)
        return formats.json(ServerReadyAnswer(ready=True))

    @api.get("/v2/models/<name>/ready")
    @api.get("/v2/models/<name>/versions/<int:version>/ready")
    @describe(
        Operation(
            answers={JSON: ModelReadyAnswer},
            problems=[UnknownModel, Draining],
            public=True,
            health=True,
        )
    )
    def model_ready(name: str, version: int | None = None) -> Response:
        """Whether that model can be asked."""
        ops.refuse_while_draining(control)
        bundle = models.get(name, version).bundle
        return formats.json(ModelReadyAnswer(name=bundle.name, ready=True))

    @api.get("/v2/models/<name>")
    @api.get("/v2/models/<name>/versions/<int:version>")
    @describe(Operation(answers={JSON: ModelMetadataAnswer}, problems=[UnknownModel]))
    def metadata(name: str, version: int | None = None) -> Response:
        """The model's input and every output that can be asked for."""
        return formats.json(_metadata(models.get(name, version).bundle))

    @api.post("/v2/models/<name>/infer")
    @api.post("/v2/models/<name>/versions/<int:version>/infer")
    @describe(
        Operation(
            answers={JSON: InferAnswer, BINARY: None},
            body={JSON: InferRequest, BINARY: None},
            headers={
                HEADER_LENGTH: {
                    "description": "Length of the JSON where binary data follow it.",
                    "schema": {"type": "integer", "minimum": 0},
                }
            },
            problems=(*PICTURE_ERRORS, UnknownLayer),
        )
    )
    def infer(name: str, version: int | None = None) -> Response:
        """The outputs asked for, of every image sent."""
        model = execution.choose(models, name, version)
        body = protocols.read_body(settings)
        asked, binary = oip_tensors.split(body, request.headers.get(HEADER_LENGTH))
        as_binary = _asked_outputs(asked)
        wanted = _selections(as_binary, model.bundle)
        sent = oip_tensors.read_image(asked, binary, model.bundle, settings)
        arrays = protocols.run(model, sent, wanted, settings)
        return _answer(asked, model.bundle, arrays, as_binary)

    return api


def _metadata(bundle: Bundle) -> ModelMetadataAnswer:
    pixels = TensorMetadata(name=protocols.INPUT, datatype="UINT8", shape=[-1, *bundle.input_shape])
    values = [
        TensorMetadata(name=name, datatype="FP32", shape=[-1, *each.layer.output_shape])
        for name, each in protocols.named_outputs(bundle).items()
    ]
    return ModelMetadataAnswer(
        name=bundle.name,
        versions=[str(bundle.version)],
        platform="litert_tflite",
        inputs=[pixels],
        outputs=values,
    )


def _asked_outputs(asked: InferRequest) -> dict[str, bool]:
    """The outputs asked for, and whether each is to be binary."""
    all_binary = asked.parameters.binary_data_output
    as_binary = {}
    for output in asked.outputs:
        given = output.parameters
        if given.classification is not None or given.shared_memory_region is not None:
            raise MalformedRequest(
                "The extensions for classification and shared memory are not here; GET /v2 tells "
                "which are. Ask for the output without them."
            )
        as_binary[output.name] = all_binary if given.binary_data is None else given.binary_data
    return as_binary or {protocols.DEFAULT_OUTPUT: all_binary}


def _selections(names: Iterable[str], bundle: Bundle) -> dict[str, Selection]:
    named = protocols.named_outputs(bundle)
    for name in names:
        if name not in named:
            raise UnknownLayer(f"There is no output {name!r}. Outputs: {', '.join(named)}.")
    return {name: named[name] for name in names}


def _answer(
    asked: InferRequest,
    bundle: Bundle,
    arrays: Mapping[str, NDArray[np.float32]],
    as_binary: Mapping[str, bool],
) -> Response:
    """The arrays as the protocol has them: all JSON, or JSON and then the binary ones' bytes."""
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
    if asked.id is not UNSET:
        answer["id"] = asked.id
    told = formats.json(answer)
    if blobs:
        length = told.content_length
        told.set_data(b"".join([told.get_data(), *blobs]))
        told.content_type = BINARY
        told.headers[HEADER_LENGTH] = str(length)
    return told

"""What is served: /models, and of one model its manifest, its weights and its report."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from service.api.http import formats, queries
from service.api.http.describe import MODEL_ERRORS, Operation, describe
from service.api.routes import answers
from service.errors import NotAcceptable
from service.model.bundle import PATCHES, REPORT, WEIGHTS
from service.model.registry import Models

WEIGHTS_FORMATS: tuple[queries.Format, ...] = ("json", "npz", "safetensors")


@dataclass(frozen=True)
class ModelsAnswer:
    """What is loaded, and which model answers where a request names none."""

    default: str
    models: list[answers.ModelId]


@dataclass(frozen=True)
class WeightsAnswer:
    """Kernels and biases of every layer that has some."""

    model: answers.ModelId
    layers: list[answers.LayerWeights]


@dataclass(frozen=True)
class FilterPatch:
    """One piece of a test digit.

    Attributes:
        digit: its index among the test digits.
        row: of the cell that sees it.
        column: of that cell.
        value: of that cell, after the activation function.
    """

    digit: int
    row: int
    column: int
    value: float


@dataclass(frozen=True)
class LayerPatches:
    """What fires the filters of one convolution most.

    Attributes:
        size: height and width of a piece, pixels.
        filters: for each filter its pieces, strongest first.
        sprite: a data URL of a PNG, ink 255 on 0: a row of pieces for each filter.
    """

    name: str
    size: tuple[int, int]
    filters: list[list[FilterPatch]]
    sprite: str


@dataclass(frozen=True)
class PatchesAnswer:
    """What fires each filter most; no layers where the bundle does not hold it."""

    layers: list[LayerPatches]


def blueprint(models: Models) -> Blueprint:
    """The routes, bound to the loaded models."""
    api = Blueprint("catalog", __name__)

    @api.get("/models")
    @describe(Operation(answers={formats.MEDIA_TYPES["json"]: ModelsAnswer}, conditional=True))
    def loaded() -> Response:
        """Every loaded model, and the default one's name."""
        ids = [answers.model_id(model.bundle) for model in models.loaded.values()]
        return _conditional(formats.json(ModelsAnswer(models.default, ids)))

    @api.get("/model")
    @describe(
        Operation(
            answers={formats.MEDIA_TYPES["json"]: dict[str, Any]},
            query=queries.ModelQuery,
            problems=MODEL_ERRORS,
            conditional=True,
        )
    )
    def manifest() -> Response:
        """The manifest: layers, shapes, parameters, training, metrics; not its golden digits."""
        query = queries.read(request, queries.ModelQuery)
        bundle = models.get(query.model, query.version).bundle
        told = {key: value for key, value in bundle.manifest.items() if key != "golden"}
        return _conditional(formats.json(told))

    @api.get("/model/weights")
    @describe(
        Operation(
            answers={
                formats.MEDIA_TYPES[name]: WeightsAnswer if name == "json" else None
                for name in WEIGHTS_FORMATS
            },
            query=queries.WeightsQuery,
            problems=(*MODEL_ERRORS, NotAcceptable),
            conditional=True,
        )
    )
    def weights() -> Response:
        """Kernels and biases; in JSON a convolution's is kernel[filter][channel][row][column]."""
        query = queries.read(request, queries.WeightsQuery)
        chosen = formats.choose(request, query.format, WEIGHTS_FORMATS)
        bundle = models.get(query.model, query.version).bundle
        if chosen == "json":
            layers = answers.layer_weights(bundle)
            answer = formats.json(WeightsAnswer(answers.model_id(bundle), layers))
        elif chosen == "npz":
            answer = formats.npz(bundle.weights)
        else:
            raw = (bundle.path / WEIGHTS).read_bytes()
            answer = formats.answer(raw, formats.MEDIA_TYPES["safetensors"])
        return _conditional(answer)

    @api.get("/model/report")
    @describe(
        Operation(
            answers={formats.MEDIA_TYPES["json"]: dict[str, Any]},
            query=queries.ModelQuery,
            problems=MODEL_ERRORS,
            conditional=True,
        )
    )
    def report() -> Response:
        """How the model does on test digits: figures by class, confusion, calibration, errors."""
        query = queries.read(request, queries.ModelQuery)
        bundle = models.get(query.model, query.version).bundle
        path = bundle.path / REPORT
        raw = path.read_bytes() if path.exists() else b"{}"
        return _conditional(formats.answer(raw, formats.MEDIA_TYPES["json"]))

    @api.get("/model/patches")
    @describe(
        Operation(
            answers={formats.MEDIA_TYPES["json"]: PatchesAnswer},
            query=queries.ModelQuery,
            problems=MODEL_ERRORS,
            conditional=True,
        )
    )
    def patches() -> Response:
        """The pieces of real test digits that fire each filter most."""
        query = queries.read(request, queries.ModelQuery)
        path = models.get(query.model, query.version).bundle.path / PATCHES
        raw = path.read_bytes() if path.exists() else b'{"layers": []}'
        return _conditional(formats.answer(raw, formats.MEDIA_TYPES["json"]))

    return api


def _conditional(response: Response) -> Response:
    """With an ETag; 304 where the client has it already."""
    response.add_etag(weak=True)  # gzip may follow: the same answer, other bytes
    response.make_conditional(request)
    return response

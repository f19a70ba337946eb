"""Describe the models: /models, and a model's manifest, weights and report."""

from dataclasses import dataclass
from typing import Any, Literal

from flask import Blueprint, Response, request

from service.api.http import archives, formats, queries
from service.api.http.describe import MODEL_ERRORS, Operation, describe
from service.api.routes import answers
from service.errors import ImageTooLarge, NotAcceptable, NotInBundle
from service.model.bundle import MAP, PATCHES, REPORT, THUMBNAILS, Bundle
from service.model.manifest import SNAPSHOTS
from service.model.registry import Models
from service.model.versions import State

WEIGHTS_FORMATS: tuple[queries.Format, ...] = ("json", "npz", "safetensors")


@dataclass(frozen=True)
class ModelVersion:
    """A version of a model.

    Attributes:
        sha256: of the model; empty where its manifest cannot be read.
        state: loaded; available: it is loaded at its first use; failed: the last load failed. In
            the worker that responds.
    """

    version: int
    sha256: str
    state: State


@dataclass(frozen=True)
class ModelListing(answers.ModelId):
    """A model: its newest version that has not failed to load, and all its versions."""

    versions: list[ModelVersion]


@dataclass(frozen=True)
class ModelsAnswer:
    """Every model, and the name of the default one."""

    default: str
    models: list[ModelListing]


@dataclass(frozen=True)
class WeightsAnswer:
    """Kernels and biases of every layer that has weights."""

    model: answers.ModelId
    layers: list[answers.LayerWeights]


@dataclass(frozen=True)
class FilterPatch:
    """A patch of a test digit: the receptive field of one cell.

    Attributes:
        digit: index of the test digit.
        row: row of the cell.
        column: column of the cell.
        value: the cell's activation.
    """

    digit: int
    row: int
    column: int
    value: float


@dataclass(frozen=True)
class LayerPatches:
    """The patches that activate each filter of a convolution most.

    Attributes:
        size: height and width of a patch, pixels.
        filters: the patches of each filter, highest activation first.
        sprite: a data URL of a PNG with a row of patches for each filter.
    """

    name: str
    size: tuple[int, int]
    filters: list[list[FilterPatch]]
    sprite: str


@dataclass(frozen=True)
class PatchesAnswer:
    """The patches that activate each filter most; no layers where the bundle has no patches."""

    layers: list[LayerPatches]


def blueprint(models: Models) -> Blueprint:
    """Build the routes for the models."""
    api = Blueprint("catalog", __name__)

    @api.get("/models")
    @describe(Operation(answers={formats.MEDIA_TYPES["json"]: ModelsAnswer}, conditional=True))
    def listing() -> Response:
        """List every model with its versions, and the name of the default one."""
        versions = models.versions()
        listings = [
            ModelListing(
                each.name,
                each.number,
                each.sha256,
                [ModelVersion(v.number, v.sha256, v.state) for v in versions.get(each.name, [])],
            )
            for each in models.newest()
        ]
        return _conditional(formats.json(ModelsAnswer(models.default, listings)))

    @api.get("/model")
    @describe(_json_of_a_model(dict[str, Any]))
    def manifest() -> Response:
        """Return the manifest without its golden digits: layers, shapes, training, metrics."""
        query = queries.read(request, queries.ModelQuery)
        bundle = models.get(query.model, query.version).bundle
        public = {key: value for key, value in bundle.manifest.items() if key != "golden"}
        return _conditional(formats.json(public))

    @api.get("/model/weights")
    @describe(
        Operation(
            answers={
                formats.MEDIA_TYPES[name]: WeightsAnswer if name == "json" else None
                for name in WEIGHTS_FORMATS
            },
            query=queries.WeightsQuery,
            problems=(*MODEL_ERRORS, NotAcceptable, ImageTooLarge),
            conditional=True,
        )
    )
    def weights() -> Response:
        """Return kernels and biases; a convolution's is kernel[filter][channel][row][column]."""
        query = queries.read(request, queries.WeightsQuery)
        format_ = formats.choose(request, query.format, WEIGHTS_FORMATS)
        bundle = models.get(query.model, query.version).bundle
        if format_ == "json":
            layers = answers.layer_weights(bundle)
            return _conditional(formats.json(WeightsAnswer(answers.model_id(bundle), layers)))
        return _conditional(_weights_archive(bundle, "npz" if format_ == "npz" else "safetensors"))

    @api.get("/model/snapshots")
    @describe(_file_of_a_model("safetensors", queries.ModelQuery))
    def snapshots() -> Response:
        """Return the network's weights at up to 12 steps of its training, as float16."""
        query = queries.read(request, queries.ModelQuery)
        return _conditional(_file(models, query, SNAPSHOTS, "safetensors"))

    @api.get("/model/report")
    @describe(_json_of_a_model(dict[str, Any]))
    def report() -> Response:
        """Return the evaluation on test digits: metrics by class, confusion matrix, calibration."""
        return _conditional(_json_file(models, REPORT, b"{}"))

    @api.get("/model/patches")
    @describe(_json_of_a_model(PatchesAnswer))
    def patches() -> Response:
        """Return the patches of test digits that activate each filter most."""
        return _conditional(_json_file(models, PATCHES, b'{"layers": []}'))

    @api.get("/model/map")
    @describe(_file_of_a_model("safetensors", queries.ModelQuery))
    def digit_map() -> Response:
        """Return the test digits, laid out by the values of the last hidden layer."""
        query = queries.read(request, queries.ModelQuery)
        return _conditional(_file(models, query, MAP, "safetensors"))

    @api.get("/model/map/thumbnails")
    @describe(_file_of_a_model("png", queries.ThumbnailsQuery))
    def thumbnails() -> Response:
        """Return a chunk of the map's test digits, one below the other."""
        query = queries.read(request, queries.ThumbnailsQuery)
        return _conditional(_file(models, query, f"{THUMBNAILS}/{query.chunk}.png", "png"))

    return api


def _weights_archive(bundle: Bundle, format_: Literal["npz", "safetensors"]) -> Response:
    """Return the weights as an archive; a large one is encoded while it is sent."""
    weights = bundle.weights
    if sum(each.nbytes for each in weights.values()) < archives.MIN_STREAMED:
        return formats.npz(weights) if format_ == "npz" else formats.safetensors(weights, {})
    entries = {name: archives.entry_of(each) for name, each in weights.items()}
    response = archives.respond(format_, entries, {}, 0)
    response.set_etag(f"{bundle.sha256[:32]}-{format_}", weak=True)
    return response


def _json_of_a_model(body: Any) -> Operation:
    """Return the operation of a route whose response is JSON about the requested model."""
    return Operation(
        answers={formats.MEDIA_TYPES["json"]: body},
        query=queries.ModelQuery,
        problems=MODEL_ERRORS,
        conditional=True,
    )


def _file_of_a_model(format_: queries.Format, query: type[queries.ModelQuery]) -> Operation:
    """Return the operation of a route whose response is a file of the requested model's bundle."""
    return Operation(
        answers={formats.MEDIA_TYPES[format_]: None},
        query=query,
        problems=(*MODEL_ERRORS, NotInBundle),
        conditional=True,
    )


def _file(
    models: Models, query: queries.ModelQuery, name: str, format_: queries.Format
) -> Response:
    """Return a file of the requested model's bundle.

    Raises:
        NotInBundle: the bundle does not have it.
    """
    path = models.get(query.model, query.version).bundle.path / name
    if not path.exists():
        raise NotInBundle(f"This model's bundle has no file {name}; train or export it again.")
    return formats.respond(path.read_bytes(), formats.MEDIA_TYPES[format_])


def _json_file(models: Models, name: str, default: bytes) -> Response:
    """Return a JSON file of the requested model's bundle; the default where it has none."""
    query = queries.read(request, queries.ModelQuery)
    path = models.get(query.model, query.version).bundle.path / name
    raw = path.read_bytes() if path.exists() else default
    return formats.respond(raw, formats.MEDIA_TYPES["json"])


def _conditional(response: Response) -> Response:
    """Add an ETag, unless there is one; respond with 304 where the client's copy is current."""
    response.add_etag(weak=True)  # weak, because gzip may change the bytes
    response.make_conditional(request)
    return response

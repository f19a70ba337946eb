"""Explain a prediction for one image: /explain, /occlusion and /preprocess."""

from dataclasses import dataclass
from typing import Annotated, Any, get_args

from flask import Blueprint, Response, request
from msgspec import Meta

from service import inference
from service.api.http import bodies, execution, formats, inputs, queries
from service.api.http.describe import IMAGE_ERRORS, Operation, describe
from service.api.routes import answers
from service.api.routes.native import JSON_ONLY, PredictAnswer
from service.errors import NotAcceptable, NotExplainable, UnknownLayer
from service.inputs import Inputs, as_bytes, as_shown
from service.model.explain.cells import Cell
from service.model.explain.explain import explain, needed
from service.model.explain.traces import Explanation
from service.model.occlusion import Occlusion, occlude
from service.model.registry import Model, Models
from service.model.sheets import occlusion_overlay
from service.settings import Settings
from service.timing import phase

IMAGE_FORMATS: tuple[queries.Format, ...] = ("json", "png")
EXPLANATIONS = get_args(Explanation)


@dataclass(frozen=True)
class ExplainAnswer(PredictAnswer):
    """The prediction, and the arithmetic of one cell's value."""

    explanation: Annotated[
        Any,
        Meta(
            description="The cell's explanation; its type depends on the layer's kind.",
            extra_json_schema={
                "oneOf": [
                    {"$ref": f"#/components/schemas/{kind.__name__}"} for kind in EXPLANATIONS
                ]
            },
        ),
    ]


@dataclass(frozen=True)
class OcclusionAnswer:
    """The drop in confidence when parts of the model's input are occluded."""

    model: answers.ModelId
    occlusion: Occlusion


def blueprint(models: Models, settings: Settings) -> Blueprint:
    """Build the routes for the models."""
    api = Blueprint("insight", __name__)

    def read(query: queries.ImageQuery) -> tuple[Model, Inputs]:
        model = execution.choose(models, query.model, query.version)
        return model, inputs.read(request, query.preprocess, model.bundle, settings)

    @api.post("/explain")
    @describe(
        Operation(
            answers={formats.MEDIA_TYPES["json"]: ExplainAnswer},
            query=queries.ExplainQuery,
            body=bodies.ONE_IMAGE,
            problems=(*IMAGE_ERRORS, UnknownLayer, NotExplainable, NotAcceptable),
        )
    )
    def explanation() -> Response:
        """Explain one cell of any layer by its exact arithmetic."""
        query = queries.read(request, queries.ExplainQuery)
        formats.choose(request, None, JSON_ONLY)
        model, batch = read(query)
        pixels = model.bundle.input.normalisation.apply(batch.only_one())
        cell = Cell(query.layer, query.channel, query.row, query.column)
        outputs = [*needed(model.bundle, cell), *inference.outcome(model.bundle)]
        values = execution.run(model, batch, list(dict.fromkeys(outputs)))
        one = {pair: value[0] for pair, value in values.items()}
        details = explain(model.bundle, one, pixels, cell, query.top)
        predictions = inference.predictions(model.bundle, values, batch, details=query.details)
        return formats.json(ExplainAnswer(answers.model_id(model.bundle), predictions, details))

    @api.post("/occlusion")
    @describe(
        Operation(
            answers={
                formats.MEDIA_TYPES["json"]: OcclusionAnswer,
                formats.MEDIA_TYPES["png"]: None,
            },
            query=queries.OcclusionQuery,
            body=bodies.ONE_IMAGE,
            problems=(*IMAGE_ERRORS, NotAcceptable),
        )
    )
    def occlusion() -> Response:
        """Return the drop in confidence when each patch of the model's input is occluded."""
        query = queries.read(request, queries.OcclusionQuery)
        format_ = formats.choose(request, query.format, IMAGE_FORMATS)
        model, batch = read(query)
        pixels = as_bytes(batch.only_one())
        with phase("infer"):
            occlusion_map = occlude(model.engine, pixels, query.patch, query.stride, query.fill)
        if format_ == "png":
            source = model.bundle.input
            shown = as_shown(pixels, source.colour)
            return formats.png(occlusion_overlay(shown, occlusion_map, is_digit=source.is_digit))
        return formats.json(OcclusionAnswer(answers.model_id(model.bundle), occlusion_map))

    @api.post("/preprocess")
    @describe(
        Operation(
            answers={
                formats.MEDIA_TYPES["json"]: answers.PreprocessAnswer,
                formats.MEDIA_TYPES["png"]: None,
            },
            query=queries.PreprocessQuery,
            body=bodies.ONE_IMAGE,
            problems=(*IMAGE_ERRORS, NotAcceptable),
        )
    )
    def preprocess() -> Response:
        """Return the model's input, and an image of every preprocessing stage."""
        query = queries.read(request, queries.PreprocessQuery)
        format_ = formats.choose(request, query.format, IMAGE_FORMATS)
        _, batch = read(query)
        prepared = batch.only_prepared()
        if format_ == "png":
            return formats.png(answers.stage_png(prepared, query.stage))
        return formats.json(answers.preprocessed(prepared))

    return api

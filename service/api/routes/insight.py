"""Why the answer is so: /explain, /occlusion and /preprocess, each for one picture."""

from dataclasses import dataclass
from typing import Annotated, Any, get_args

from flask import Blueprint, Response, request
from msgspec import Meta

from service import inference
from service.api.http import bodies, execution, formats, inputs, queries
from service.api.http.describe import PICTURE_ERRORS, Operation, describe
from service.api.routes import answers
from service.api.routes.native import JSON_ONLY, PredictAnswer
from service.errors import NotAcceptable, UnknownLayer
from service.inference import Inputs
from service.model.bundle import Stage
from service.model.engine import as_floats
from service.model.explain.explain import explain
from service.model.explain.traces import Cell, Explanation
from service.model.occlusion import Occlusion, occlude
from service.model.registry import Model, Models
from service.model.sheets import occlusion_overlay
from service.settings import Settings
from service.timing import phase

PICTURE_FORMATS: tuple[queries.Format, ...] = ("json", "png")
TRACES = get_args(Explanation)
STAGES: tuple[Stage, Stage] = ("pre", "post")


@dataclass(frozen=True)
class ExplainAnswer(PredictAnswer):
    """The prediction, and how one cell's value comes about."""

    explanation: Annotated[
        Any,
        Meta(
            description="One of the traces, by the kind of the cell's layer.",
            extra_json_schema={
                "oneOf": [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in TRACES]
            },
        ),
    ]


@dataclass(frozen=True)
class OcclusionAnswer:
    """How much the confidence drops where the digit is covered."""

    model: answers.ModelId
    occlusion: Occlusion


def blueprint(models: Models, settings: Settings) -> Blueprint:
    """The routes, bound to the loaded models."""
    api = Blueprint("insight", __name__)

    def read(query: queries.PictureQuery) -> tuple[Model, Inputs]:
        model = execution.choose(models, query.model, query.version)
        return model, inputs.read(request, query.preprocess, model.bundle, settings)

    @api.post("/explain")
    @describe(
        Operation(
            answers={formats.MEDIA_TYPES["json"]: ExplainAnswer},
            query=queries.ExplainQuery,
            body=bodies.ONE_PICTURE,
            problems=(*PICTURE_ERRORS, UnknownLayer, NotAcceptable),
        )
    )
    def explanation() -> Response:
        """The exact arithmetic behind one cell of any layer."""
        query = queries.read(request, queries.ExplainQuery)
        formats.choose(request, None, JSON_ONLY)
        model, sent = read(query)
        pixels = as_floats(sent.only_one())
        names = [layer.name for layer in model.bundle.layers]
        values = execution.run(model, sent, [(name, stage) for name in names for stage in STAGES])
        cell = Cell(query.layer, query.channel, query.row, query.column)
        one = {pair: value[0] for pair, value in values.items()}
        told = explain(model.bundle, one, pixels, cell, query.top)
        found = inference.predictions(model.bundle, values, sent)
        return formats.json(ExplainAnswer(answers.model_id(model.bundle), found, told))

    @api.post("/occlusion")
    @describe(
        Operation(
            answers={
                formats.MEDIA_TYPES["json"]: OcclusionAnswer,
                formats.MEDIA_TYPES["png"]: None,
            },
            query=queries.OcclusionQuery,
            body=bodies.ONE_PICTURE,
            problems=(*PICTURE_ERRORS, NotAcceptable),
        )
    )
    def occlusion() -> Response:
        """How much the confidence drops when each patch of the digit is covered."""
        query = queries.read(request, queries.OcclusionQuery)
        chosen = formats.choose(request, query.format, PICTURE_FORMATS)
        model, sent = read(query)
        digit = inference.as_bytes(sent.only_one())
        with phase("infer"):
            found = occlude(model.engine, digit, query.patch, query.stride, query.fill)
        if chosen == "png":
            return formats.png(occlusion_overlay(digit, found))
        return formats.json(OcclusionAnswer(answers.model_id(model.bundle), found))

    @api.post("/preprocess")
    @describe(
        Operation(
            answers={
                formats.MEDIA_TYPES["json"]: answers.PreprocessAnswer,
                formats.MEDIA_TYPES["png"]: None,
            },
            query=queries.PreprocessQuery,
            body=bodies.ONE_PICTURE,
            problems=(*PICTURE_ERRORS, NotAcceptable),
        )
    )
    def preprocess() -> Response:
        """The digit as the model sees it, and every stage on the way there."""
        query = queries.read(request, queries.PreprocessQuery)
        chosen = formats.choose(request, query.format, PICTURE_FORMATS)
        _, sent = read(query)
        prepared = sent.only_prepared()
        if chosen == "png":
            return formats.png(answers.stage_png(prepared, query.stage))
        return formats.json(answers.preprocessed(prepared))

    return api

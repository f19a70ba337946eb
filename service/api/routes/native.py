"""What a picture shows, and every value behind it: /predict and /activations."""

from dataclasses import dataclass

import numpy as np
from flask import Blueprint, Response, request

from service import inference
from service.api.http import bodies, execution, formats, inputs, queries, selections
from service.api.http.describe import PICTURE_ERRORS, Operation, describe
from service.api.routes import answers
from service.errors import NotAcceptable, UnknownLayer
from service.inference import Inputs
from service.model.bundle import LayerValues
from service.model.registry import Model, Models
from service.model.sheets import contact_sheet
from service.settings import Settings
from service.timing import phase

JSON_ONLY: tuple[queries.Format, ...] = ("json",)
ACTIVATIONS_FORMATS: tuple[queries.Format, ...] = ("json", "npz", "safetensors", "png")


@dataclass(frozen=True)
class PredictAnswer:
    """A prediction for every picture (with segment=true: for every digit)."""

    model: answers.ModelId
    predictions: list[inference.Prediction]


@dataclass(frozen=True)
class ActivationsAnswer(PredictAnswer):
    """The predictions, and the values of the layers asked for."""

    layers: list[selections.LayerMaps]


def blueprint(models: Models, settings: Settings) -> Blueprint:
    """The routes, bound to the loaded models."""
    api = Blueprint("native", __name__)

    @api.post("/predict")
    @describe(
        Operation(
            answers={formats.MEDIA_TYPES["json"]: PredictAnswer},
            query=queries.PredictQuery,
            body=bodies.BODIES,
            problems=(*PICTURE_ERRORS, NotAcceptable),
        )
    )
    def predict() -> Response:
        """Which digit each picture shows."""
        query = queries.read(request, queries.PredictQuery)
        formats.choose(request, None, JSON_ONLY)
        model = execution.choose(models, query.model, query.version)
        sent = inputs.read(request, query.preprocess, model.bundle, settings, query.segment)
        values = execution.run(model, sent, inference.outcome(model.bundle))
        found = inference.predictions(model.bundle, values, sent, query.top_k)
        return formats.json(PredictAnswer(answers.model_id(model.bundle), found))

    @api.post("/activations")
    @describe(
        Operation(
            answers={
                formats.MEDIA_TYPES[name]: ActivationsAnswer if name == "json" else None
                for name in ACTIVATIONS_FORMATS
            },
            query=queries.ActivationsQuery,
            body=bodies.BODIES,
            problems=(*PICTURE_ERRORS, UnknownLayer, NotAcceptable),
        )
    )
    def activations() -> Response:
        """Which digit each picture shows, and every value of the layers asked for."""
        query = queries.read(request, queries.ActivationsQuery)
        chosen = formats.choose(request, query.format, ACTIVATIONS_FORMATS)
        model = execution.choose(models, query.model, query.version)
        chosen_layers = selections.select(model.bundle, query.layers, query.stage, query.channels)
        sent = inputs.read(request, query.preprocess, model.bundle, settings)
        selections.check_size(chosen_layers, len(sent.pixels), settings)
        wanted = [(each.layer.name, each.stage) for each in chosen_layers]
        pairs = list(dict.fromkeys([*wanted, *inference.outcome(model.bundle)]))
        values = execution.run(model, sent, pairs)
        if chosen == "png":
            return _sheet(query, model, sent, chosen_layers, values)
        if chosen == "json":
            return formats.json(
                ActivationsAnswer(
                    answers.model_id(model.bundle),
                    inference.predictions(model.bundle, values, sent),
                    list(
                        selections.layer_maps(values, chosen_layers, len(sent.pixels), query.dtype)
                    ),
                )
            )
        return _archive(chosen, query.dtype, model, chosen_layers, values)

    return api


def _archive(
    chosen: queries.Format,
    dtype: queries.Dtype,
    model: Model,
    layers: list[selections.Selection],
    values: LayerValues,
) -> Response:
    """Arrays by name: probabilities, scores, and every layer that was asked for."""
    with phase("encode"):
        converted = selections.convert(values, layers, dtype)
    arrays = {"probabilities": values[model.bundle.layers[-1].name, "post"]}
    arrays |= {key: each.array for key, each in converted.items()}
    score = inference.scores(model.bundle, values)
    if score is not None:
        arrays["score"] = score
    ranges = {key: [each.low, each.high] for key, each in converted.items()}
    if chosen == "safetensors":
        about = {"model": answers.model_id(model.bundle), "ranges": ranges}
        return formats.safetensors(arrays, about)
    if dtype == "uint8":  # without its range a byte says nothing
        arrays |= {f"{key}/range": np.array(span, np.float32) for key, span in ranges.items()}
    return formats.npz(arrays)


def _sheet(
    query: queries.ActivationsQuery,
    model: Model,
    sent: Inputs,
    layers: list[selections.Selection],
    values: LayerValues,
) -> Response:
    """Every map of the layers of one picture, drawn."""
    digit = inference.as_bytes(sent.only_one())
    shown = [(each.layer, each.stage, selections.chosen(values, each)[0]) for each in layers]
    numbers = layers[0].channels if query.channels else None  # the same for every layer
    per_map = query.scale == "map"
    with phase("encode"):
        drawn = contact_sheet(shown, digit, per_map, model.bundle.labels, numbers)
    return formats.png(drawn)

"""Predict images and return activations: /predict and /activations."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from flask import Blueprint, Response, request
from numpy.typing import NDArray

from service import inference
from service.api.http import (
    archives,
    bodies,
    execution,
    formats,
    inputs,
    metrics,
    queries,
    selections,
)
from service.api.http.describe import IMAGE_ERRORS, Operation, describe
from service.api.routes import answers
from service.errors import NotAcceptable, UnknownLayer
from service.inputs import Inputs, as_bytes, as_shown
from service.model.layer import LayerValues
from service.model.registry import Model, Models
from service.model.sheets import contact_sheet
from service.predictions import Prediction
from service.preparation import Segmentation
from service.settings import Settings
from service.timing import phase

JSON_ONLY: tuple[queries.Format, ...] = ("json",)
SEGMENTATIONS: dict[bool | Literal["grid"], Segmentation | None] = {
    False: None,
    True: "rows",
    "grid": "grid",
}
ACTIVATIONS_FORMATS: tuple[queries.Format, ...] = ("json", "npz", "safetensors", "png")


@dataclass(frozen=True)
class PredictAnswer:
    """A prediction for each image (with segment=true or segment=grid, for each segment)."""

    model: answers.ModelId
    predictions: list[Prediction]


@dataclass(frozen=True)
class ActivationsAnswer(PredictAnswer):
    """The predictions, and the values of the selected layers."""

    layers: list[selections.LayerMaps]


def blueprint(models: Models, settings: Settings) -> Blueprint:
    """Build the routes for the models."""
    api = Blueprint("native", __name__)

    @api.post("/predict")
    @describe(
        Operation(
            answers={formats.MEDIA_TYPES["json"]: PredictAnswer},
            query=queries.PredictQuery,
            body=bodies.BODIES,
            problems=(*IMAGE_ERRORS, NotAcceptable),
        )
    )
    def predict() -> Response:
        """Predict the digit in each image."""
        query = queries.read(request, queries.PredictQuery)
        formats.choose(request, None, JSON_ONLY)
        model = execution.choose(models, query.model, query.version)
        segmentation = SEGMENTATIONS[query.segment]
        batch = inputs.read(request, query.preprocess, model.bundle, settings, segmentation)
        values = execution.run(model, batch, inference.outcome(model.bundle))
        predictions = inference.predictions(
            model.bundle, values, batch, query.top_k, details=query.details
        )
        if batch.segments:
            metrics.count_segments(model, predictions)
        return formats.json(PredictAnswer(answers.model_id(model.bundle), predictions))

    @api.post("/activations")
    @describe(
        Operation(
            answers={
                formats.MEDIA_TYPES[name]: ActivationsAnswer if name == "json" else None
                for name in ACTIVATIONS_FORMATS
            },
            query=queries.ActivationsQuery,
            body=bodies.BODIES,
            problems=(*IMAGE_ERRORS, UnknownLayer, NotAcceptable),
        )
    )
    def activations() -> Response:
        """Predict the digit in each image, and return the values of the selected layers."""
        query = queries.read(request, queries.ActivationsQuery)
        format_ = formats.choose(request, query.format, ACTIVATIONS_FORMATS)
        model = execution.choose(models, query.model, query.version)
        layers = selections.select(model.bundle, query.layers, query.stage, query.channels)
        batch = inputs.read(request, query.preprocess, model.bundle, settings)
        selections.check_size(layers, len(batch.pixels), settings, is_json=format_ == "json")
        if format_ == "png":
            selections.check_sheet(layers)
        outputs = [(each.layer.name, each.stage) for each in layers]
        outputs = list(dict.fromkeys([*outputs, *inference.outcome(model.bundle)]))
        values = execution.run(model, batch, outputs)
        if format_ == "png":
            return _sheet(query, model, batch, layers, values)
        if format_ == "json":
            return formats.json(
                ActivationsAnswer(
                    answers.model_id(model.bundle),
                    inference.predictions(model.bundle, values, batch, details=query.details),
                    list(selections.layer_maps(values, layers, len(batch.pixels), query.dtype)),
                )
            )
        return _archive(format_, query.dtype, model, layers, values)

    return api


def _archive(
    format_: Literal["npz", "safetensors"],
    dtype: queries.Dtype,
    model: Model,
    layers: list[selections.Selection],
    values: LayerValues,
) -> Response:
    """Return arrays by name: probabilities, scores and the selected layers."""
    retained = sum(array.nbytes for array in values.values())
    if retained >= archives.MIN_STREAMED:
        count = len(values[model.bundle.probabilities])
        size = count * sum(each.count for each in layers) * np.dtype(dtype).itemsize
        if size >= archives.MIN_STREAMED:
            return _stream(format_, dtype, model, layers, values, retained)
    with phase("encode"):
        converted = selections.convert(values, layers, dtype)
    arrays = {"probabilities": values[model.bundle.probabilities]}
    arrays |= {key: each.array for key, each in converted.items()}
    score = inference.scores(model.bundle, values)
    if score is not None:
        arrays["score"] = score
    ranges = {key: [each.low, each.high] for key, each in converted.items()}
    if format_ == "safetensors":
        metadata = {"model": answers.model_id(model.bundle), "ranges": ranges}
        return formats.safetensors(arrays, metadata)
    if dtype == "uint8":  # clients need the range to scale the values back
        arrays |= {f"{key}/range": np.array(span, np.float32) for key, span in ranges.items()}
    return formats.npz(arrays)


def _stream(
    format_: Literal["npz", "safetensors"],
    dtype: queries.Dtype,
    model: Model,
    layers: list[selections.Selection],
    values: LayerValues,
    retained: int,
) -> Response:
    """Return the same arrays as `_archive`, each converted when it is sent."""
    entries = {"probabilities": archives.entry_of(values[model.bundle.probabilities])}
    ranges: dict[str, list[float]] = {}
    with phase("encode"):
        for each in layers:
            whole = values[each.layer.name, each.stage]
            selected = selections.pick(whole, each)
            span = selections.range_of(selected)
            convert = partial(_converted, whole, each, dtype, span)
            entries[each.key] = archives.Entry(convert, selected.shape, dtype)
            ranges[each.key] = list(span)
    score = inference.scores(model.bundle, values)
    if score is not None:
        entries["score"] = archives.entry_of(score)
    if format_ == "npz" and dtype == "uint8":
        for key, limits in ranges.items():
            entries[f"{key}/range"] = archives.entry_of(np.array(limits, np.float32))
    metadata = {"model": answers.model_id(model.bundle), "ranges": ranges}
    return archives.respond(format_, entries, metadata, retained)


def _converted(
    whole: NDArray[np.float32],
    each: selections.Selection,
    dtype: queries.Dtype,
    span: selections.Range,
) -> NDArray[Any]:
    return selections.to_dtype(selections.pick(whole, each), dtype, span)


def _sheet(
    query: queries.ActivationsQuery,
    model: Model,
    batch: Inputs,
    layers: list[selections.Selection],
    values: LayerValues,
) -> Response:
    """Draw a contact sheet of the selected layers' maps for one image."""
    pixels = as_bytes(batch.only_one())
    image = as_shown(pixels, model.bundle.input.colour)
    maps = [(each.layer, each.stage, selections.values_of(values, each)[0]) for each in layers]
    numbers = layers[0].channels if query.channels else None  # the same for every layer
    per_map = query.scale == "map"
    with phase("encode"):
        sheet = contact_sheet(maps, image, per_map, model.bundle.labels, numbers)
    return formats.png(sheet)

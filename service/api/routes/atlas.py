"""Draw one layer of the network for one image: /atlas."""

import base64
from dataclasses import dataclass

from flask import Blueprint, Response, request

from service.api.http import bodies, execution, formats, inputs, queries, selections
from service.api.http.describe import IMAGE_ERRORS, Operation, describe
from service.api.routes import answers
from service.errors import NotAcceptable, UnknownLayer
from service.model.atlas import GAP, Atlas, draw_atlas, pages
from service.model.layer import Layer, Stage
from service.model.registry import Models
from service.settings import Settings
from service.timing import phase

ATLAS_FORMATS: tuple[queries.Format, ...] = ("png", "json")


@dataclass(frozen=True)
class Tile:
    """The size of an atlas's tiles, in pixels.

    Attributes:
        gap: between two tiles.
    """

    width: int
    height: int
    gap: int


@dataclass(frozen=True)
class AtlasAnswer:
    """A page of one layer's maps or units, drawn as tiles.

    Attributes:
        pages: the number of the layer's pages; `page` counts from 0.
        shape: the layer's output shape, channels last.
        columns: the number of tiles in a row.
        channels: indices of the channels (units of a flat layer) of the tiles, row by row.
        low: the layer's lowest value, over all pages.
        high: the highest.
        limits: for each tile, the value of the darkest orange; minus that is the darkest blue.
        image: a data URL of a PNG.
    """

    model: answers.ModelId
    layer: str
    stage: Stage
    page: int
    pages: int
    shape: tuple[int, ...]
    columns: int
    tile: Tile
    channels: list[int]
    low: float
    high: float
    limits: list[float]
    image: str


def blueprint(models: Models, settings: Settings) -> Blueprint:
    """Build the route for the loaded models."""
    api = Blueprint("atlas", __name__)

    @api.post("/atlas")
    @describe(
        Operation(
            answers={
                formats.MEDIA_TYPES["png"]: None,
                formats.MEDIA_TYPES["json"]: AtlasAnswer,
            },
            query=queries.AtlasQuery,
            body=bodies.ONE_IMAGE,
            problems=(*IMAGE_ERRORS, UnknownLayer, NotAcceptable),
        )
    )
    def atlas() -> Response:
        """Draw the maps or units of one layer for one image, a page at a time."""
        query = queries.read(request, queries.AtlasQuery)
        format_ = formats.choose(request, query.format, ATLAS_FORMATS)
        model = execution.choose(models, query.model, query.version)
        layer = selections.find(model.bundle, query.layer)
        selections.check_drawable([layer])
        _check_page(layer, query)
        batch = inputs.read(request, query.preprocess, model.bundle, settings)
        batch.only_one()
        pair = (layer.name, query.stage)
        values = execution.run(model, batch, [pair])[pair][0]
        with phase("encode"):
            drawn = draw_atlas(
                layer, query.stage, values, query.page, query.scale, query.order, query.limit
            )
        if format_ == "png":
            return formats.png(drawn.image)
        return formats.json(_answer(answers.model_id(model.bundle), layer, query, drawn))

    return api


def _check_page(layer: Layer, query: queries.AtlasQuery) -> None:
    count = pages(layer, query.limit)
    if query.page >= count:
        raise UnknownLayer(
            f"Layer {layer.name!r} has no page {query.page}; its {layer.output_shape[-1]:,} "
            f"channels are on {f'pages 0–{count - 1}' if count > 1 else 'page 0'}."
        )


def _answer(
    model: answers.ModelId, layer: Layer, query: queries.AtlasQuery, drawn: Atlas
) -> AtlasAnswer:
    return AtlasAnswer(
        model=model,
        layer=layer.name,
        stage=query.stage,
        page=query.page,
        pages=drawn.pages,
        shape=layer.output_shape,
        columns=drawn.columns,
        tile=Tile(drawn.width, drawn.height, GAP),
        channels=drawn.channels,
        low=drawn.low,
        high=drawn.high,
        limits=drawn.limits,
        image="data:image/png;base64," + base64.b64encode(drawn.image).decode(),
    )

"""POST /occlusion and /preprocess for models of other inputs than digits."""

import asyncio
import io
import json
import threading

import numpy as np
import pytest
from PIL import Image

from service.model.engine import Engine
from tests.asgi import Exchange, build_adapter, exchange, run
from tests.conftest import ROOT
from tests.e2e.running import SEVEN, encode
from tests.planted import LEFT, RED, SHAPE, SIDE, TOP, planted_picture, write_planted_bundle

PICTURE = encode(Image.fromarray(planted_picture()))


@pytest.fixture(scope="module", params=["grey", "rgb", "bgr"])
def colour(request):
    """The order of the model's channels."""
    return request.param


@pytest.fixture(scope="module")
def folder(colour, tmp_path_factory):
    """A models folder with the committed model, and one that looks at a red square."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "mnist").symlink_to(ROOT / "models" / "mnist")
    write_planted_bundle(folder / "planted" / "1", colour)
    return folder


@pytest.fixture
def adapter(folder, tmp_path):
    """An adapter that serves the folder."""
    return build_adapter(tmp_path, models_dir=folder)


def occlude(adapter, body=PICTURE, query="", **headers):
    """Return the response for the planted model."""
    query = f"model=planted{query}"
    return exchange(adapter, path="/occlusion", query=query, pieces=[body], headers=headers)


def test_the_map_shows_where_a_model_looks(adapter):
    """The largest drop is at the square that the answer depends on; elsewhere there is none."""
    answer = json.loads(occlude(adapter).content)["occlusion"]
    assert (answer["patch"], answer["stride"], answer["fill"]) == (12, 4, 128)
    heat = np.array(answer["heat"])
    assert heat.shape == (len(answer["tops"]), len(answer["lefts"])) == (12, 19)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (answer["tops"][row], answer["lefts"][column]) == (TOP, LEFT)
    for i, top in enumerate(answer["tops"]):
        for j, left in enumerate(answer["lefts"]):
            is_apart = abs(top - TOP) >= SIDE or abs(left - LEFT) >= SIDE
            assert (abs(heat[i, j]) < 1e-6) == is_apart
    assert np.shape(answer["pixels"]) == SHAPE


def test_an_array_gives_the_same_map_as_its_picture(adapter, colour):
    """An array of the model's own channels is not changed."""
    picture = Image.fromarray(planted_picture())
    pixels = np.asarray(picture.convert("L") if colour == "grey" else picture)
    body = io.BytesIO()
    np.save(body, pixels[..., ::-1] if colour == "bgr" else pixels)
    array = occlude(adapter, body.getvalue(), **{"content-type": "application/x-npy"})
    assert array.status == 200
    assert array.content == occlude(adapter).content


def test_the_picture_is_drawn_in_its_own_colours(adapter, colour):
    """Maps and contact sheets show the input as it was sent, whatever the channels' order."""
    query = "model=planted&format=png&layers=flat"
    sheet = exchange(adapter, path="/activations", query=query, pieces=[PICTURE])
    for content in (occlude(adapter, query="&format=png").content, sheet.content):
        png = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        is_red = (np.abs(png.astype(int) - RED) < 3).all(axis=-1)
        assert (is_red.sum() > 100) == (colour != "grey")


def test_every_stage_shows_what_the_model_gets(adapter, colour):
    """A model that resizes images has one stage; the others are the same, in its own colours."""
    shown = planted_picture()
    if colour == "grey":
        shown = np.asarray(Image.fromarray(shown).convert("L"))
    for stage in ("digit", "resized", "grey", "mask", "ink", "cropped"):
        query = f"model=planted&format=png&stage={stage}"
        response = exchange(adapter, path="/preprocess", query=query, pieces=[PICTURE])
        assert response.status == 200
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(response.content))), shown)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("&patch=57", "patch must be 1 to 56 (the shorter side of the model's input), got 57."),
        ("&patch=8&stride=9", "stride must be 1 to 8 (the patch, so that every pixel is covered)"),
        ("&fill=256", "fill must be a whole number from 0 to 255, got '256'."),
        ("&patch=0", "patch must be a whole number from 1, got '0'."),
        ("&patch=6&stride=1", "has 4,029 positions; at most 1,024 are allowed: use at least "),
    ],
)
def test_parameters_that_do_not_fit_the_model_are_rejected(adapter, query, message):
    """400 with what the chosen model allows."""
    response = occlude(adapter, query=query)
    assert response.status == 400
    assert message in json.loads(response.content)["detail"]


def test_other_requests_are_answered_meanwhile(tmp_path, monkeypatch):
    """While a map is computed, health checks and predictions of the same model are answered."""
    adapter = build_adapter(tmp_path, models_dir=ROOT / "models")
    are_answered, is_computing = threading.Event(), threading.Event()
    compute = Engine.probabilities

    def wait(engine, pixels):
        is_computing.set()
        assert are_answered.wait(60)
        return compute(engine, pixels)

    monkeypatch.setattr(Engine, "probabilities", wait)

    async def scenario():
        slow = asyncio.create_task(Exchange(path="/occlusion", pieces=[SEVEN]).run(adapter))
        while not is_computing.is_set():
            await asyncio.sleep(0.001)
        health = await Exchange(path="/healthz", method="GET").run(adapter)
        prediction = await Exchange(pieces=[SEVEN]).run(adapter)
        assert not slow.done()
        are_answered.set()
        return health, prediction, await slow

    assert [each.status for each in run(scenario())] == [200, 200, 200]

"""POST /preprocess for models that resize images, and for models of any number of channels."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

from service.model.manifest import Input
from tests.asgi import build_adapter, exchange
from tests.conftest import ROOT
from tests.e2e.running import encode
from tests.planted import planted_picture, write_planted_bundle
from training.bundling import Contents, patterns, write_bundle
from training.tracing import trace

PICTURE = planted_picture()
MANY = (6, 5, 5)
GREY = Image.fromarray(PICTURE).convert("L")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A models folder with the committed model, and one for each order of the channels."""
    folder = tmp_path_factory.mktemp("colours")
    (folder / "mnist").symlink_to(ROOT / "models" / "mnist")
    for colour in ("grey", "rgb", "bgr"):
        write_planted_bundle(folder / colour / "1", colour)
    (folder / "many" / "1").mkdir(parents=True)
    layers = keras.layers
    tensors = [layers.Flatten(name="flat"), layers.Dense(2, "softmax", name="classes")]
    model = keras.Sequential([keras.Input(MANY), *tensors])
    images = patterns(MANY, 3)
    contents = Contents("many", 1, ["a", "b"], Input(MANY, "grey", None), images, images[:1])
    write_bundle(model, trace(model), folder / "many" / "1", contents)
    return folder


def post(folder, tmp_path, query, body, media_type="image/png"):
    """Return the response of /preprocess."""
    adapter = build_adapter(tmp_path, models_dir=folder)
    headers = {"content-type": media_type}
    return exchange(adapter, path="/preprocess", query=query, pieces=[body], headers=headers)


@pytest.mark.parametrize("stage", ["digit", "resized", "mask"])
@pytest.mark.parametrize("colour", ["grey", "rgb", "bgr"])
def test_a_resized_image_is_shown_as_the_model_gets_it(folder, tmp_path, colour, stage):
    """Every stage is the input, in the colours of the image whatever the order of the channels."""
    query = f"model={colour}&format=png&stage={stage}"
    response = post(folder, tmp_path, query, encode(Image.fromarray(PICTURE)))
    assert response.status == 200
    shown = np.asarray(Image.open(io.BytesIO(response.content)))
    np.testing.assert_array_equal(shown, GREY if colour == "grey" else PICTURE)


def test_nothing_is_removed_from_a_resized_image(folder, tmp_path):
    """The stage `removed` is blank, as for a digit from which nothing was removed."""
    query = "model=grey&format=png&stage=removed"
    response = post(folder, tmp_path, query, encode(GREY))
    assert response.status == 200
    assert not np.any(Image.open(io.BytesIO(response.content)))


def test_an_input_of_many_channels_is_shown_by_their_mean(folder, tmp_path):
    """An array of a model that takes no images is shown as grey."""
    array = patterns(MANY, 1)[0]
    body = io.BytesIO()
    np.save(body, array)
    response = post(folder, tmp_path, "model=many&format=png", body.getvalue(), "application/x-npy")
    assert response.status == 200
    shown = Image.open(io.BytesIO(response.content)).convert("L")
    np.testing.assert_array_equal(shown, array.mean(axis=-1).round())

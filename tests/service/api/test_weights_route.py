"""GET /model/weights of models that are larger, or have other layers, than the lecture's."""

import io
import json
import shutil

import keras
import numpy as np
import pytest
from keras import layers
from safetensors.numpy import load

from service.api.http import archives
from service.api.routes import answers
from service.model.manifest import Input
from tests.asgi import build_adapter, exchange
from tests.e2e.running import ROOT, SEVEN
from training.bundling import Contents, patterns, write_bundle
from training.tracing import trace

SHAPE = (16, 16, 3)


@pytest.fixture(scope="module")
def model():
    """A model with a transposed and a separable convolution, normalisation and a large Dense."""
    x = image = keras.Input(SHAPE)
    x = layers.Conv2DTranspose(5, 3, name="transposed")(x)
    x = layers.SeparableConv2D(4, 3, name="separable")(x)
    x = layers.BatchNormalization(name="normal")(x)
    x = layers.Dense(1100, name="large")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(2, activation="softmax", name="classes")(x))


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """A models folder with a bundle of the model."""
    folder = tmp_path_factory.mktemp("models")
    bundle = folder / "many" / "1"
    bundle.mkdir(parents=True)
    images = patterns(SHAPE, 2)
    contents = Contents("many", 1, ["a", "b"], Input(SHAPE, "rgb", None), images, images[:1])
    write_bundle(model, trace(model), bundle, contents)
    return folder


@pytest.fixture
def adapter(folder, tmp_path):
    """An adapter that serves the model."""
    return build_adapter(tmp_path, models_dir=folder, default_model="many")


def weights(adapter, format_, **headers):
    """Return the response of that format."""
    query = f"format={format_}"
    return exchange(adapter, path="/model/weights", method="GET", query=query, headers=headers)


def test_kernels_of_every_kind_have_their_outputs_first(adapter, model):
    """JSON has the layers with a kernel; a transposed convolution's output axis is the first."""
    answer = json.loads(weights(adapter, "json").content)
    kernels = {layer["name"]: np.float32(layer["kernel"]) for layer in answer["layers"]}
    assert list(kernels) == ["transposed", "large", "classes"]
    kernel = np.asarray(model.get_layer("transposed").kernel)  # (rows, columns, outputs, inputs)
    np.testing.assert_array_equal(kernels["transposed"], kernel.transpose(2, 3, 0, 1))


def test_large_weights_are_sent_in_pieces_and_not_again(adapter, model):
    """Safetensors and npz hold every weight, larger than a piece; their ETag saves a repetition."""
    expected = np.asarray(model.get_layer("large").kernel)
    assert expected.nbytes > archives.MIN_STREAMED
    safetensors, npz = weights(adapter, "safetensors"), weights(adapter, "npz")
    for arrays in (load(safetensors.content), np.load(io.BytesIO(npz.content))):
        np.testing.assert_array_equal(arrays["large/kernel"], expected)
        assert "normal/moving_mean" in arrays
        assert "separable/pointwise_kernel" in arrays
    for response, format_ in ((safetensors, "safetensors"), (npz, "npz")):
        again = weights(adapter, format_, **{"if-none-match": response.response_headers["etag"]})
        assert (again.status, again.content) == (304, b"")


def test_json_of_too_many_weights_names_the_other_formats(adapter, monkeypatch):
    """Above the limit JSON is refused, with the limit and the formats that have none."""
    monkeypatch.setattr(answers, "MAX_WEIGHTS", 1_000_000)
    response = weights(adapter, "json")
    assert response.status == 413
    detail = json.loads(response.content)["detail"]
    assert "weights; as JSON the limit is 1,000,000" in detail
    assert "format=safetensors or format=npz" in detail


def test_a_loaded_model_needs_its_files_no_more(tmp_path):
    """Its weights and its explanations stay the same when its files are emptied in place."""
    shutil.copytree(ROOT / "models" / "mnist", tmp_path / "models" / "mnist")
    adapter = build_adapter(tmp_path, models_dir=tmp_path / "models")
    cell = "layer=conv2d_1&channel=3&row=4&column=5"

    def answers():
        explained = exchange(adapter, path="/explain", query=cell, pieces=[SEVEN])
        explanation = json.loads(explained.content)
        stored = weights(adapter, "safetensors")
        return stored.status, stored.content, {**explanation, "timing": 0, "request_id": ""}

    before = answers()
    for path in (tmp_path / "models" / "mnist" / "1").iterdir():
        if path.is_file():
            path.write_bytes(b"")
    assert answers() == before
    assert before[0] == 200

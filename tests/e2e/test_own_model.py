"""A user's own colour model: saved by Keras, exported by the command, and served."""

import io
import subprocess
import sys

import keras
import numpy as np
import pytest
import requests
from keras import layers
from PIL import Image

from tests.conftest import ROOT
from tests.e2e.running import running

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 210)}


def residual_cnn():
    """Build a network with a branch, batch normalization, and logits without a softmax."""
    keras.utils.set_random_seed(3)
    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="stem")(x)
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(name="stem_norm")(x))
    y = layers.SeparableConv2D(8, 3, padding="same", activation="swish", name="branch")(x)
    x = layers.Add(name="joined")([x, y])
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(3, name="logits")(x))


def picture(colour, rng, size=(60, 48)):
    """Return pixels of about one colour, uint8 (H, W, 3)."""
    noise = rng.integers(-20, 21, (*size, 3))
    return np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)


def encoded(pixels):
    """Encode pixels as PNG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module", name="exported")
def exported_(tmp_path_factory):
    """Train, save and export the model as a user would; return the folder and the model."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    names = list(COLOURS) * 24
    images = np.stack([picture(name, rng, (32, 32)) for name in names])
    model = residual_cnn()
    model.compile(
        keras.optimizers.Adam(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    model.fit(images, np.arange(len(names)) % 3, epochs=8, verbose=0)
    model.save(folder / "mine.keras")
    (folder / "labels.txt").write_text("\n".join(COLOURS) + "\n")
    (folder / "images").mkdir()
    for index, name in enumerate(names):
        Image.fromarray(picture(name, rng)).save(folder / "images" / f"{index}.png")
    (folder / "models").mkdir()
    (folder / "models" / "mnist").symlink_to(ROOT / "models" / "mnist")
    command = [
        *(sys.executable, "-m", "training", "export", str(folder / "mine.keras")),
        *("--name", "colours", "--labels", str(folder / "labels.txt")),
        *("--models", str(folder / "models"), "--fit-images", str(folder / "images")),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, model, done


@pytest.fixture(scope="module", name="service")
def service_(exported):
    """Serve the exported model beside the digits."""
    with running(CONVSCOPE_MODELS_DIR=str(exported[0] / "models")) as (_, url):
        yield url


def post(service, route, pixels, **query):
    """Post an image of the model; return the response."""
    query = {"model": "colours", **query}
    return requests.post(f"{service}/{route}", params=query, data=encoded(pixels), timeout=60)


def test_the_export_reports_each_stage_and_a_summary(exported):
    """The command says what it does, how exact the graphs are, and their times and sizes."""
    _, _, done = exported
    for stage in ("Reading", "Tracing", "Fitting the score on 72 images", "Comparing"):
        assert stage in done.stderr
    assert "class for 100% of 64 images" in done.stdout
    assert "graph.tflite" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_predictions_are_those_of_keras(exported, service):
    """Labels, probabilities and preprocessing are those of the user's model."""
    _, model, _ = exported
    rng = np.random.default_rng(5)
    for name in COLOURS:
        pixels = picture(name, rng)
        (answer,) = post(service, "predict", pixels).json()["predictions"]
        assert answer["label"] == name
        assert answer["in_distribution"] is True
        assert answer["preprocessing"]["mode"] == "resize"
        assert answer["preprocessing"]["bounding_box"] == [0, 6, 48, 48]
        cut = Image.fromarray(pixels).resize((32, 40), Image.Resampling.BILINEAR)
        expected = model(np.asarray(cut)[np.newaxis, 4:36].astype(np.float32))
        probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(expected))[0]
        for label, value in zip(COLOURS, probabilities, strict=True):
            assert answer["probabilities"][label] == pytest.approx(value, abs=1e-4)


def test_an_image_unlike_the_users_is_flagged(service):
    """A picture of another kind has a score below the threshold."""
    stripes = np.zeros((60, 48, 3), np.uint8)
    stripes[::2] = (255, 255, 0)
    (answer,) = post(service, "predict", stripes).json()["predictions"]
    assert answer["in_distribution"] is False


def test_every_layer_has_the_values_of_keras(exported, service):
    """Values before and after the activations, of branches and of joined layers, equal Keras's."""
    _, model, _ = exported
    pixels = picture("green", np.random.default_rng(6), (32, 32))
    batch = pixels[np.newaxis].astype(np.float32)
    names = ["stem", "stem_norm", "stem_relu", "branch", "joined", "mean", "logits"]
    inner = keras.Model(model.input, [model.get_layer(name).output for name in names])
    response = post(service, "activations", pixels, layers=",".join(names), format="npz")
    values = np.load(io.BytesIO(response.content))
    for name, expected in zip(names, inner(batch), strict=True):
        np.testing.assert_allclose(values[name], expected, atol=1e-4, err_msg=name)
    before = np.load(
        io.BytesIO(
            post(service, "activations", pixels, layers="branch", stage="pre", format="npz").content
        )
    )["branch/pre"]
    np.testing.assert_allclose(before / (1 + np.exp(-before)), values["branch"], atol=1e-4)


def test_the_manifest_shows_the_layers_as_a_graph(service):
    """Each layer has its inputs; the service's own softmax is the last one."""
    manifest = requests.get(f"{service}/model", params={"model": "colours"}, timeout=60).json()
    layers_ = {layer["name"]: layer for layer in manifest["layers"]}
    assert layers_["joined"]["inputs"] == ["stem_relu", "branch"]
    assert list(layers_)[-1] == manifest["output"]["layer"] == "probabilities"
    assert manifest["input"]["preparation"]["scale"] == 1  # the model rescales bytes itself


def test_digits_are_answered_as_before(service):
    """The other model in the folder is the default one."""
    seven = (ROOT / "tests" / "seven.png").read_bytes()
    answer = requests.post(f"{service}/predict", data=seven, timeout=60).json()
    assert answer["predictions"][0]["label"] == "7"


def test_a_cell_of_a_branch_is_explained(service):
    """A separable convolution, and the sum of two branches, have their exact arithmetic."""
    for layer, kind in (("branch", "SeparableConv2D"), ("joined", "Add")):
        query = {"layer": layer, "channel": 0, "row": 3, "column": 4}
        answer = post(service, "explain", picture("red", np.random.default_rng(1)), **query).json()
        explanation = answer["explanation"]
        assert (explanation["kind"], explanation["difference"] < 1e-4) == (kind, True)
    assert explanation["inputs"] == ["stem_relu", "branch"]


@pytest.mark.parametrize(
    ("query", "route", "reason"),
    [
        ({"preprocess": "mnist"}, "predict", "preprocess=mnist is for digits"),
        ({"preprocess": "none"}, "predict", "32 × 32 pixels, not 48 × 60"),
        ({"segment": "true"}, "predict", "Omit segment"),
    ],
)
def test_what_such_a_model_cannot_do_is_said(service, query, route, reason):
    """Options of digits are refused with what to do."""
    response = post(service, route, picture("red", np.random.default_rng(1)), **query)
    assert 400 <= response.status_code < 500
    assert reason in response.json()["detail"]

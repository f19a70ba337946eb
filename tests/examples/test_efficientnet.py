"""The example is EfficientNet-Lite0 with its trained weights, and the service recognises photos."""

import json
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from examples.efficientnet_lite0.bundle import CARD, INPUT, NAME, load_labels, write_bundle
from examples.efficientnet_lite0.model import build_model, set_weights
from examples.efficientnet_lite0.weights import PACKAGE, WeightsError, load_state_dict
from service.images.decode import decode_rgb
from service.model.bundle import read_bundle
from service.model.checksums import write_manifest
from service.model.engine import Engine
from service.preparation import from_images
from tests.conftest import ROOT
from tests.examples.photographs import PHOTOGRAPHS
from training.input_spec import parse

MAX_PIXELS = 10_000_000
BAR = 6  # of the ten photographs


@pytest.fixture(scope="session")
def state():
    """Read the state dict of the installed package."""
    return load_state_dict()


@pytest.fixture(scope="session")
def model(state):
    """Build the network with its trained weights."""
    model = build_model()
    set_weights(model, state)
    return model


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory):
    """Build the bundle once, in a folder with the committed model and a copy of it, `other`."""
    folder = tmp_path_factory.mktemp("efficientnet")
    write_bundle(folder)
    (folder / "mnist").symlink_to(ROOT / "models" / "mnist")
    (folder / "other").mkdir()
    shutil.copytree(ROOT / "models" / "mnist" / "1", folder / "other" / "1")
    manifest = json.loads((folder / "other" / "1" / "manifest.json").read_text())
    write_manifest(folder / "other" / "1", {**manifest, "name": "other"})
    return folder


@pytest.fixture(scope="session")
def engine(models_folder):
    """Load the bundle as the service does."""
    return Engine(read_bundle(models_folder / NAME / "1"))


def inputs(photographs, bundle):
    """Prepare photographs through the service's path, uint8 (N, 224, 224, 3)."""
    files = [photograph.path.read_bytes() for photograph in photographs]
    return from_images(files, "auto", bundle, MAX_PIXELS).pixels


def first(probabilities, count=5):
    """Return the labels of the most probable classes."""
    labels = load_labels()
    return [labels[index] for index in np.argsort(probabilities)[::-1][:count]]


def test_the_network_is_efficientnet_lite0(model):
    """It has the published number of parameters, and its blocks have the published sizes."""
    assert model.count_params() == 4_694_024
    assert sum(int(np.prod(each.shape)) for each in model.trainable_weights) == 4_652_008
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes["stem_activation"] == (112, 112, 32)
    assert shapes["block1a_project_bn"] == (112, 112, 16)
    assert shapes["block2b_add"] == (56, 56, 24)
    assert shapes["block3b_add"] == (28, 28, 40)
    assert shapes["block5c_add"] == (14, 14, 112)
    assert shapes["block6d_add"] == (7, 7, 192)
    assert shapes["block7a_project_bn"] == (7, 7, 320)
    assert shapes["top_activation"] == (7, 7, 1280)
    kernels = {layer.name: layer.kernel_size[0] for layer in model.layers if "dwconv" in layer.name}
    assert "".join(str(size) for size in kernels.values()) == "3335533355555553"
    assert not any("se_" in name for name in shapes)


def test_it_recognises_a_photograph(model):
    """Keras with the trained weights, on a picture that the service's code prepares."""
    cat = PHOTOGRAPHS[0]
    resize, normalisation = parse(INPUT, model.input_shape[1:])
    pixels = resize.prepare(decode_rgb(cat.path.read_bytes(), MAX_PIXELS)).pixels
    numbers = normalisation.apply(pixels[np.newaxis])
    np.testing.assert_allclose(numbers, (pixels[np.newaxis] - 127.0) / 128, atol=1e-6)
    probabilities = np.asarray(model(numbers))[0]
    assert cat.classes <= set(first(probabilities, 3))


def test_kernels_have_the_axes_and_the_padding_of_the_original(model, state):
    """A cell of the stem, and one of the first depthwise convolution, as sums of products.

    The stem's stride is 2, so "same" adds zeros below and on the right only.
    """
    image = np.random.default_rng(2).normal(size=(1, 224, 224, 3)).astype(np.float32)
    names = ("stem_conv", "stem_activation", "block1a_dwconv")
    outputs = keras.Model(model.input, [model.get_layer(name).output for name in names])
    stem, activation, depthwise = (np.asarray(array)[0] for array in outputs(image))
    kernel = state["_conv_stem.weight"]  # (out, in, rows, columns)
    padded = np.pad(image[0], ((0, 1), (0, 1), (0, 0)))
    for row, column in ((0, 0), (50, 60), (111, 111)):
        window = padded[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        expected = np.einsum("hwc,ochw->o", window, kernel)
        np.testing.assert_allclose(stem[row, column], expected, atol=1e-5)
    kernel = state["_blocks.0._depthwise_conv.weight"][:, 0]
    padded = np.pad(activation, ((1, 1), (1, 1), (0, 0)))
    for row, column in ((0, 0), (50, 60), (111, 111)):
        window = padded[row : row + 3, column : column + 3]
        expected = np.einsum("hwc,chw->c", window, kernel)
        np.testing.assert_allclose(depthwise[row, column], expected, atol=1e-4)


def test_every_entry_of_the_state_dict_is_used_once(model, state):
    """An entry that is missing, left over, or of another shape is named."""
    name = "_blocks.3._depthwise_conv.weight"
    counter = "_bn0.num_batches_tracked"
    for changed, message in (
        ({key: value for key, value in state.items() if key != name}, f"has no {name} for layer"),
        ({key: value for key, value in state.items() if key != counter}, f"has no {counter}"),
        ({**state, "_swish": state[counter]}, "of no layer: _swish"),
        ({**state, name: state[name][:-1]}, r"\(5, 5, 143, 1\) for block3a_dwconv"),
    ):
        with pytest.raises(WeightsError, match=message):
            set_weights(model, changed)


def test_labels_are_distinct_and_in_the_order_of_imagenet():
    """A response has a probability by label, so two classes cannot share one."""
    labels = load_labels()
    assert len(labels) == len(set(labels)) == 1000
    assert (labels[0], labels[281], labels[999]) == ("tench", "tabby", "toilet tissue")
    assert [labels[index] for index in (134, 517)] == [
        "crane (crane bird)",
        "crane (construction crane)",
    ]
    assert set().union(*(photograph.classes for photograph in PHOTOGRAPHS)) <= set(labels)


@pytest.mark.slow
def test_photographs_are_recognised_by_the_service(engine):
    """Of ten photographs with stated classes, at least six have one among the first five."""
    probabilities = engine.probabilities(inputs(PHOTOGRAPHS, engine.bundle))
    answers = {
        photograph.file: first(row)
        for photograph, row in zip(PHOTOGRAPHS, probabilities, strict=True)
    }
    recognised = [each.file for each in PHOTOGRAPHS if each.classes & set(answers[each.file])]
    assert len(recognised) >= BAR, answers


@pytest.mark.slow
def test_the_graphs_compute_what_keras_computes(engine, model):
    """Every layer's values differ by at most 5 · 10⁻⁵ of the layer's largest, on photographs."""
    pixels = inputs(PHOTOGRAPHS[:3], engine.bundle)
    layers = model.layers[1:]
    expected = keras.Model(model.input, [layer.output for layer in layers]).predict(
        (pixels - np.float32(127)) / 128, verbose=0
    )
    values = engine.run(pixels, [(layer.name, "post") for layer in layers])
    for layer, array in zip(layers, expected, strict=True):
        limit = 5e-5 * np.abs(array).max()
        np.testing.assert_allclose(values[layer.name, "post"], array, rtol=0, atol=limit)
    np.testing.assert_allclose(engine.probabilities(pixels), expected[-1], atol=1e-5)


@pytest.mark.slow
def test_the_bundle_has_a_model_card(models_folder):
    """It states the origin, both licences, the preparation and what was measured."""
    card = (models_folder / NAME / "1" / CARD).read_text()
    for statement in (PACKAGE, "Apache License, Version 2.0", "MIT License", INPUT, "4,694,024"):
        assert statement in card
    assert re.search(r"predict\.tflite +[\d.]+ ms an image", card)


MEMORY = """
import json, sys
from pathlib import Path
import numpy as np
from service.model.registry import Models
from service.model.session import resident_bytes

folder, name, pixels = Path(sys.argv[1]), sys.argv[2], np.load(sys.argv[3])
models = Models(folder, "mnist", memory_limit=1)  # one model beside the default one
models.get("other")
before = resident_bytes()
model = models.get(name)
selection = [(layer.name, stage) for layer in model.bundle.layers for stage in ("pre", "post")]
for _ in range(100):
    model.engine.run(pixels, selection)
loaded = resident_bytes()
del model
models.get("other")
after = resident_bytes()
events = list(models.events)
print(json.dumps({"before": before, "loaded": loaded, "after": after, "events": events}))
"""


@pytest.mark.slow
def test_an_evicted_model_returns_its_memory(models_folder, engine, tmp_path):
    """After a hundred runs of every layer and an eviction, at most 60 MB more are resident."""
    np.save(tmp_path / "pixels.npy", inputs(PHOTOGRAPHS[:1], engine.bundle))
    arguments = [str(models_folder), NAME, str(tmp_path / "pixels.npy")]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    megabytes = {key: measured[key] / 1e6 for key in ("before", "loaded", "after")}
    assert ["eviction", NAME] in measured["events"]
    assert megabytes["loaded"] > megabytes["before"] + 60, "the model must be larger than the bound"
    assert megabytes["after"] <= megabytes["before"] + 60, megabytes

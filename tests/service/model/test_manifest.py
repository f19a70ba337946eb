"""Manifests of version 2: what is read, and what is rejected with a reason."""

import json
from pathlib import Path

import pytest

from service.errors import BundleError
from service.model.manifest import ResizePreparation, read_manifest
from service.model.normalisation import Normalisation

MNIST = Path(__file__).parents[3] / "models" / "mnist" / "1" / "manifest.json"


@pytest.fixture(name="fields")
def fields_():
    """Return the committed manifest as version 2, of a model that resizes colour images."""
    raw = json.loads(MNIST.read_text())
    names = ["input", *(layer["name"] for layer in raw["layers"])]
    for layer, before in zip(raw["layers"], names, strict=False):
        layer["inputs"] = [before]
    return {
        **raw,
        "manifest": 2,
        "input": {
            "shape": [28, 20, 3],
            "colour": "rgb",
            "preparation": {"name": "resize", "fit": "crop", "resize": 32, "mean": [0.5]},
        },
        "output": {"layer": names[-1], "activation": "softmax"},
        "graphs": {"made_from": raw["graph"]["made_from"], "values": {"file": "graph.tflite"}},
        "golden": [],
        "in_distribution": None,
    }


def read(fields, folder):
    """Write a manifest and read it."""
    (folder / "manifest.json").write_text(json.dumps(fields))
    return read_manifest(folder / "manifest.json")[0]


def test_a_manifest_declares_its_input(fields, tmp_path):
    """Shape, colour, preparation and normalisation are as they were written."""
    source = read(fields, tmp_path).input
    assert (source.shape, source.colour) == ((28, 20, 3), "rgb")
    assert source.preparation == ResizePreparation("crop", 32, mean=(0.5,))
    assert source.normalisation == Normalisation(1 / 255, (0.5,))


def test_a_manifest_of_version_1_is_read_as_one_of_version_2():
    """Layers are a chain, the input a digit, the output the last layer's softmax."""
    manifest, raw = read_manifest(MNIST)
    assert manifest.input.shape == (28, 28, 1)
    assert [layer.inputs for layer in manifest.layers] == [
        ("input",),
        *((layer.name,) for layer in manifest.layers[:-1]),
    ]
    assert all(layer.is_exact for layer in manifest.layers)
    assert (manifest.output.layer, manifest.graphs.predict) == (raw["layers"][-1]["name"], None)


def change(*path, to):
    """Return a function that sets one value of a manifest."""

    def apply(fields):
        for key in path[:-1]:
            fields = fields[key]
        fields[path[-1]] = to

    return apply


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (change("manifest", to=3), "reads 1 and 2"),
        (change("version", to=0), "version"),
        (change("labels", to=["a"]), "1 labels do not fit"),
        (change("input", "shape", to=[28, 28]), "shape"),
        (change("input", "shape", to=[0, 28, 3]), "shape"),
        (change("input", "colour", to="grey"), "grey does not fit 3 channels"),
        (change("input", "preparation", "name", to="run"), "run"),
        (change("input", "preparation", "code", to="x"), "code"),
        (change("input", "preparation", "resize", to=8), "resize 8"),
        (change("input", "preparation", "std", to=[0]), "above 0"),
        (change("input", "preparation", "mean", to=[1, 2]), "mean"),
        (change("input", "preparation", to={"name": "digit"}), "digits does not fit"),
        (change("output", "layer", to="nowhere"), "nowhere"),
        (change("graphs", "values", "file", to="../graph.tflite"), "graph.tflite"),
        (change("graphs", "made_from", to="x"), "made_from"),
        (change("layers", 1, "name", to="conv2d"), "same name"),
        (change("layers", 1, "inputs", to=["nowhere"]), "unknown input 'nowhere'"),
        (change("layers", 1, "output_shape", to=[0]), "shape"),
        (change("layers", 1, "pre", to="7"), "pre"),
        (change("in_distribution", to={"threshold": 0, "features": "x/post"}), "names no layer"),
        (change("sha256", "model.keras", to="../secret"), "sha256"),
    ],
)
def test_a_manifest_that_is_not_valid_is_rejected(fields, alter, reason, tmp_path):
    """Unknown values, wrong types and parts that contradict each other are an error."""
    alter(fields)
    with pytest.raises(BundleError, match=reason):
        read(fields, tmp_path)

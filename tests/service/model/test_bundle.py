"""A bundle with an altered, truncated or foreign file is rejected, and the file is named."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from service.errors import BundleError
from service.model.bundle import read_bundle, sha256, versions
from service.model.engine import Engine
from service.model.manifest import DISTRIBUTION, GRAPH, MANIFEST, MODEL, SNAPSHOTS, WEIGHTS


@pytest.fixture
def copy(mnist_bundle, tmp_path):
    """A bundle to damage."""
    return shutil.copytree(mnist_bundle.path, tmp_path / "7")


def edit(path, change):
    """Change the manifest in place."""
    manifest = json.loads((path / MANIFEST).read_text())
    change(manifest)
    (path / MANIFEST).write_text(json.dumps(manifest))


def replace(path, name, content):
    """Replace a file, and its hash in the manifest."""
    (path / name).write_bytes(content)
    edit(path, lambda manifest: manifest["sha256"].update({name: sha256(path / name)}))


def test_a_bundle_has_its_layers_in_order(mnist_bundle):
    """The manifest's layers come in order, with kinds, shapes and parameters."""
    assert [layer.kind for layer in mnist_bundle.layers] == [
        *("Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Conv2D", "Flatten"),
        *("Dense", "Dense"),
    ]
    assert sum(layer.parameters for layer in mnist_bundle.layers) == 93_322
    assert mnist_bundle.layers[0].output_shape == (26, 26, 32)
    assert mnist_bundle.labels == tuple("0123456789")


def test_weights_have_the_layers_shapes(mnist_bundle):
    """Kernels and biases are there by layer name, as many numbers as the manifest says."""
    for layer in mnist_bundle.layers:
        arrays = [v for k, v in mnist_bundle.weights.items() if k.startswith(layer.name + "/")]
        assert sum(array.size for array in arrays) == layer.parameters


@pytest.mark.parametrize("name", [MODEL, GRAPH, SNAPSHOTS, WEIGHTS])
def test_an_altered_file_is_rejected(copy, name):
    """One changed byte in any file is found, and the file named."""
    raw = bytearray((copy / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (copy / name).write_bytes(raw)
    with pytest.raises(BundleError, match=rf"{name} was altered"):
        read_bundle(copy)


@pytest.mark.parametrize("name", [MANIFEST, MODEL, GRAPH, SNAPSHOTS, WEIGHTS])
def test_a_missing_file_is_named(copy, name):
    """The error says which file is not there."""
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        read_bundle(copy)


def test_a_bundle_needs_no_snapshots(copy):
    """A bundle whose training was not recorded is read."""
    (copy / SNAPSHOTS).unlink()
    edit(copy, lambda manifest: manifest["sha256"].pop(SNAPSHOTS))
    assert read_bundle(copy).labels == tuple("0123456789")


def test_a_graph_of_another_model_is_rejected(copy):
    """A graph is valid only with the model that it was compiled from."""
    edit(copy, lambda manifest: manifest["graph"].update(made_from="0" * 64))
    with pytest.raises(BundleError, match="compiled from another model"):
        read_bundle(copy)


@pytest.mark.parametrize("name", [WEIGHTS, DISTRIBUTION])
@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x02" + bytes(7) + b"[]", b"PK\3\4" * 50])
def test_arrays_in_another_format_are_rejected(copy, name, content):
    """A file whose hash is the manifest's, but which holds no safetensors, is named."""
    replace(copy, name, content)
    with pytest.raises(BundleError, match=f"{name} "):
        read_bundle(copy)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("kernel", lambda array: array[1:]),
        ("kernel", lambda array: array[0]),
        ("bias", lambda array: array[1:]),
        ("weights", lambda array: array[:, np.newaxis]),
        ("weights", lambda array: array.astype(np.int32)),
        ("weight", lambda _: np.zeros(48, np.float32)),
    ],
)
def test_a_score_that_does_not_fit_its_features_is_rejected(copy, name, change):
    """Arrays of other names, shapes or types would fail at the first prediction."""
    arrays = load_file(copy / DISTRIBUTION)
    save_file(arrays | {name: change(arrays.get(name))}, copy / DISTRIBUTION)
    replace(copy, DISTRIBUTION, (copy / DISTRIBUTION).read_bytes())
    with pytest.raises(BundleError, match=f"{DISTRIBUTION} .*arrays? "):
        read_bundle(copy)


@pytest.mark.parametrize("broken", ["", "{", "[]", "{}"])
def test_an_invalid_manifest_is_rejected(copy, broken):
    """Whatever the file contains, the message names it."""
    (copy / MANIFEST).write_text(broken)
    with pytest.raises(BundleError, match=MANIFEST):
        read_bundle(copy)


def test_a_graph_with_other_values_is_rejected(copy):
    """The golden digits' means are compared with the manifest when the engine starts."""
    edit(copy, lambda manifest: manifest["golden"][3]["means"].update({"conv2d_1/pre": 12.5}))
    with pytest.raises(BundleError, match=r"does not compute the values in .*conv2d_1/pre"):
        Engine(read_bundle(copy))


def test_the_golden_probabilities_are_compared_too(copy):
    """Correct layer means with wrong probabilities are rejected."""
    edit(copy, lambda manifest: manifest["golden"][0].update(probabilities=[0.1] * 10))
    with pytest.raises(BundleError, match="does not compute"):
        Engine(read_bundle(copy))


def test_versions_are_the_integer_folders_in_order(tmp_path):
    """Version 10 comes after 9; other names are ignored."""
    for name in ("10", "9", "x", ".export-1"):
        (tmp_path / "m" / name).mkdir(parents=True)
    assert versions(tmp_path, "m") == [9, 10]
    assert versions(tmp_path, "none") == []


def test_golden_digits_are_recognised(mnist_bundle):
    """Each golden digit is recognised as its own class."""
    best = [int(np.argmax(golden.probabilities)) for golden in mnist_bundle.golden]
    assert best == list(range(10))


def test_a_layer_may_be_of_an_unknown_kind(copy):
    """A layer of a kind that the registry lacks is read as any other."""
    edit(copy, lambda manifest: manifest["layers"][2].update(kind="Mystery"))
    assert read_bundle(copy).layers[2].kind == "Mystery"

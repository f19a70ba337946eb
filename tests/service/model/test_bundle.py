"""A bundle with an altered, truncated or foreign file is rejected, and the file is named."""

import json
import shutil
from contextlib import nullcontext

import numpy as np
import pytest

from service.errors import BundleError
from service.model.bundle import read_bundle, versions
from service.model.engine import GOLDEN_TOLERANCE, Engine
from service.model.manifest import GRAPH, MANIFEST, MODEL, SNAPSHOTS, WEIGHTS


@pytest.fixture
def copy(mnist_bundle, tmp_path):
    """A bundle to damage."""
    return shutil.copytree(mnist_bundle.path, tmp_path / "7")


def edit(path, change):
    """Change the manifest in place."""
    manifest = json.loads((path / MANIFEST).read_text())
    change(manifest)
    (path / MANIFEST).write_text(json.dumps(manifest))


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


@pytest.mark.parametrize(("share", "is_right"), [(0.5, True), (1.5, False)])
def test_a_mean_may_differ_by_the_tolerance(copy, share, is_right):
    """The tolerance is absolute for means below 1."""
    mean = read_bundle(copy).golden[3].means["dense", "post"]
    assert abs(mean) < 1
    changed = {"dense/post": mean + share * GOLDEN_TOLERANCE}
    edit(copy, lambda manifest: manifest["golden"][3]["means"].update(changed))
    with nullcontext() if is_right else pytest.raises(BundleError, match="dense/post"):
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

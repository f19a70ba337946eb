"""A bundle with an altered, truncated or foreign file is rejected, and the file is named."""

import json
import os
import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from service.errors import BundleError
from service.model.bundle import read_bundle, versions
from service.model.checksums import write_manifest
from service.model.engine import GOLDEN_TOLERANCE, Engine
from service.model.manifest import (
    DISTRIBUTION,
    GRAPH,
    MANIFEST,
    MODEL,
    SNAPSHOTS,
    WEIGHTS,
)

NEEDED = (MODEL, GRAPH, WEIGHTS, DISTRIBUTION)
FILES = (*NEEDED, SNAPSHOTS, "calibration.png", "report.json", "digit_map/3.png")


@pytest.fixture
def copy(mnist_bundle, tmp_path):
    """A bundle to damage."""
    return shutil.copytree(mnist_bundle.path, tmp_path / "7")


def flip(path, bit):
    """Change one bit of a file."""
    raw = bytearray(path.read_bytes())
    raw[bit // 8] ^= 1 << bit % 8
    path.write_bytes(raw)


def edit(path, change):
    """Change the manifest in place."""
    manifest = json.loads((path / MANIFEST).read_text())
    change(manifest)
    write_manifest(path, manifest)


def replace(path, name, content):
    """Replace a file, and its hash in the manifest."""
    (path / name).write_bytes(content)
    write_manifest(path, json.loads((path / MANIFEST).read_text()))


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


def test_every_file_of_the_committed_bundle_is_listed(mnist_bundle):
    """The manifest has the SHA-256 of every file, also of those for readers."""
    paths = [path for path in mnist_bundle.path.rglob("*") if path.is_file()]
    files = {path.relative_to(mnist_bundle.path).as_posix() for path in paths}
    assert mnist_bundle.manifest["sha256"].keys() == files


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_an_altered_file_is_rejected(copy, name):
    """One changed bit in any file is found, and the file named."""
    flip(copy / name, (copy / name).stat().st_size * 4)
    with pytest.raises(BundleError, match=rf"{name} (was altered|is not a valid manifest)"):
        read_bundle(copy)


def test_any_changed_bit_of_a_manifest_is_found(copy):
    """Its own SHA-256 protects what parses as well as before, such as a digit of a number."""
    raw = (copy / MANIFEST).read_bytes()
    rng = np.random.default_rng(8)
    own = raw.index(b'"manifest.json"')
    for bit in [*rng.integers(0, len(raw) * 8, 100), *range(own * 8, (own + 84) * 8, 5)]:
        flip(copy / MANIFEST, int(bit))
        with pytest.raises(BundleError):
            read_bundle(copy)
        (copy / MANIFEST).write_bytes(raw)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_named(copy, name):
    """The error says which file is not there."""
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        read_bundle(copy)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.parametrize("name", [GRAPH, MANIFEST])
def test_a_file_that_cannot_be_read_is_named(copy, name, make):
    """A folder or a pipe in a file's place is refused at once, and it says what to do."""
    (copy / name).unlink()
    make(copy / name)
    with pytest.raises(
        BundleError, match=rf"{name} (is not a file|is not a valid manifest).* export the"
    ):
        read_bundle(copy)


@pytest.mark.parametrize("name", ["/etc/passwd", "../6/graph.tflite", "a//b", ".hidden", ""])
def test_a_manifest_names_files_of_its_folder_only(copy, name):
    """A manifest cannot make the service read other files."""
    manifest = json.loads((copy / MANIFEST).read_text())
    del manifest["sha256"][MANIFEST]
    manifest["sha256"][name] = "0" * 64
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="is not a valid manifest"):
        read_bundle(copy)


@pytest.mark.parametrize("name", [MODEL, GRAPH, WEIGHTS, DISTRIBUTION])
def test_a_manifest_must_list_what_the_service_uses(copy, name):
    """A manifest of an earlier exporter lists fewer files, but never fewer than these."""
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["sha256"] = {file: manifest["sha256"][file] for file in {*NEEDED} - {name}}
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=f"is not a valid manifest.*{name}"):
        read_bundle(copy)


def test_a_bundle_needs_no_snapshots(copy):
    """A bundle whose training was not recorded is read."""
    (copy / SNAPSHOTS).unlink()
    edit(copy, lambda manifest: manifest)
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

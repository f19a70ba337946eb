"""The default model's highest version is loaded; one that fails leaves the loaded one."""

import json
import shutil

import pytest

from service.errors import BundleError, UnknownModel
from service.model.checksums import write_manifest
from service.model.registry import Models
from tests.conftest import ROOT
from tests.service.model.bundles import add


@pytest.fixture
def folder(tmp_path):
    """A models folder with version 1 of the committed model."""
    shutil.copytree(ROOT / "models" / "mnist" / "1", tmp_path / "mnist" / "1")
    return tmp_path


def test_a_reload_loads_a_higher_version_and_keeps_the_same_one(folder):
    """A reload loads the highest version, and keeps the same object where it is loaded already."""
    models = Models(folder, "mnist")
    first = models.get()
    models.reload()
    assert models.get() is first
    add(folder, 10)
    add(folder, 9)
    models.reload()
    assert models.get().bundle.version == 10
    assert models.errors == []


def test_a_reload_adds_and_removes_models(folder):
    """A new model in the folder can be selected; after its removal it is unknown."""
    models = Models(folder, "mnist")
    add(folder, 1, name="other")
    models.reload()
    assert models.get("other").bundle.name == "other"
    shutil.rmtree(folder / "other")
    models.reload()
    with pytest.raises(UnknownModel, match="no model 'other'"):
        models.get("other")
    assert len(models.loaded) == 1


def no_manifest(path):
    """The manifest is missing."""
    (path / "manifest.json").unlink()


def no_json(path):
    """The manifest is cut short."""
    (path / "manifest.json").write_text("{")


def no_graph(path):
    """A file of it is missing."""
    (path / "graph.tflite").unlink()


def a_folder_for_a_graph(path):
    """A file of it cannot be read."""
    (path / "graph.tflite").unlink()
    (path / "graph.tflite").mkdir()


def a_file_for_a_version(path):
    """It is a file instead of a folder."""
    shutil.rmtree(path)
    path.write_text("no version")


def a_layer_that_is_not_there(path):
    """The manifest names a layer that the model lacks."""
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["golden"][0]["means"] = {"nowhere/post": 0.0}
    write_manifest(path, manifest)


@pytest.mark.parametrize(
    "damage",
    [no_manifest, no_json, no_graph, a_folder_for_a_graph, a_file_for_a_version,
     a_layer_that_is_not_there],
)  # fmt: skip
def test_a_defective_version_leaves_the_loaded_one(folder, damage):
    """A reload keeps the loaded version and records the reason; at the start it is an error."""
    models = Models(folder, "mnist")
    first = models.get()
    damage(add(folder, 2))
    models.reload()
    assert models.get() is first
    (error,) = models.errors
    assert "mnist/2" in error
    with pytest.raises(BundleError, match="mnist/2"):
        Models(folder, "mnist")
    lenient = Models(folder, "mnist", lenient=True)
    assert lenient.get().bundle.version == 1
    assert lenient.errors == models.errors


def test_a_folder_without_the_default_model_changes_nothing(folder):
    """A folder that is not mounted, for example, unloads no model."""
    models = Models(folder, "mnist")
    shutil.rmtree(folder)
    models.reload()
    assert models.get().bundle.version == 1
    assert "holds no model 'mnist'" in models.errors[0]

"""Any version of any model is loaded at its first use, once; one that fails breaks no other."""

import shutil
import threading

import pytest

from service.errors import BundleError, ModelUnavailable, UnknownModel
from service.model import versions
from service.model.registry import Models
from tests.service.model.bundles import add, change, damage


@pytest.fixture
def folder(tmp_path):
    """A models folder with version 1 of `mnist`, and versions 1 and 2 of `other`."""
    add(tmp_path, 1)
    for version in (1, 2):
        add(tmp_path, version, "other")
    return tmp_path


@pytest.fixture
def reads(monkeypatch):
    """The folders of the bundles that are read, in order."""
    paths = []

    def read_bundle(path):
        paths.append(path)
        return read(path)

    read = versions.read_bundle
    monkeypatch.setattr(versions, "read_bundle", read_bundle)
    return paths


def served(model):
    """Return name and version of a model."""
    return model.bundle.name, model.bundle.version


def states(models, name):
    """Return the state of each version of a model."""
    return {each.number: each.state for each in models.versions()[name]}


def test_only_the_default_model_is_loaded_at_the_start(folder, reads):
    """Its highest version is verified; the others are listed only."""
    add(folder, 10)
    damage(folder / "mnist" / "1")
    models = Models(folder, "mnist")
    assert reads == [folder / "mnist" / "10"]
    assert states(models, "mnist") == {10: "loaded", 1: "available"}
    assert states(models, "other") == {2: "available", 1: "available"}
    assert [(each.name, each.number) for each in models.newest()] == [("mnist", 10), ("other", 2)]


def test_name_and_version_select_any_version(folder):
    """Without a version it is the newest, even while only an older one is loaded."""
    models = Models(folder, "mnist")
    assert served(models.get("other", 1)) == ("other", 1)
    assert models.get_loaded("other") is None
    assert served(models.get("other")) == ("other", 2)
    assert models.get_loaded("other") is models.get("other", 2)
    assert served(models.get(version=1)) == ("mnist", 1)


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("cats", None, "There is no model 'cats'. Models: mnist, other."),
        ("other", 3, "Model 'other' has no version 3. Versions: 2, 1."),
        (None, 2, "Model 'mnist' has no version 2. Versions: 1."),
    ],
)
def test_an_unknown_version_is_an_error(folder, name, version, message):
    """The message lists what there is."""
    with pytest.raises(UnknownModel) as caught:
        Models(folder, "mnist").get(name, version)
    assert str(caught.value) == message


def test_threads_that_need_the_same_version_load_it_once(folder, reads):
    """Eight threads at once get the same model from one load."""
    models, found = Models(folder, "mnist"), []
    barrier = threading.Barrier(8)

    def use():
        barrier.wait()
        found.append(models.get("other"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert reads.count(folder / "other" / "2") == 1
    assert list(models.events) == [("load", "mnist"), ("load", "other")]


def test_other_models_are_served_during_a_load(folder, monkeypatch):
    """A load of one model delays no request for another, loaded or not."""
    models = Models(folder, "mnist")
    is_reading, may_go_on = threading.Event(), threading.Event()
    read = versions.read_bundle

    def slow(path):
        if path.parts[-2:] == ("other", "2"):
            is_reading.set()
            assert may_go_on.wait(20)
        return read(path)

    monkeypatch.setattr(versions, "read_bundle", slow)
    thread = threading.Thread(target=models.get, args=["other"])
    thread.start()
    assert is_reading.wait(20)
    assert served(models.get()) == ("mnist", 1)
    assert served(models.get("other", 1)) == ("other", 1)
    may_go_on.set()
    thread.join()
    assert served(models.get_loaded("other")) == ("other", 2)


def test_a_broken_newest_version_leaves_the_one_before(folder, reads, caplog):
    """It is tried once, the log has the reason, and the next version answers instead."""
    damage(folder / "other" / "2")
    models = Models(folder, "mnist")
    for _ in range(3):
        assert served(models.get("other")) == ("other", 1)
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="version 2 cannot be loaded") as caught:
            models.get("other", 2)
    assert str(folder) not in str(caught.value)
    assert reads.count(folder / "other" / "2") == 1
    assert caplog.text.count("2/graph.tflite was altered") == 1
    assert states(models, "other") == {2: "failed", 1: "loaded"}
    assert [each.number for each in models.newest()] == [1, 1]


def test_a_failed_load_is_retried_after_a_minute(folder, monkeypatch):
    """Then the repaired version is the newest again."""
    shutil.copytree(folder / "other" / "2", folder / "good")
    damage(folder / "other" / "2")
    models = Models(folder, "mnist")
    assert served(models.get("other")) == ("other", 1)
    shutil.copytree(folder / "good", folder / "other" / "2", dirs_exist_ok=True)
    with pytest.raises(ModelUnavailable):
        models.get("other", 2)
    now = versions.monotonic()
    monkeypatch.setattr(versions, "monotonic", lambda: now + versions.RETRY_S)
    assert served(models.get("other", 2)) == ("other", 2)
    assert served(models.get("other")) == ("other", 2)


def test_a_model_without_any_working_version_is_unavailable(folder):
    """Its requests fail, those of other models succeed; a repair works from the next reload on."""
    shutil.rmtree(folder / "other" / "1")
    (folder / "other" / "2" / "manifest.json").unlink()
    models = Models(folder, "mnist")
    assert states(models, "other") == {2: "failed"}
    with pytest.raises(ModelUnavailable, match="'other' cannot be loaded"):
        models.get("other")
    assert served(models.get()) == ("mnist", 1)
    shutil.rmtree(folder / "other" / "2")
    add(folder, 2, "other")
    models.reload()
    assert served(models.get("other")) == ("other", 2)


def test_a_reload_loads_the_new_version_of_a_model_in_use(folder, reads):
    """It replaces the one before when it is ready; a model that is not in use is not loaded."""
    add(folder, 1, "idle")
    models = Models(folder, "mnist")
    models.get("other")
    add(folder, 3, "other")
    add(folder, 2, "idle")
    reads.clear()
    models.reload()
    assert reads == [folder / "other" / "3"]
    assert served(models.get_loaded("other")) == ("other", 3)
    assert states(models, "other") == {3: "loaded", 2: "loaded", 1: "available"}
    assert models.errors == []


def test_a_reload_keeps_the_model_in_use_where_the_new_version_is_broken(folder):
    """As for the default model; `errors` has the reason."""
    models = Models(folder, "mnist")
    model = models.get("other")
    damage(add(folder, 3, "other"))
    models.reload()
    assert models.get_loaded("other") is model
    (error,) = models.errors
    assert "other/3/graph.tflite was altered" in error


def test_a_changed_bundle_is_noticed_at_a_reload(folder):
    """One under the same version number replaces the loaded one; a broken one does not."""
    models = Models(folder, "mnist")
    models.get("other")
    labels = [f"class {number}" for number in range(10)]
    change(folder / "other" / "2", labels=labels)
    models.reload()
    changed = models.get_loaded("other")
    assert changed.bundle.labels == tuple(labels)
    change(folder / "other" / "2", labels=[])
    for _ in range(2):
        models.reload()
        assert models.get_loaded("other") is changed
        assert len(models.errors) == 1


def test_the_current_version_is_kept_where_a_roll_back_fails(folder):
    """Its folder was removed, but the version before does not load: the removed one answers."""
    models = Models(folder, "mnist")
    current = models.get("other")
    shutil.rmtree(folder / "other" / "2")
    damage(folder / "other" / "1")
    models.reload()
    assert models.get("other") is models.get("other", 2) is current
    shutil.rmtree(folder / "other" / "1")
    add(folder, 1, "other")
    models.reload()
    assert served(models.get("other")) == ("other", 1)
    with pytest.raises(UnknownModel):
        models.get("other", 2)


def test_a_roll_back_loads_the_version_before(folder):
    """The default model is loaded at every moment."""
    add(folder, 2)
    models = Models(folder, "mnist")
    shutil.rmtree(folder / "mnist" / "2")
    models.reload()
    assert served(models.get_loaded()) == ("mnist", 1)


def test_a_broken_model_that_is_not_the_default_does_not_stop_the_start(folder):
    """Only the default model decides whether the service starts."""
    damage(folder / "other" / "2")
    assert served(Models(folder, "mnist").get()) == ("mnist", 1)
    with pytest.raises(BundleError, match="other/2"):
        Models(folder, "other")

"""Loaded models stay within the memory limit: those used least recently are unloaded."""

import resource
import sys
import threading

import numpy as np
import pytest

from service.model import registry
from service.model.registry import Models
from service.model.session import resident_bytes
from tests.service.model.bundles import add

MEMORY = 100  # bytes that each model claims to take
DIGIT = np.zeros((1, 28, 28, 1), np.uint8)


@pytest.fixture
def folder(tmp_path):
    """A models folder with the default model, and models `a` to `d`."""
    for name in ("mnist", "a", "b", "c", "d"):
        add(tmp_path, 1, name)
    return tmp_path


@pytest.fixture
def equal_sizes(monkeypatch):
    """Make every model claim the same memory, so that the order of evictions is exact."""
    monkeypatch.setattr(registry.Model, "memory", MEMORY)


def loaded(models):
    """Return the names of the loaded models."""
    return [model.bundle.name for model in models.loaded]


def evictions(models):
    """Return the names of the evicted models, in order."""
    return [name for event, name in models.events if event == "eviction"]


@pytest.mark.usefixtures("equal_sizes")
def test_the_least_recently_used_model_is_evicted(folder):
    """A use counts, not only the load; the default model stays although it is not used."""
    models = Models(folder, "mnist", memory_limit=3 * MEMORY)
    for name in ("a", "b", "a", "c", "d"):
        models.get(name)
    assert evictions(models) == ["b", "a"]
    assert sorted(loaded(models)) == ["c", "d", "mnist"]


@pytest.mark.usefixtures("equal_sizes")
def test_an_old_version_of_the_default_model_is_evicted(folder):
    """Only its newest version stays."""
    add(folder, 2)
    models = Models(folder, "mnist", memory_limit=2 * MEMORY)
    models.get(version=1)
    models.get("a")
    assert [(model.bundle.name, model.bundle.version) for model in models.loaded] == [
        ("a", 1),
        ("mnist", 2),
    ]


@pytest.mark.usefixtures("equal_sizes")
def test_an_evicted_model_is_loaded_again(folder):
    """Its answers are the same, and a request that selected the evicted model is still answered."""
    models = Models(folder, "mnist", memory_limit=2 * MEMORY)
    held = models.get("a")
    expected = held.engine.probabilities(DIGIT)
    models.get("b")
    assert models.get_loaded("a") is None
    np.testing.assert_array_equal(held.engine.probabilities(DIGIT), expected)
    again = models.get("a")
    assert again is not held
    np.testing.assert_array_equal(again.engine.probabilities(DIGIT), expected)
    assert [name for event, name in models.events if event == "load"] == ["mnist", "a", "b", "a"]


@pytest.mark.usefixtures("equal_sizes")
def test_a_limit_below_one_model_serves_one_beside_the_default(folder, caplog):
    """Each model answers and is evicted when another is needed; the log warns once."""
    models = Models(folder, "mnist", memory_limit=1)
    for name in ("a", "b", "a", "b"):
        assert models.get(name).bundle.name == name
        assert loaded(models) == [name, "mnist"]
    assert evictions(models) == ["a", "b", "a"]
    assert caplog.text.count("CONVSCOPE_MODEL_MEMORY") == 1


@pytest.mark.usefixtures("equal_sizes")
def test_a_busy_model_is_not_evicted(folder, monkeypatch):
    """Another is evicted instead, even if it was used later."""
    models = Models(folder, "mnist", memory_limit=3 * MEMORY)
    models.get("a")
    monkeypatch.setattr(models.get("a").engine._predict, "_created", 2)  # one is lent
    models.get("b")
    models.get("c")
    assert evictions(models) == ["b"]


def test_a_new_interpreter_may_evict_another_model(folder):
    """The limit holds after a model has grown; the one that grew is busy and stays."""
    models = Models(folder, "mnist")
    models.get("a")
    grown = models.get("b")
    models._memory_limit = sum(model.memory for model in models.loaded)
    lent = grown.engine._predict.acquire()
    assert evictions(models) == []
    thread = threading.Thread(target=grown.engine.probabilities, args=[DIGIT])
    thread.start()
    thread.join()
    grown.engine._predict.release(lent)
    assert evictions(models) == ["a"]
    assert sorted(loaded(models)) == ["b", "mnist"]


@pytest.mark.usefixtures("equal_sizes")
def test_freed_memory_is_returned_to_the_system(folder, monkeypatch):
    """After an eviction and after a reload, and at no other time."""
    calls = []
    monkeypatch.setattr(registry, "return_memory", lambda: calls.append(threading.get_ident()))
    models = Models(folder, "mnist", memory_limit=2 * MEMORY)
    models.get("a")
    assert calls == []
    models.get("b")
    assert calls == [threading.get_ident()]


def test_an_engine_takes_at_least_the_size_of_its_graph_twice(folder):
    """The file's bytes and an interpreter's copy, whatever is measured; weights count besides."""
    model = Models(folder, "mnist").get()
    size = (folder / "mnist" / "1" / "graph.tflite").stat().st_size
    assert model.engine.memory >= 2 * size
    weights = sum(array.nbytes for array in model.bundle.weights.values())
    assert model.memory == model.engine.memory + weights > model.engine.memory


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not state it")
def test_resident_memory_is_that_of_the_process():
    """It is about the largest that the process has had, or less, and megabytes at least."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 2**24 < resident_bytes() <= 1.02 * peak

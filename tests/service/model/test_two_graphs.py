"""A bundle with a graph for predictions and one with every layer's values."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from werkzeug.test import Client

from service.app import create_app
from service.errors import BundleError
from service.model.bundle import read_bundle
from service.model.checksums import write_manifest
from service.model.engine import Engine
from service.settings import Settings
from tests.conftest import ROOT
from tests.graphs import SHAPE, write_graph_bundle
from training import bundling

IMAGES = np.random.default_rng(7).integers(0, 256, (3, *SHAPE), np.uint8)


@pytest.fixture(scope="module", name="folder")
def folder_(tmp_path_factory):
    """Export a model for which a second graph always pays."""
    folder = tmp_path_factory.mktemp("two") / "graph" / "1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundling, "RATIO", 0)
        write_graph_bundle(folder)
    return folder


def with_altered(folder, target, file):
    """Copy a bundle; replace a graph by the other one, with the hash that the manifest has."""
    shutil.copytree(folder, target)
    other = {"graph.tflite": "predict.tflite", "predict.tflite": "graph.tflite"}[file]
    shutil.copy(folder / other, target / file)
    manifest = json.loads((target / "manifest.json").read_text())
    write_manifest(target, manifest)


def test_both_graphs_give_the_same_values(folder):
    """Probabilities, logits and features of the small graph are those of the large one."""
    bundle = read_bundle(folder)
    assert bundle.graphs.predict is not None
    engine = Engine(bundle)
    needed = [bundle.probabilities, bundle.logits, ("pool", "post")]
    small = engine.run(IMAGES, needed)
    assert engine.seconds() > 0
    assert engine.seconds(every_layer=True) == math.inf
    before = engine.memory
    large = engine.run(IMAGES, [*needed, ("stem", "pre")])
    assert engine.memory > before  # the interpreter of all values exists from now on
    for pair in needed:
        np.testing.assert_allclose(small[pair], large[pair], atol=1e-6)
    assert large["stem", "pre"].shape == (3, 10, 8, 70)


def test_a_wrong_graph_for_predictions_is_rejected_at_the_load(folder, tmp_path):
    """Its values are compared with the manifest's before anything is answered."""
    with_altered(folder, tmp_path / "1", "predict.tflite")
    with pytest.raises(BundleError, match=r"predict\.tflite"):
        Engine(read_bundle(tmp_path / "1"))


def test_a_graph_is_loaded_at_once_where_no_golden_image_is_recorded(folder, tmp_path):
    """A bundle without golden images is still refused if its graph does not load."""
    shutil.copytree(folder, tmp_path / "1")
    (tmp_path / "1" / "predict.tflite").write_bytes(b"no graph")
    manifest = json.loads((tmp_path / "1" / "manifest.json").read_text())
    write_manifest(tmp_path / "1", manifest)
    with pytest.raises(BundleError, match="does not load"):
        Engine(replace(read_bundle(tmp_path / "1"), golden=()))


def test_a_wrong_graph_of_all_values_leaves_predictions(folder, tmp_path):
    """Predictions are answered; requests for layers get a problem that says what is broken."""
    with_altered(folder, tmp_path / "graph" / "1", "graph.tflite")
    (tmp_path / "mnist").symlink_to(ROOT / "models" / "mnist")
    client = Client(create_app(Settings(models_dir=tmp_path)).wsgi_app)
    body = json.dumps({"instances": IMAGES[:1].tolist(), "range": "0-255"})
    query = {"data": body, "content_type": "application/json"}
    assert client.post("/predict?model=graph", **query).status_code == 200
    response = client.post("/activations?model=graph&layers=stem", **query)
    assert response.status_code == 503
    assert "predicts, but the graph" in json.loads(response.get_data())["detail"]

"""GET /model/map and its thumbnails: files of the bundle, or a problem where it has none."""

import numpy as np
import pytest
from safetensors.numpy import load

from service.app import create_app
from service.model.bundle import MAP
from service.settings import Settings


@pytest.fixture(scope="module")
def client(models_dir):
    """A client of a service with the committed model, and with `tiny`, which has no map."""
    return create_app(Settings(models_dir=models_dir)).test_client()


def test_the_map_is_the_bundles_file(client, mnist_bundle, mnist):
    """The response is the file, with a row for each test digit."""
    response = client.get("/model/map")

    assert response.get_data() == (mnist_bundle.path / MAP).read_bytes()
    rows = load(response.get_data())
    np.testing.assert_array_equal(rows["labels"], mnist.test_labels)
    metrics = mnist_bundle.manifest["metrics"]
    assert (rows["labels"] == rows["predicted"]).mean() == pytest.approx(metrics["accuracy"])


def test_a_chunk_of_thumbnails_is_selected(client):
    """Chunks differ; without a parameter the first one is returned."""
    first, second = (client.get(f"/model/map/thumbnails?chunk={chunk}") for chunk in (0, 1))
    assert client.get("/model/map/thumbnails").get_data() == first.get_data()
    assert first.get_data() != second.get_data()


@pytest.mark.parametrize("path", ["/model/map?model=tiny", "/model/map/thumbnails?chunk=10"])
def test_what_a_bundle_does_not_have_is_a_problem(client, path):
    """A bundle without a map, and a chunk after the last one, are 404 with a type of its own."""
    response = client.get(path)
    assert response.status_code == 404
    assert response.json["type"] == "urn:convscope:problem:not-in-bundle"

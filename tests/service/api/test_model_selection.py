"""`model=` and `version=` select any version; the answers of each route are that version's."""

import math
import threading

import pytest

from service.api.http import lanes, metrics
from service.app import build
from service.control import Control
from service.settings import Settings
from service.state import State
from tests.e2e.running import PATIENCE_S, SEVEN, until
from tests.service.model.bundles import add, damage

PREDICT = {"data": SEVEN, "content_type": "image/png"}
IMAGE = {"instances": [[[0] * 28] * 28]}
TENSOR = {
    "inputs": [{"name": "image", "shape": [1, 28, 28], "datatype": "FP32", "data": [0.0] * 784}]
}


@pytest.fixture
def folder(tmp_path):
    """A models folder whose versions have labels of their own; `other` 3 is broken."""
    for name, version in (("mnist", 1), ("mnist", 2), ("other", 1), ("other", 2), ("other", 3)):
        labels = [f"{name} {version}: {digit}" for digit in range(10)]
        path = add(tmp_path, version, name, labels=labels)
    damage(path)
    return tmp_path


@pytest.fixture
def state(folder):
    """The state of a worker."""
    return State(Settings(models_dir=folder), Control())


@pytest.fixture
def client(folder, state):
    """A client of the application."""
    return build(Settings(models_dir=folder), state).test_client()


def lane(state, path="/predict", query="", body=SEVEN, **headers):
    """Return the lane of a request."""
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": query, **headers}
    return lanes.choose(environ, body, state.models)


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("", "mnist 2: 7"),
        ("version=1", "mnist 1: 7"),
        ("model=other&version=2", "other 2: 7"),
        ("model=other&version=1", "other 1: 7"),
        ("model=other", "other 2: 7"),  # version 3 does not load
    ],
)
def test_the_query_selects_the_version(client, query, label):
    """Without a version it is the newest that loads."""
    answer = client.post(f"/predict?{query}", **PREDICT).json
    assert answer["predictions"][0]["label"] == label
    assert label == f"{answer['model']['name']} {answer['model']['version']}: 7"


def test_the_paths_of_both_protocols_select_the_version(client):
    """The V1 and V2 routes answer for any version, and list all of them."""
    for version in ("1", "2"):
        path = f"/v2/models/other/versions/{version}"
        assert client.post(f"{path}/infer", json=TENSOR).json["model_version"] == version
        assert client.get(path).json["versions"] == ["1", "2", "3"]
        path = f"/v1/models/other/versions/{version}"
        assert len(client.post(f"{path}:predict", json=IMAGE).json["predictions"]) == 1
        assert client.get(f"{path}/metadata").json["model_spec"]["version"] == version
    assert client.post("/v2/models/other/infer", json=TENSOR).json["model_version"] == "2"


def test_v1_lists_the_status_of_every_version(client):
    """A version that failed to load is not available."""
    client.post("/predict?model=other", **PREDICT)
    versions = client.get("/v1/models/other").json["model_version_status"]
    assert [(each["version"], each["state"]) for each in versions] == [
        ("3", "END"),
        ("2", "AVAILABLE"),
        ("1", "AVAILABLE"),
    ]
    (one,) = client.get("/v1/models/other/versions/1").json["model_version_status"]
    assert one["status"] == {"error_code": "OK", "error_message": ""}


def test_models_lists_every_version_and_its_state(client):
    """The newest version stands beside the model's name, as before there were several."""
    client.post("/predict?model=other", **PREDICT)
    answer = client.get("/models").json
    assert answer["default"] == "mnist"
    assert [(each["name"], each["version"]) for each in answer["models"]] == [
        ("mnist", 2),
        ("other", 2),
    ]
    assert [
        [(each["version"], each["state"]) for each in model["versions"]]
        for model in answer["models"]
    ] == [
        [(2, "loaded"), (1, "available")],
        [(3, "failed"), (2, "loaded"), (1, "available")],
    ]
    assert all(len(model["sha256"]) == 64 for model in answer["models"])
    ready = client.get("/readyz").json
    assert ready["models"] == [
        {key: model[key] for key in ("name", "version", "sha256")} for model in answer["models"]
    ]


def test_a_version_that_does_not_load_is_unavailable(client, folder):
    """The status is 503, and the problem names neither files nor the exception."""
    response = client.post("/predict?model=other&version=3", **PREDICT)
    assert response.status_code == 503
    assert response.json["type"] == "urn:convscope:problem:model-unavailable"
    assert "Retry-After" in response.headers
    for secret in (str(folder), "tflite", "altered", "Error"):
        assert secret not in response.json["detail"]
    assert client.get("/v2/models/other/versions/3/ready").status_code == 503
    assert client.get("/v2/models/other/versions/3").status_code == 503


def test_readiness_of_a_model_does_not_load_it(client, state):
    """Health checks run in the event loop."""
    assert client.get("/v2/models/other/versions/1/ready").json == {"name": "other", "ready": True}
    assert client.get("/v1/models/other").status_code == 200
    assert [model.bundle.name for model in state.models.loaded] == ["mnist"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/predict", "model=other"),
        ("/predict", "version=1"),
        ("/v1/models/other:predict", ""),
        ("/v2/models/other/infer", ""),
        ("/v2/models/mnist/versions/1/infer", ""),
        ("/v1/models/mnist/versions/1:predict", ""),
    ],
)
def test_a_version_that_is_not_loaded_is_loaded_on_a_thread(state, path, query):
    """From then on its requests run in the event loop."""
    assert lane(state, path, query) == "long"
    state.models.get("other")
    state.models.get(version=1)
    assert lane(state, path, query) == "short"


@pytest.mark.parametrize("query", ["version=x", "version=9", "model=&version="])
def test_a_request_for_no_version_is_rejected_in_the_event_loop(state, query):
    """Nothing is loaded for it."""
    assert lane(state, query=query) == "short"


def test_the_lane_depends_on_the_graph_that_the_request_needs(state, monkeypatch):
    """A slow graph with all values moves only the requests that need it."""
    engine = state.models.get().engine
    monkeypatch.setattr(engine, "seconds", lambda *, every_layer: math.inf if every_layer else 0.0)
    infer, predict = "/v2/models/mnist/infer", "/v1/models/mnist:predict"
    assert lane(state) == lane(state, infer, body=b"{}") == lane(state, predict) == "short"
    for path, body in (
        ("/activations", SEVEN),
        ("/explain", SEVEN),
        (infer, b'{"outputs": [{"name": "conv2d"}]}'),
        (predict, b'{"signature_name": "activations"}'),
    ):
        assert lane(state, path, body=body) == "long"
    assert lane(state, infer, body=b"", HTTP_CONTENT_ENCODING="gzip") == "long"


def test_the_metrics_report_loads_evictions_and_memory(state):
    """Gauges follow the loaded models; counters count each event once."""
    families = (
        *(metrics.models_loaded, metrics.model_memory, metrics.model_workers),
        *(metrics.model_loads, metrics.model_evictions),
    )
    for family in families:
        family.values.clear()
    state.models.get("other")
    state.models.get("other", 1)
    metrics.update_worker(state, 0, 0)
    metrics.update_worker(state, 0, 0)
    memory = sum(model.memory for model in state.models.loaded if model.bundle.name == "other")
    assert metrics.models_loaded.values == {("mnist",): [1], ("other",): [2]}
    assert metrics.model_memory.values["other",] == [memory]
    assert metrics.model_loads.values == {("mnist",): [1], ("other",): [2]}
    newest = [labels[:2] for labels, (value,) in metrics.model_workers.values.items() if value]
    assert newest == [("mnist", "2"), ("other", "2")]
    state.models._memory_limit = 1
    state.models._evict()
    metrics.update_worker(state, 0, 0)
    assert metrics.models_loaded.values == {("mnist",): [1], ("other",): [0]}
    assert metrics.model_memory.values["other",] == [0]
    assert metrics.model_evictions.values == {("other",): [2]}


def test_reloads_that_are_requested_while_one_runs_become_one(state, monkeypatch):
    """A long reload is followed by a single one, which sees all that has changed meanwhile."""
    began, may_end, reload = threading.Event(), threading.Event(), state.models.reload

    def slow_reload():
        began.set()
        assert may_end.wait(PATIENCE_S)
        reload()

    monkeypatch.setattr(state.models, "reload", slow_reload)
    for _ in range(5):
        state.control.reloads += 1
        state.reload_if_requested()
        assert began.wait(PATIENCE_S)
    may_end.set()
    until(lambda: state.reload_if_requested() or len(state.results) == 2)
    state.reload_if_requested()
    assert [each.name for each in threading.enumerate() if each.name == "reload"] == []
    assert len(state.results) == 2

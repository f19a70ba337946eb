"""Access: API keys, rate limits, CORS and security headers."""

import hashlib
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from service.app import create_app
from service.settings import Settings
from tests.conftest import free_port
from tests.e2e.running import PATIENCE_S, SEVEN, running, samples, until

ANNA, BEN = "anna-has-this-key", "ben-has-another-key"
OPEN = ("/", "/docs", "/web/main.js", "/openapi.json", "/healthz", "/readyz", "/metrics")
OPEN_V2 = ("/v2/health/live", "/v2/health/ready", "/v2/models/mnist/ready")


def client_of(models_dir, **settings):
    """Return a client of an application with these settings."""
    return create_app(Settings(models_dir=models_dir, **settings)).test_client()


def post(client, path="/predict", **headers):
    """Post an image with headers."""
    return client.post(path, data=SEVEN, headers=headers)


@pytest.fixture
def keys(tmp_path):
    """A file with Anna's key and the hash of Ben's key."""
    file = tmp_path / "keys"
    file.write_text(f"# API keys\n\nanna:{ANNA}\nben:sha256:{sha256(BEN)}\n")
    return file


def sha256(key):
    """Return the hash of a key as the file has it."""
    return hashlib.sha256(key.encode()).hexdigest()


def test_a_valid_key_is_required_where_keys_are_set(models_dir, keys):
    """A known key in either header gives 200, anything else 401 with what to send."""
    client = client_of(models_dir, api_keys_file=str(keys))
    for key in (ANNA, BEN):
        assert post(client, Authorization=f"Bearer {key}").status_code == 200
        assert post(client, **{"X-API-Key": key}).status_code == 200
    for headers in (
        {},
        {"Authorization": f"Bearer {ANNA}x"},
        {"Authorization": f"Basic {ANNA}"},
        {"Authorization": "Bearer "},
        {"X-API-Key": sha256(BEN)},
        {"X-API-Key": "anna"},
        {"X-API-Key": "schlüssel"},
    ):
        response = post(client, **headers)
        assert response.status_code == 401, headers
        assert response.get_json()["type"].endswith(":unauthorized")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    for path in ("/model", "/models", "/v2/models/mnist"):
        assert client.get(path).status_code == 401, path
    assert "error" in post(client, "/v1/models/mnist:predict").get_json()


def test_health_and_pages_need_no_key(models_dir, keys):
    """Health, metrics, pages and the OpenAPI document are public."""
    client = client_of(models_dir, api_keys_file=str(keys))
    for path in OPEN + OPEN_V2:
        assert client.get(path, buffered=True).status_code == 200, path
    assert client.get("/nowhere").status_code == 404


def test_the_openapi_document_describes_keys_and_limits(models_dir, keys):
    """Routes require a security scheme, and list 401 and 429, where the settings enable them."""
    client = client_of(models_dir, api_keys_file=str(keys), rate_limit="9/second")
    document = client.get("/openapi.json").get_json()
    predict = document["paths"]["/predict"]["post"]
    assert {"401", "429"} <= set(predict["responses"])
    schemes = {name for entry in predict["security"] for name in entry}
    assert schemes == set(document["components"]["securitySchemes"])
    assert "security" not in document["paths"]["/healthz"]["get"]
    open_ = client_of(models_dir).get("/openapi.json").get_json()
    assert open_["security"] == []
    assert "security" not in open_["paths"]["/predict"]["post"]
    assert not {"401", "429"} & set(open_["paths"]["/predict"]["post"]["responses"])


def test_keys_are_revoked_and_added_while_it_runs(keys):
    """SIGHUP reloads the file; where it is invalid, the current keys are kept."""

    def status(key):
        return requests.get(
            f"{url}/model", headers={"X-API-Key": key}, timeout=PATIENCE_S
        ).status_code

    with running(CONVSCOPE_API_KEYS_FILE=str(keys)) as (process, url):
        assert (status(ANNA), status(BEN)) == (200, 200)
        keys.write_text(f"ben:{BEN}\ncleo:cleo-is-new-to-this\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: status(ANNA) == 401)
        assert (status(BEN), status("cleo-is-new-to-this")) == (200, 200)
        keys.write_text("invalid\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: samples(url)["convscope_reload_failed", ()] == 1)
        assert (status(BEN), status(ANNA)) == (200, 401)
        (error,) = requests.get(f"{url}/readyz", timeout=PATIENCE_S).json()["reload_errors"]
        assert "line 1" in error


def test_a_rate_limit_counts_each_client(models_dir, keys):
    """Requests above the limit get 429 with Retry-After; keys are counted separately."""
    client = client_of(models_dir, api_keys_file=str(keys), rate_limit="3/hour")
    anna, ben = ({"X-API-Key": key} for key in (ANNA, BEN))
    paths = ("/predict", "/occlusion", "/predict")
    assert [post(client, path, **anna).status_code for path in paths] == [200] * 3
    rejected = post(client, **anna)
    assert rejected.status_code == 429
    assert rejected.get_json()["type"].endswith(":too-many-requests")
    assert 0 < int(rejected.headers["Retry-After"]) <= 3601  # in whole seconds, rounded up
    assert post(client, **ben).status_code == 200
    assert post(client).status_code == 401
    assert [client.get("/healthz").status_code for _ in range(5)] == [200] * 5


def test_without_keys_addresses_are_counted(models_dir):
    """The address behind a trusted proxy counts; X-Forwarded-For of others is ignored."""
    client = client_of(models_dir, rate_limit="1/hour", trusted_proxies=1)
    first = {"X-Forwarded-For": "10.0.0.1"}
    assert post(client, **first).status_code == 200
    assert post(client, **first).status_code == 429
    assert post(client, **{"X-Forwarded-For": "10.0.0.1, 10.0.0.2"}).status_code == 200
    alone = client_of(models_dir, rate_limit="1/hour")
    assert post(alone, **first).status_code == 200
    assert post(alone, **{"X-Forwarded-For": "10.0.0.3"}).status_code == 429


def test_an_unreachable_redis_stops_no_requests(models_dir):
    """While the storage of rate limits is unreachable, each worker counts separately."""
    storage = f"redis://127.0.0.1:{free_port()}"
    client = client_of(models_dir, rate_limit="2/hour", rate_limit_storage=storage)
    assert [post(client).status_code for _ in range(3)] == [200, 200, 429]


def test_a_silent_redis_blocks_no_requests(models_dir):
    """A storage that accepts connections and never answers is given up before its own timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        storage = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        client = client_of(models_dir, rate_limit="2/hour", rate_limit_storage=storage)
        begin = time.monotonic()
        assert [post(client).status_code for _ in range(3)] == [200, 200, 429]
        assert time.monotonic() - begin < 5  # the client library's own timeout


def test_requests_that_wait_for_a_silent_redis_together_all_succeed(models_dir):
    """Several threads may find at the same time that the storage does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(8) as threads:
        storage = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        app = create_app(
            Settings(models_dir=models_dir, rate_limit="99/hour", rate_limit_storage=storage)
        )
        responses = list(threads.map(lambda _: post(app.test_client()), range(8)))
    assert [response.status_code for response in responses] == [200] * 8


def test_only_the_allowed_origins_get_cors_headers(models_dir):
    """CORS is off by default; allowed origins get the headers, also on preflights."""
    origin = {"Origin": "https://a.example"}
    preflight = {**origin, "Access-Control-Request-Method": "POST"}
    assert "Access-Control-Allow-Origin" not in post(client_of(models_dir), **origin).headers
    client = client_of(models_dir, cors_origins="https://a.example,http://localhost:3000")
    response = post(client, **origin)
    assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "X-Request-ID" in response.headers["Access-Control-Expose-Headers"]
    allowed = client.options("/predict", headers=preflight)
    assert (allowed.status_code, "POST" in allowed.headers["Access-Control-Allow-Methods"]) == (
        200,
        True,
    )
    other = post(client, Origin="https://axexample")
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_preflight_needs_no_key(models_dir, keys):
    """Browsers send preflights without credentials."""
    client = client_of(models_dir, api_keys_file=str(keys), cors_origins="*")
    preflight = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    response = client.options("/predict", headers=preflight)
    assert response.status_code == 200
    assert "authorization" in response.headers["Access-Control-Allow-Headers"].lower()


def test_every_response_has_a_strict_content_security_policy(models_dir):
    """Pages and workers load this service's files only, nothing inline; others load nothing."""
    client = client_of(models_dir)
    for path in ("/", "/docs", "/web/main.js", "/model", "/nowhere", "/predict"):
        headers = client.get(path, buffered=True).headers
        policy = headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in policy
        assert ("frame-ancestors 'none'" in policy) is (path != "/")  # lessons embed the playground
        assert ("script-src 'self';" in policy) is (path in ("/", "/docs", "/web/main.js"))
        assert "unsafe" not in policy

"""Who may ask, how often and from where, and what browsers are told."""

import hashlib
import signal

import pytest
import requests

from service.app import create_app
from service.settings import Settings
from tests.conftest import free_port
from tests.e2e.running import PATIENCE_S, SEVEN, running, samples, until

ANNA, BEN = "anna-has-this-key", "ben-has-another-key"
OPEN = ("/", "/docs", "/web/main.js", "/openapi.json", "/healthz", "/readyz", "/metrics")
OPEN_V2 = ("/v2/health/live", "/v2/health/ready", "/v2/models/mnist/ready")


def asking(models_dir, **settings):
    """A client of an application with these settings."""
    return create_app(Settings(models_dir=models_dir, **settings)).test_client()


def post(client, path="/predict", **headers):
    """A picture, with headers."""
    return client.post(path, data=SEVEN, headers=headers)


@pytest.fixture
def keys(tmp_path):
    """A file with Anna's key, and the hash of Ben's."""
    file = tmp_path / "keys"
    file.write_text(f"# who may ask\n\nanna:{ANNA}\nben:sha256:{sha256(BEN)}\n")
    return file


def sha256(key):
    """As the file has it."""
    return hashlib.sha256(key.encode()).hexdigest()


def test_a_key_is_needed_where_there_are_keys(models_dir, keys):
    """With a known key, in either header, a request is answered; else 401, with what to send."""
    client = asking(models_dir, api_keys_file=str(keys))
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
        answer = post(client, **headers)
        assert answer.status_code == 401, headers
        assert answer.get_json()["type"].endswith(":unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for path in ("/model", "/models", "/v2/models/mnist"):
        assert client.get(path).status_code == 401, path
    assert "error" in post(client, "/v1/models/mnist:predict").get_json()


def test_health_and_pages_need_no_key(models_dir, keys):
    """What balancers, Prometheus and a browser ask first is everybody's."""
    client = asking(models_dir, api_keys_file=str(keys))
    for path in OPEN + OPEN_V2:
        assert client.get(path, buffered=True).status_code == 200, path
    assert client.get("/nowhere").status_code == 404


def test_the_document_tells_of_keys_where_there_are_some(models_dir, keys):
    """Security schemes, 401 and 429 stand in the OpenAPI document of a service that has them."""
    told = asking(models_dir, api_keys_file=str(keys), rate_limit="9/second").get("/openapi.json")
    document = told.get_json()
    predict = document["paths"]["/predict"]["post"]
    assert {"401", "429"} <= set(predict["responses"])
    schemes = {name for entry in predict["security"] for name in entry}
    assert schemes == set(document["components"]["securitySchemes"])
    assert "security" not in document["paths"]["/healthz"]["get"]
    open_ = asking(models_dir).get("/openapi.json").get_json()
    assert "securitySchemes" not in open_["components"]
    assert not {"401", "429"} & set(open_["paths"]["/predict"]["post"]["responses"])


def test_keys_are_revoked_and_added_while_it_runs(keys):
    """SIGHUP reads the file again; one that cannot be used leaves the keys as they were."""

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
        keys.write_text("no key at all\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: samples(url)["convscope_reload_failed", ()] == 1)
        assert (status(BEN), status(ANNA)) == (200, 401)
        (error,) = requests.get(f"{url}/readyz", timeout=PATIENCE_S).json()["reload_errors"]
        assert "line 1" in error


def test_a_rate_limit_counts_each_client(models_dir, keys):
    """The excess is 429 with Retry-After; each key has its own count, health has none."""
    client = asking(models_dir, api_keys_file=str(keys), rate_limit="3/hour")
    anna, ben = ({"X-API-Key": key} for key in (ANNA, BEN))
    paths = ("/predict", "/occlusion", "/predict")
    assert [post(client, path, **anna).status_code for path in paths] == [200] * 3
    refused = post(client, **anna)
    assert refused.status_code == 429
    assert refused.get_json()["type"].endswith(":too-many-requests")
    assert 0 < int(refused.headers["Retry-After"]) <= 3601  # in whole seconds, rounded up
    assert post(client, **ben).status_code == 200
    assert post(client).status_code == 401
    assert [client.get("/healthz").status_code for _ in range(5)] == [200] * 5


def test_without_keys_addresses_are_counted(models_dir):
    """Behind trusted proxies it is the client's own address, which nobody else can claim."""
    client = asking(models_dir, rate_limit="1/hour", trusted_proxies=1)
    first = {"X-Forwarded-For": "10.0.0.1"}
    assert post(client, **first).status_code == 200
    assert post(client, **first).status_code == 429
    assert post(client, **{"X-Forwarded-For": "10.0.0.1, 10.0.0.2"}).status_code == 200
    alone = asking(models_dir, rate_limit="1/hour")
    assert post(alone, **first).status_code == 200
    assert post(alone, **{"X-Forwarded-For": "10.0.0.3"}).status_code == 429


def test_a_lost_redis_takes_nobody_down(models_dir):
    """Where the counts' store does not answer, each worker counts for itself."""
    storage = f"redis://127.0.0.1:{free_port()}"
    client = asking(models_dir, rate_limit="2/hour", rate_limit_storage=storage)
    assert [post(client).status_code for _ in range(3)] == [200, 200, 429]


def test_other_origins_may_ask_only_where_they_are_named(models_dir):
    """CORS: off by default; with origins, these get the headers, preflights too, and no others."""
    origin = {"Origin": "https://a.example"}
    preflight = {**origin, "Access-Control-Request-Method": "POST"}
    assert "Access-Control-Allow-Origin" not in post(asking(models_dir), **origin).headers
    client = asking(models_dir, cors_origins="https://a.example,http://localhost:3000")
    answer = post(client, **origin)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
    allowed = client.options("/predict", headers=preflight)
    assert (allowed.status_code, "POST" in allowed.headers["Access-Control-Allow-Methods"]) == (
        200,
        True,
    )
    other = post(client, Origin="https://axexample")
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_preflight_needs_no_key(models_dir, keys):
    """A browser sends none with it, and asks there whether it may."""
    client = asking(models_dir, api_keys_file=str(keys), cors_origins="*")
    asked = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = client.options("/predict", headers=asked)
    assert answer.status_code == 200
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_browsers_are_told_to_trust_little(models_dir):
    """A page loads from this service alone, with no script in its text; answers load nothing."""
    client = asking(models_dir)
    for path in ("/", "/docs", "/web/main.js", "/model", "/nowhere", "/predict"):
        headers = client.get(path, buffered=True).headers
        policy = headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in policy
        assert ("frame-ancestors 'none'" in policy) is (path != "/")  # lessons embed the playground
        assert ("script-src 'self';" in policy) is (path in ("/", "/docs"))
        assert ("unsafe" in policy) is (path == "/docs")


def test_the_api_page_works_under_its_policy(browser, server):
    """Swagger UI shows every route and tries one; the browser refuses nothing of it."""
    document = requests.get(f"{server}/openapi.json", timeout=PATIENCE_S).json()
    complaints = []
    page = browser.new_page()
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{server}/docs")
    page.locator("#operations-ops-ops_healthz .opblock-summary-control").click()
    page.get_by_text("Try it out").click()
    page.get_by_text("Execute", exact=True).click()
    page.locator(".live-responses-table .response-col_status", has_text="200").wait_for()
    shown = page.locator(".opblock").count()
    page.close()
    assert shown == sum(len(methods) for methods in document["paths"].values())
    assert complaints == []

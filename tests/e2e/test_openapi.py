"""The OpenAPI document is valid and complete, and the service does what it says."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import requests
from openapi_spec_validator import validate

from service.app import create_app
from service.settings import Settings
from tests.conftest import ROOT
from tests.e2e.test_predict import png

DIGIT = np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))
BLANK = np.zeros((50, 50), np.uint8)
LEAST_CASES = 2000


@pytest.fixture(scope="module")
def app(models_dir):
    """The application with small limits, so that each of them is easily met."""
    return create_app(Settings(models_dir=models_dir, max_body_bytes=50_000))


@pytest.fixture(scope="module")
def told(app):
    """The document, as the app itself makes it."""
    return json.loads(app.test_client().get("/openapi.json").get_data())


def operations(told):
    """Every operation of the document, with its path and method."""
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def test_the_document_is_valid(told):
    """A validator not written here finds it to be OpenAPI 3.1."""
    assert told["openapi"].startswith("3.1")
    validate(told)


def test_every_route_is_in_the_document(app, told):
    """What the app routes is what the document tells, but for the files of the pages."""
    routed = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/web/")
    }
    assert {(path, method) for path, method, _ in operations(told)} == routed


def test_operations_are_told_apart_and_explained(told):
    """Each has an id of its own and a summary, its tag and each parameter a description."""
    found = [operation for _, _, operation in operations(told)]
    ids = [operation["operationId"] for operation in found]
    assert len(set(ids)) == len(ids)
    assert all(tag["description"] for tag in told["tags"])
    tags = {tag["name"] for tag in told["tags"]}
    for operation in found:
        assert operation["summary"].endswith("."), operation
        assert set(operation["tags"]) <= tags
        for parameter in operation["parameters"]:
            assert parameter["description"].endswith("."), parameter


def test_schemas_read_well(told):
    """Descriptions are prose, not docstrings; what these say of an attribute stands at it."""
    schemas = told["components"]["schemas"]
    for name, schema in schemas.items():
        assert re.fullmatch(r"\w+", name), "two classes of one name"
        assert schema["description"].endswith((".", "!", "?")), name
        for text in (schema["description"], *map(str, schema["properties"].values())):
            assert "Attributes:" not in text
            assert not re.search(r"\bNone where|    ", text), text
    assert schemas["Prediction"]["properties"]["score"]["description"].startswith("Compared with")
    trace = schemas["ConvolutionTrace"]["properties"]  # what a class inherits, too
    assert trace["difference"]["description"] == "|pre − value|, what float32 rounds away."
    assert schemas["Cell"]["properties"]["column"]["description"].startswith("From 0; null in")


def test_json_bodies_hold_one_form_of_input(told):
    """Exactly one of image, images and instances; instances never without their range."""
    content = told["paths"]["/predict"]["post"]["requestBody"]["content"]
    body = content["application/json"]["schema"]
    one_of = {field for option in body["oneOf"] for field in option["required"]}
    assert one_of == {"image", "images", "instances"}
    assert body["dependentRequired"] == {"instances": ["range"]}
    form = told["components"]["schemas"]["ImageForm"]["properties"]["image"]
    assert form["items"] == {"type": "string", "format": "binary"}


def test_schemathesis_finds_nothing(server, tmp_path):
    """All its checks, in at least 2,000 requests to the running service: no failure, no warning."""
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", "tests/e2e/schemathesis.toml", "run", f"{server}/openapi.json"),
            *("--report", "json", "--report-json-path", str(report), "--no-color"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    found = json.loads(report.read_text())
    assert found["operations"]["tested"] == found["operations"]["total"]
    assert found["test_cases"]["generated"] >= LEAST_CASES
    assert found["test_cases"]["with_failures"] == found["filtered"] == 0


def asking(path, media="application/json"):
    """A request that gets a route's answer in that form, as Flask's test client takes it."""
    request = {"path": path.replace("{name}", "mnist").replace("{version}", "1")}
    if path.startswith("/v2"):
        tensor = {"name": "image", "datatype": "UINT8", "shape": [28, 28], "data": DIGIT.tolist()}
        binary = {"binary_data_output": media == "application/octet-stream"}
        return {**request, "json": {"inputs": [tensor], "parameters": binary}}
    if path.startswith("/v1"):
        return {**request, "json": {"instances": [DIGIT.tolist()]}}
    cell = {"layer": "conv2d", "channel": 0, "row": 0, "column": 0}
    query = cell if path == "/explain" else {}
    return {**request, "data": png(DIGIT), "query_string": query, "headers": {"Accept": media}}


def test_every_documented_answer_can_be_had(app, told):
    """Each route gives each of its media types to a client that asks for it."""
    client = app.test_client()
    for path, method, operation in operations(told):
        for media in operation["responses"]["200"]["content"]:
            request = asking(path, media)
            if method == "GET":
                request.pop("data", request.pop("json", None))
            answer = client.open(method=method, buffered=True, **request)
            assert answer.status_code == 200, (path, media, answer.get_data())
            assert answer.mimetype == media, path


def refused(status, path, method):
    """A request that a route refuses with that status."""
    request = asking(path)
    if status == 404:
        request["path"] = path.replace("{name}", "cats").replace("{version}", "1")
        if "query_string" in request:
            request["query_string"] = {**request["query_string"], "model": "cats"}
    elif method == "GET":
        request |= {"query_string": {"version": "x"}} if status == 400 else {}
        request |= {"headers": {"Accept": "text/html"}} if status == 406 else {}
    else:
        request |= refused_body(status, path)
    return request


def refused_body(status, path):
    """What is wrong with a POST that is refused with that status."""
    tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 1], "data": [0]}
    small = {"/v1": {"json": {"instances": [[[0.0]]]}}, "/v2": {"json": {"inputs": [tensor]}}}
    return {
        400: {"json": None, "data": b"\x89PNG\r\n\x1a\n"},
        406: {"headers": {"Accept": "text/html"}},
        413: {"json": None, "data": b"x" * 50_001},
        415: {"headers": {"Content-Encoding": "br"}, "content_type": "text/xml"},
        422: small.get(path[:3], {"data": png(BLANK)}),
    }[status]


def test_every_documented_refusal_can_be_had(app, told):
    """Each status of each route is one that it gives, with the media type that is told."""
    client = app.test_client()
    for path, method, operation in operations(told):
        for status, response in operation["responses"].items():
            # a bug; load, or a stop: test_operations.py; too slow or late: test_adapter.py
            if status in ("200", "304", "500", "503", "408", "504"):
                continue
            answer = client.open(method=method, **refused(int(status), path, method))
            assert answer.status_code == int(status), (path, status, answer.get_data())
            assert list(response["content"]) == [answer.mimetype], path


def test_what_a_client_has_is_not_sent_again(app, told):
    """Wherever 304 is documented, the ETag of an answer gets it, without a body."""
    client = app.test_client()
    for path, method, operation in operations(told):
        if "304" in operation["responses"]:
            etag = client.open(path, method=method).headers["ETag"]
            again = client.open(path, method=method, headers={"If-None-Match": etag})
            assert (again.status_code, again.get_data()) == (304, b""), path


def test_methods_are_answered_or_refused_everywhere(server, told):
    """OPTIONS tells the methods, HEAD is GET without a body, any other is 405 with Allow."""
    for path, methods in told["paths"].items():
        url = server + path.replace("{name}", "mnist").replace("{version}", "1")
        allowed = {method.upper() for method in methods} | {"OPTIONS"}
        allowed |= {"HEAD"} if "GET" in allowed else set()
        options = requests.options(url, timeout=5)
        assert options.status_code == 200
        assert set(options.headers["Allow"].split(", ")) == allowed, path
        for method in {"HEAD", "PUT", "DELETE", "PATCH", "TRACE", "QUERY"} - allowed:
            answer = requests.request(method, url, timeout=5)
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["Allow"].split(", ")) == allowed
            form = "application/json" if path.startswith(("/v1", "/v2")) else "problem+json"
            assert answer.headers["Content-Type"].endswith(form)
        if "GET" in allowed:
            head, get = (requests.request(method, url, timeout=5) for method in ("HEAD", "GET"))
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_the_page_loads_from_here_alone(server):
    """/docs and all that it names come from this server, of the right type, to be checked again."""
    page = requests.get(f"{server}/docs", timeout=5)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    named += re.findall(r'url: "([^"]+)"', requests.get(f"{server}/web/docs.js", timeout=5).text)
    files = [name for name in named if name != "data:,"]
    assert len(files) == 4
    types = {"css": "text/css", "js": "javascript", "json": "application/json"}
    for name in files:
        answer = requests.get(f"{server}/{name}", timeout=5)
        assert answer.status_code == 200, name
        assert types[name.rpartition(".")[2]] in answer.headers["Content-Type"]
    styles = requests.get(f"{server}/web/vendor/swagger-ui.css", timeout=5).text
    assert all(url.startswith("data:") for url in re.findall(r"url\([\"']?([^)]*)", styles))


def test_files_of_the_pages_are_kept_by_the_client(server):
    """They have an ETag, are asked for again every time, and answered 304 where nothing changed."""
    for path in ("/docs", "/web/docs.js", "/web/vendor/swagger-ui.css"):
        first = requests.get(server + path, timeout=5)
        assert first.headers["Cache-Control"] == "no-cache"
        etag = {"If-None-Match": first.headers["ETag"]}
        assert requests.get(server + path, headers=etag, timeout=5).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["../settings.py", "..%2fsettings.py", "%2e%2e/settings.py", "%2fetc/passwd", "vendor", "%00"],
)
def test_only_files_of_the_pages_are_served(app, path):
    """A path that leaves the folder, or names none of its files, is 404."""
    answer = app.test_client().get(f"/web/{path}")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"

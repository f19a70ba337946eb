"""The OpenAPI document is valid and complete, and the service conforms to it."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import requests
from openapi_spec_validator import validate

from service.api.http.schemas import for_generators
from service.app import create_app
from service.settings import Settings
from tests.conftest import ROOT
from tests.e2e.test_predict import png

DIGIT = np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))
BLANK = np.zeros((50, 50), np.uint8)
MIN_CASES = 2000


@pytest.fixture(scope="module")
def app(models_dir):
    """Create the application with small limits, so that small requests exceed them."""
    return create_app(Settings(models_dir=models_dir, max_body_bytes=50_000))


@pytest.fixture(scope="module")
def document(app):
    """Return the document of the app."""
    return json.loads(app.test_client().get("/openapi.json").get_data())


def operations(document):
    """Yield every operation of the document, with its path and method."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def test_the_document_is_valid(document):
    """openapi-spec-validator accepts the document as OpenAPI 3.1."""
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_arrays_have_their_depth(document):
    """Arrays have items down to numbers; only bodies of other protocols leave a type open."""
    schemas = document["components"]["schemas"]
    number = {"type": "number"}
    row = {"type": "array", "items": number}
    grid = {"type": "array", "items": row}
    maps = {"type": "array", "items": grid}
    assert schemas["LayerMaps"]["properties"]["maps"]["anyOf"] == [maps, {"type": "null"}]
    values = {"anyOf": [row, grid, {"type": "array", "items": maps}]}
    assert schemas["LayerMaps"]["properties"]["values"]["anyOf"] == [values, {"type": "null"}]
    assert schemas["PreprocessAnswer"]["properties"]["digit"] == {"anyOf": [grid, maps]}
    kernel = schemas["LayerWeights"]["properties"]["kernel"]
    assert kernel["anyOf"] == [grid, {"type": "array", "items": maps}]
    assert schemas["OutputAnswer"]["properties"]["data"] == row
    assert "prefixItems" not in json.dumps(document)


def test_a_tuple_of_several_types_is_an_error():
    """Code generators do not support such tuples, so the error names the elements' types."""
    with pytest.raises(TypeError, match=r"one type.*integer.*string"):
        for_generators({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False})


def test_keys_are_required_only_where_the_service_has_some(document, models_dir, tmp_path):
    """The schemes are declared; with a keys file each private operation requires one."""
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header"}
    assert document["security"] == []
    assert all("security" not in operation for _, _, operation in operations(document))
    keys = tmp_path / "keys"
    keys.write_text("teacher:0123456789abcdef\n")
    keyed = create_app(Settings(models_dir=models_dir, api_keys_file=keys))
    paths = json.loads(keyed.test_client().get("/openapi.json").get_data())["paths"]
    assert paths["/predict"]["post"]["security"] == [{"bearer": []}, {"header": []}]
    assert "security" not in paths["/healthz"]["get"]


def test_every_json_body_has_an_example_that_is_accepted(app, document):
    """The example of each request body gets a successful response."""
    client = app.test_client()
    for path, _, operation in operations(document):
        if "requestBody" in operation:
            request = request_for(path)
            example = operation["requestBody"]["content"]["application/json"]["example"]
            response = client.post(
                request["path"], json=example, query_string=request.get("query_string")
            )
            assert response.status_code == 200, (path, response.get_data())


def test_every_route_is_in_the_document(app, document):
    """The document has exactly the app's routes, except the files of the pages."""
    routed = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/web/")
    }
    assert {(path, method) for path, method, _ in operations(document)} == routed


def test_operations_have_ids_and_descriptions(document):
    """Each operation has a unique id and a summary; its tag and parameters have descriptions."""
    all_operations = [operation for _, _, operation in operations(document)]
    ids = [operation["operationId"] for operation in all_operations]
    assert len(set(ids)) == len(ids)
    assert all(tag["description"] for tag in document["tags"])
    tags = {tag["name"] for tag in document["tags"]}
    for operation in all_operations:
        assert operation["summary"].endswith("."), operation
        assert set(operation["tags"]) <= tags
        for parameter in operation["parameters"]:
            assert parameter["description"].endswith("."), parameter


def test_schemas_have_descriptions(document):
    """Descriptions contain no docstring syntax; attributes have their own descriptions."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert re.fullmatch(r"\w+", name), "two classes of one name"
        assert schema["description"].endswith((".", "!", "?")), name
        for text in (schema["description"], *map(str, schema["properties"].values())):
            assert "Attributes:" not in text
            assert not re.search(r"\bNone where|    ", text), text
    assert schemas["Prediction"]["properties"]["score"]["description"].startswith("Compared with")
    trace = schemas["ConvolutionTrace"]["properties"]  # inherited attributes have descriptions too
    assert trace["difference"]["description"] == "|pre − value|, the rounding error of float32."
    assert schemas["Cell"]["properties"]["column"]["description"].startswith("From 0; null in")


def test_json_bodies_have_one_kind_of_input(document):
    """A body has exactly one of image, images and instances; instances require a range."""
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    body = content["application/json"]["schema"]
    one_of = {field for option in body["oneOf"] for field in option["required"]}
    assert one_of == {"image", "images", "instances"}
    assert body["dependentRequired"] == {"instances": ["range"]}
    form = document["components"]["schemas"]["ImageForm"]["properties"]["image"]
    assert form["items"] == {"type": "string", "format": "binary"}


def test_fields_that_only_some_requests_get_are_optional(document):
    """Only `segment` and the details may be left out."""
    schemas = document["components"]["schemas"]
    optional = {
        name: schemas[name]["properties"].keys() - schemas[name]["required"]
        for name in ("Prediction", "AppliedPreprocessing", "Place")
    }
    details = {"scale", "shift", "threshold", "stroke"}
    assert optional == {
        "Prediction": {"segment", "digit"},
        "AppliedPreprocessing": details,
        "Place": set(),
    }
    segment = schemas["Prediction"]["properties"]["segment"]
    assert segment["$ref"] == "#/components/schemas/Place"


def test_a_parameter_lists_all_of_its_types(document):
    """`segment` is a boolean or the word grid."""
    parameters = document["paths"]["/predict"]["post"]["parameters"]
    (segment,) = (each for each in parameters if each["name"] == "segment")
    grid = {"type": "string", "enum": ["grid"]}
    assert segment["schema"] == {"anyOf": [{"type": "boolean"}, grid], "default": False}
    assert segment["description"].startswith("true: return")


def test_schemathesis_finds_nothing(server, tmp_path):
    """All checks of at least 2,000 requests pass, without a warning."""
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
    counts = json.loads(report.read_text())
    assert counts["operations"]["tested"] == counts["operations"]["total"]
    assert counts["test_cases"]["generated"] >= MIN_CASES
    assert counts["test_cases"]["with_failures"] == counts["filtered"] == 0


def request_for(path, media="application/json"):
    """Return arguments of Flask's test client for a response of that media type."""
    request = {"path": path.replace("{name}", "mnist").replace("{version}", "1")}
    if path.startswith("/v2"):
        tensor = {"name": "image", "datatype": "UINT8", "shape": [28, 28], "data": DIGIT.tolist()}
        binary = {"binary_data_output": media == "application/octet-stream"}
        return {**request, "json": {"inputs": [tensor], "parameters": binary}}
    if path.startswith("/v1"):
        return {**request, "json": {"instances": [DIGIT.tolist()]}}
    cell = {"layer": "conv2d", "channel": 0, "row": 0, "column": 0}
    query = {"/explain": cell, "/atlas": {"layer": "conv2d"}}.get(path, {})
    return {**request, "data": png(DIGIT), "query_string": query, "headers": {"Accept": media}}


def test_every_documented_media_type_is_returned(app, document):
    """Each route returns each of its media types when Accept requests it."""
    client = app.test_client()
    for path, method, operation in operations(document):
        for media in operation["responses"]["200"]["content"]:
            request = request_for(path, media)
            if method == "GET":
                request.pop("data", request.pop("json", None))
            answer = client.open(method=method, buffered=True, **request)
            assert answer.status_code == 200, (path, media, answer.get_data())
            assert answer.mimetype == media, path


def rejected_request(status, path, method):
    """Return a request that a route rejects with that status."""
    request = request_for(path)
    if status == 404:
        request["path"] = path.replace("{name}", "cats").replace("{version}", "1")
        if "query_string" in request:
            request["query_string"] = {**request["query_string"], "model": "cats"}
    elif method == "GET":
        request |= {"query_string": {"version": "x"}} if status == 400 else {}
        request |= {"headers": {"Accept": "text/html"}} if status == 406 else {}
    else:
        request |= rejected_body(status, path)
    return request


def rejected_body(status, path):
    """Return the part of a POST that is rejected with that status."""
    tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 1], "data": [0]}
    small = {"/v1": {"json": {"instances": [[[0.0]]]}}, "/v2": {"json": {"inputs": [tensor]}}}
    return {
        400: {"json": None, "data": b"\x89PNG\r\n\x1a\n"},
        406: {"headers": {"Accept": "text/html"}},
        413: {"json": None, "data": b"x" * 50_001},
        415: {"headers": {"Content-Encoding": "br"}, "content_type": "text/xml"},
        422: small.get(path[:3], {"data": png(BLANK)}),
    }[status]


def test_every_documented_error_is_returned(app, document):
    """Each route returns each of its error statuses, with the documented media type."""
    client = app.test_client()
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            # bugs cannot be requested; test_operations.py covers overload, test_adapter.py timeouts
            if status in ("200", "304", "500", "503", "408", "504"):
                continue
            if (path, status) == ("/model/weights", "413"):  # in test_weights_route.py
                continue
            answer = client.open(method=method, **rejected_request(int(status), path, method))
            assert answer.status_code == int(status), (path, status, answer.get_data())
            assert list(response["content"]) == [answer.mimetype], path


def test_an_unchanged_response_is_not_sent_twice(app, document):
    """Where 304 is documented, the ETag of a response gives it, without a body."""
    client = app.test_client()
    for path, method, operation in operations(document):
        if "304" in operation["responses"]:
            etag = client.open(path, method=method).headers["ETag"]
            again = client.open(path, method=method, headers={"If-None-Match": etag})
            assert (again.status_code, again.get_data()) == (304, b""), path


def test_every_route_handles_all_methods(server, document):
    """OPTIONS lists the methods, HEAD is GET without a body, any other is 405 with Allow."""
    for path, methods in document["paths"].items():
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

"""Requests of every route and every model, as the service's own descriptions list them."""

import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import numpy as np

from torture.bombs import BOMBS
from torture.seeds import seeds

Described = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        route: its method and path in the OpenAPI document; of a file or of an error, its name.
        method: GET, HEAD or POST.
        path: with the query.
        body: what is sent.
        headers: besides those that every request has.
    """

    route: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def mixture(port: int) -> list[Request]:
    """Return a request for each route and model, format, kind of body, and value of a parameter."""
    document = json.loads(_get(port, "/openapi.json"))
    models = [
        json.loads(_get(port, f"/model?model={each['name']}"))
        for each in json.loads(_get(port, "/models"))["models"]
    ]
    requests = [
        request
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for request in _of_operation(method.upper(), path, operation, models)
    ]
    return [*requests, *_archives(models), *_files(port), *_errors()]


def _get(port: int, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body


def _of_operation(
    method: str, path: str, operation: Described, models: list[Described]
) -> Iterator[Request]:
    """Yield for each model a request with each kind of body, and with each parameter's values."""
    parameters = {each["name"]: each for each in operation.get("parameters", [])}
    content = operation.get("requestBody", {}).get("content", {})
    for model in models if parameters.keys() & {"name", "model"} else models[:1]:
        bodies = list(_bodies(path, content, model)) or [(b"", {})]
        known = _of_model(model)
        filled = re.sub(r"\{(\w+)\}", lambda found: known[found[1]], path)  # noqa: B023
        query = {
            name: known[name]
            for name, each in parameters.items()
            if each["in"] == "query" and name in known
        }
        varied = [
            (bodies[0], {each["name"]: value})
            for each in parameters.values()
            for value in _values(each["schema"])
        ]
        for (body, headers), other in [*((each, {}) for each in bodies), *varied]:
            text = "&".join(f"{name}={value}" for name, value in (query | other).items())
            yield Request(f"{method} {path}", method, f"{filled}?{text}", body, headers)


def _values(schema: Described) -> list[str]:
    """Return every value of an enumerated parameter; none of another one."""
    kinds = schema.get("anyOf", [schema])
    is_boolean = any(kind.get("type") == "boolean" for kind in kinds)
    return [value for kind in kinds for value in kind.get("enum", [])] + ["true"] * is_boolean


def _of_model(model: Described) -> dict[str, str]:
    """Return the values of parameters that depend on the model."""
    layer = model["layers"][0]  # a convolution
    height, width, _ = layer["output_shape"]
    side = str(min(layer["input_shape"][:2]) // 2)  # so that an occlusion map takes few runs
    name = model["name"]
    names = {"name": name, "model": name, "layer": layer["name"], "layers": layer["name"]}
    place = {"channel": "0", "row": str(height // 2), "column": str(width // 2)}
    return {**names, "version": str(model["version"]), **place, "patch": side, "stride": side}


def _bodies(
    path: str, content: Described, model: Described
) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Yield for each media type of an operation a body and its headers."""
    of_kind = {}
    for seed in reversed(seeds()):  # the first of a kind is kept
        kind = seed.headers.get("Content-Type", f"image/{seed.name.lower()}")
        of_kind[kind.partition(";")[0]] = seed
    shape = model["layers"][0]["input_shape"]
    for media, described in content.items():
        if media == "application/json":
            yield json.dumps(described["example"]).encode(), {"Content-Type": media}
        elif media == "application/x-npy":
            array = io.BytesIO()
            np.save(array, np.zeros(shape, np.uint8))
            yield array.getvalue(), {"Content-Type": media}
        elif media == "application/octet-stream" and path.startswith("/v2/"):
            size = math.prod(shape)
            tensor = {"name": "image", "shape": [1, *shape], "datatype": "UINT8"}
            binary = {**tensor, "parameters": {"binary_data_size": size}}
            head = json.dumps({"inputs": [binary]}).encode()
            length = {"Inference-Header-Content-Length": str(len(head))}
            yield head + bytes(size), {"Content-Type": media, **length}
        else:
            seed = of_kind["image/png" if media == "application/octet-stream" else media]
            yield seed.body, {"Content-Type": media, **seed.headers}


def _archives(models: list[Described]) -> Iterator[Request]:
    """Yield requests for every value of a model, which are encoded while they are sent."""
    seed = seeds()[0]
    for model in models:
        for format_ in ("npz", "safetensors"):
            query = f"model={model['name']}&layers=all&format={format_}"
            yield Request("every layer", "POST", f"/activations?{query}", seed.body, seed.headers)


def _files(port: int) -> Iterator[Request]:
    """Yield requests for the files that the pages name."""
    for page in ("/", "/docs"):
        for name in sorted(set(re.findall(rb'"(/web/[^"#]+)"', _get(port, page)))):
            yield Request("GET file", "GET", name.decode())


def _errors() -> Iterator[Request]:
    """Yield requests that are refused, and some that need no body."""
    png = seeds()[0].body
    image = {"Content-Type": "image/png"}
    bomb, _ = BOMBS["PNG of 50,000 × 50,000"]()
    yield Request("HEAD", "HEAD", "/models")
    yield Request("unknown path", "GET", "/nothing")
    yield Request("unknown file", "GET", "/web/nothing.js")
    yield Request("unknown model", "POST", "/predict?model=nothing", png, image)
    yield Request("unknown parameter", "POST", "/predict?nothing=1", png, image)
    yield Request("wrong method", "POST", "/models", png, image)
    yield Request("wrong format", "POST", "/predict", png, {**image, "Accept": "text/html"})
    yield Request("wrong media type", "POST", "/predict", png, {"Content-Type": "text/plain"})
    yield Request("no image", "POST", "/predict", b"", image)
    yield Request("damaged image", "POST", "/predict", png[:-40], image)
    yield Request("image too large", "POST", "/predict", bomb, image)
    yield Request("late", "POST", "/predict", png, {**image, "Request-Timeout": "0"})

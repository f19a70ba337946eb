"""Code generators and a linter accept the OpenAPI document, and the generated client works."""

import base64
import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import requests

from tests.conftest import ROOT

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
SEVEN = ROOT / "tests" / "seven.png"


@pytest.fixture(scope="module")
def document(server, tmp_path_factory):
    """Save the document of the running service; return its path."""
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    path.write_text(requests.get(f"{server}/openapi.json").text)
    return path


@pytest.fixture(scope="module")
def generated(document):
    """Generate a Python client, with every warning as an error; return its folder."""
    folder = document.parent / "client"
    config = Path(__file__).with_name("openapi-python-client.yaml")
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("openapi-python-client"), "generate"),
            *("--path", document, "--output-path", folder, "--config", config),
            "--fail-on-warning",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
    return folder


def npx(*command, folder):
    """Run a program of npm in a folder; return its output."""
    return subprocess.run(
        ["npx", "--yes", *command],  # noqa: S607 - npm's place differs
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_generated_client_predicts_and_gets_activations(server, generated, monkeypatch):
    """The generated client's typed results are the values of the service's JSON."""
    monkeypatch.syspath_prepend(str(generated))
    root = importlib.import_module("generated_client")
    models = importlib.import_module("generated_client.models")
    predict = importlib.import_module("generated_client.api.native.native_predict")
    activations = importlib.import_module("generated_client.api.native.native_activations")
    body = models.JsonFields(image=base64.b64encode(SEVEN.read_bytes()).decode())
    with root.Client(server) as client:
        predicted = predict.sync(client=client, body=body)
        segmented = predict.sync(client=client, body=body, segment=True, details=True)
        layers = activations.sync(client=client, body=body, layers="conv2d,dense")

    assert isinstance(predicted, models.PredictAnswer)
    (prediction,) = predicted.predictions
    assert (prediction.label, predicted.model.name) == ("7", "mnist")
    assert prediction.preprocessing.bounding_box == [0, 0, 28, 28]
    assert not prediction.preprocessing.stroke  # unset
    assert not prediction.segment

    (segment,) = segmented.predictions
    assert (segment.segment.row, segment.segment.is_digit) == (0, True)
    assert segment.preprocessing.stroke > 0

    assert isinstance(layers, models.ActivationsAnswer)
    convolution, dense = layers.layers
    assert np.shape(convolution.maps) == (32, 26, 26)
    assert np.shape(dense.values) == (64,)
    expected = requests.post(f"{server}/activations?layers=conv2d,dense", data=SEVEN.read_bytes())
    assert [layer.to_dict() for layer in layers.layers] == expected.json()["layers"]


def test_a_generated_client_has_every_schema(document, generated):
    """No schema is left out of the generated client."""
    schemas = json.loads(document.read_text())["components"]["schemas"]
    exports = (generated / "generated_client" / "models" / "__init__.py").read_text()
    assert [name for name in schemas if f'"{name}"' not in exports] == []


@needs_npm
def test_typescript_types_are_generated(document):
    """openapi-typescript writes a type for each schema, and reports nothing."""
    done = npx("openapi-typescript", document, "-o", "types.ts", folder=document.parent)
    assert done.returncode == 0, done.stderr
    assert "⚠" not in done.stdout + done.stderr
    types = (document.parent / "types.ts").read_text()
    schemas = json.loads(document.read_text())["components"]["schemas"]
    assert [name for name in schemas if f"        {name}: {{" not in types] == []
    assert "maps: number[][][] | null;" in types


@needs_npm
def test_the_linter_finds_no_error(document):
    """Redocly's recommended rules find no error."""
    done = npx("@redocly/cli", "lint", document, "--format=json", folder=document.parent)
    report = json.loads(done.stdout[done.stdout.index("{") :])
    assert report["totals"]["errors"] == 0, report["problems"]
    assert done.returncode == 0

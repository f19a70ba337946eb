"""The process: how it starts, what it refuses to start with, its health and its limits."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import requests

from tests.conftest import ROOT, start_server
from tests.e2e.test_predict import png


def run(**environ):
    """`python -m service` until it exits by itself."""
    return subprocess.run(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_health_and_readiness(server, mnist_bundle):
    """/healthz says that it lives, /readyz which models it can answer with."""
    assert requests.get(f"{server}/healthz", timeout=5).json() == {"status": "ok"}
    ready = requests.get(f"{server}/readyz", timeout=5).json()
    assert ready["status"] == "ready"
    assert {"name": "mnist", "version": 1, "sha256": mnist_bundle.sha256} in ready["models"]


def test_model_tells_what_a_page_needs(server, mnist_bundle):
    """GET /model is the manifest: layers with shapes, kernels, parameters; metrics; no digits."""
    manifest = requests.get(f"{server}/model", timeout=5).json()
    assert manifest["parameters"] == 93_322
    assert manifest["layers"] == mnist_bundle.manifest["layers"]
    assert "golden" not in manifest
    assert (
        requests.get(f"{server}/model", params={"model": "tiny"}, timeout=5).json()["version"] == 3
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [("GET", "/nowhere", 404, "unknown-route"), ("GET", "/predict", 405, "method-not-allowed")],
)
def test_flasks_own_errors_are_problems_too(server, method, path, status, slug):
    """An unknown route and a wrong method are answered in the same form."""
    answer = requests.request(method, server + path, timeout=5)
    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:convscope:problem:{slug}"
    if status == 405:
        assert "POST" in answer.headers["Allow"]


def test_a_request_id_is_kept_and_a_strange_one_replaced(server):
    """A plain X-Request-ID comes back; anything that could spoil a log does not."""
    for given, kept in (("abc-123", True), ("x" * 65, False), ("a b", False)):
        answer = requests.get(f"{server}/healthz", headers={"X-Request-ID": given}, timeout=5)
        found = answer.headers["X-Request-ID"]
        assert (found == given) is kept
        assert kept or re.fullmatch(r"[0-9a-f]{32}", found)


def test_limits_on_bytes_pixels_and_images():
    """Each limit answers 413 with its own problem, and the connection's next request works."""
    process, url = start_server(
        CONVSCOPE_MAX_BODY_BYTES="2000", CONVSCOPE_MAX_PIXELS="10000", CONVSCOPE_MAX_IMAGES="2"
    )
    try:
        small = png(np.eye(28, dtype=np.uint8) * 255)
        wide = png(np.zeros((10, 1001), np.uint8))
        three = {"files": [("image", ("d.png", small))] * 3}
        for request, slug in (
            ({"data": b"x" * 2001}, "body-too-large"),
            ({"data": wide}, "image-too-large"),
            (three, "image-too-large"),
        ):
            answer = requests.post(f"{url}/predict", timeout=5, **request)
            assert answer.status_code == 413, answer.text
            assert answer.json()["type"].endswith(slug)
        assert requests.post(f"{url}/predict", data=small, timeout=5).ok
    finally:
        process.terminate()
        process.communicate(timeout=40)


def test_a_bad_setting_stops_the_start():
    """Exit 2 and one line that names key and value."""
    done = run(PORT="http")
    assert done.returncode == 2
    assert done.stderr == "PORT must be a whole number from 0 to 65535, got 'http'.\n"


def test_a_broken_bundle_stops_the_start(tmp_path):
    """Exit 4 and a line that names the file; no stack trace."""
    copy = shutil.copytree(ROOT / "models" / "mnist" / "1", tmp_path / "mnist" / "1")
    with (copy / "graph.tflite").open("r+b") as file:
        file.seek(1000)
        file.write(b"?")
    done = run(PORT="0", CONVSCOPE_MODELS_DIR=str(tmp_path))
    assert done.returncode == 4
    assert "graph.tflite was altered" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_model_stops_the_start(tmp_path):
    """An empty models folder is said so, with the settings that point elsewhere."""
    done = run(PORT="0", CONVSCOPE_MODELS_DIR=str(tmp_path))
    assert done.returncode == 4
    assert "holds no model 'mnist'" in done.stderr
    assert "CONVSCOPE_MODELS_DIR" in done.stderr

"""The process: start, health and limits."""

import re
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest
import requests

from tests.conftest import ROOT, start_server
from tests.e2e.test_predict import png


def run(**environ):
    """Run `python -m service` until it exits by itself."""
    return subprocess.run(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_health_and_readiness(server, mnist_bundle):
    """/healthz reports that the process is alive, /readyz which models are loaded."""
    assert requests.get(f"{server}/healthz", timeout=5).json() == {"status": "ok"}
    ready = requests.get(f"{server}/readyz", timeout=5).json()
    assert ready["status"] == "ready"
    assert {"name": "mnist", "version": 1, "sha256": mnist_bundle.sha256} in ready["models"]


def test_model_returns_the_manifest(server, mnist_bundle):
    """GET /model returns the manifest without its golden digits."""
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
def test_flasks_errors_are_problems(server, method, path, status, slug):
    """An unknown route and a wrong method give problems, too."""
    response = requests.request(method, server + path, timeout=5)
    assert response.status_code == status
    assert response.json()["type"] == f"urn:convscope:problem:{slug}"
    if status == 405:
        assert "POST" in response.headers["Allow"]


def test_a_valid_request_id_is_kept_and_an_invalid_one_replaced(server):
    """An X-Request-ID that could break a log line is replaced by a new id."""
    for sent_id, is_kept in (("abc-123", True), ("x" * 65, False), ("a b", False)):
        response = requests.get(f"{server}/healthz", headers={"X-Request-ID": sent_id}, timeout=5)
        request_id = response.headers["X-Request-ID"]
        assert (request_id == sent_id) is is_kept
        assert is_kept or re.fullmatch(r"[0-9a-f]{32}", request_id)


def test_limits_on_bytes_pixels_and_images():
    """Each limit gives 413 with its own problem; the next request works."""
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
            response = requests.post(f"{url}/predict", timeout=5, **request)
            assert response.status_code == 413, response.text
            assert response.json()["type"].endswith(slug)
        assert requests.post(f"{url}/predict", data=small, timeout=5).ok
    finally:
        process.terminate()
        process.communicate(timeout=40)


@pytest.mark.parametrize(
    ("key", "allowed"), [("PORT", "from 0 to 65535"), ("WEB_CONCURRENCY", "from 1 to 512")]
)
def test_an_invalid_setting_stops_the_start(key, allowed):
    """The service exits with 2 and one line that states key and value, gunicorn's too."""
    done = run(**{key: "http"})
    assert done.returncode == 2
    assert done.stderr == f"{key} must be a whole number {allowed}, got 'http'.\n"


def test_a_broken_bundle_stops_the_start(tmp_path):
    """The service exits with 4 and one line that names the file and the remedy."""
    copy = shutil.copytree(ROOT / "models" / "mnist" / "1", tmp_path / "mnist" / "1")
    with (copy / "graph.tflite").open("r+b") as file:
        file.seek(1000)
        file.write(b"?")
    done = run(PORT="0", CONVSCOPE_MODELS_DIR=str(tmp_path))
    assert done.returncode == 4
    assert "graph.tflite was altered" in done.stderr
    assert "export the model again" in done.stderr
    assert done.stdout.splitlines() + done.stderr.splitlines() == [done.stderr.strip()]


def test_a_missing_model_stops_the_start(tmp_path):
    """The error names the model and the setting of the models folder."""
    done = run(PORT="0", CONVSCOPE_MODELS_DIR=str(tmp_path))
    assert done.returncode == 4
    assert "holds no model 'mnist'" in done.stderr
    assert "CONVSCOPE_MODELS_DIR" in done.stderr


@pytest.mark.parametrize("settings", [{}, {"HOST": "203.0.113.7"}], ids=["port", "host"])
def test_an_address_that_cannot_be_used_stops_the_start(settings):
    """A port in use, or an address of another machine: exit code 2, and one line, at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(PORT=port, **settings)
    assert done.returncode == 2
    assert f"PORT {port} cannot be listened on" in done.stderr
    assert "Set HOST to an address of this machine and PORT to a free port" in done.stderr
    assert done.stdout.splitlines() + done.stderr.splitlines() == [done.stderr.strip()]

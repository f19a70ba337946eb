"""`docker compose --profile ray run label`: bulk work on a Ray cluster of two workers."""

import json
from collections.abc import Iterator

import pytest

from tests.containers.conftest import SEVEN, Stack, docker, log, state

IMAGES = 50
MAX_MB = 750


@pytest.fixture
def cluster(tmp_path) -> Iterator[Stack]:
    """Return a stack whose source has images of a 7; remove it at the end."""
    for name in ("source", "labelled"):
        (tmp_path / name).mkdir()
    (tmp_path / "labelled").chmod(0o777)
    for number in range(IMAGES):
        (tmp_path / "source" / f"{number}.png").write_bytes(SEVEN)
    stack = Stack({"SOURCE": f"{tmp_path}/source", "LABELLED": f"{tmp_path}/labelled"})
    stack.compose("--profile", "ray", "build")
    yield stack
    print(stack.compose("--profile", "ray", "logs", "--tail=15"))  # shown if the test fails
    stack.compose("--profile", "ray", "down", "--volumes", "--timeout", "5")


def test_a_job_labels_every_image(cluster, tmp_path):
    """Every image is labelled, the exit code is the command's, and a node publishes no port."""
    text = cluster.compose("--profile", "ray", "run", "--rm", "label")
    assert f"{IMAGES} rows" in text
    summary = json.loads((tmp_path / "labelled" / "_summary.json").read_text())
    log.info("summary of the job: %s", summary)
    assert summary["rows"] == IMAGES
    with pytest.raises(RuntimeError) as error:
        cluster.compose("--profile", "ray", "run", "--rm", "label")
    assert str(error.value).startswith("exit code 2:")
    assert "add --resume" in str(error.value)

    workers = cluster.containers("ray-worker")
    assert len(workers) == 2
    for node in [*workers, *cluster.containers("ray-head")]:
        assert state(node, ".HostConfig.ReadonlyRootfs") == "true"
        assert state(node, "json .HostConfig.PortBindings") in ("{}", "null")
        assert docker("exec", node, "id", "-u") == "1000"
    listed = docker("run", "--rm", "--entrypoint=cat", "convscope-bulk", "/opt/venv/sbom.cdx.json")
    assert {"flask", "pyarrow", "ray"} <= {
        each["name"].lower() for each in json.loads(listed)["components"]
    }
    base, image = (int(state(n, ".Size")) for n in ("python:3.11-slim-bookworm", "convscope-bulk"))
    log.info("the image of bulk work adds %.0f MB to its base", (image - base) / 1e6)
    assert (image - base) / 1e6 <= MAX_MB

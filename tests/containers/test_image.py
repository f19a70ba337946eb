"""The service's image: its size, its contents and its metadata."""

import json

import pytest

from tests.containers.conftest import docker, log, state

MAX_MB = 200
SBOM = "/opt/venv/sbom.cdx.json"


def inside(image: str, code: str) -> str:
    """Run a Python program in a new container; return its output."""
    return docker("run", "--rm", "--network=none", "--entrypoint=python", image, "-c", code)


def test_the_image_adds_little_to_its_base(image):
    """The service adds at most 200 MB, unpacked, to the base image."""
    base = state(image, 'index .Config.Labels "org.opencontainers.image.base.name"')
    sizes = [int(state(name, ".Size")) for name in (image, base.rsplit("/", 1)[1])]
    added = (sizes[0] - sizes[1]) / 1e6
    largest = "du --bytes -d1 /app /opt/venv/lib/python3*/site-packages | sort -rn | head -n 12"
    parts = docker("run", "--rm", "--entrypoint=sh", image, "-c", largest)
    log.info("the service adds %.1f MB to its base; its largest parts, bytes:\n%s", added, parts)
    assert 0 < added <= MAX_MB


def test_the_image_holds_only_the_service(image):
    """TensorFlow, training and pip are not importable, and the user is not root."""
    code = (
        "import importlib.util as u, json, os; print(json.dumps([os.getuid(), "
        "[m for m in ('tensorflow', 'keras', 'training', 'pip') if u.find_spec(m)]]))"
    )
    assert json.loads(inside(image, code)) == [10001, []]


def test_every_module_is_compiled(image):
    """The image has bytecode of every module, so that a start compiles nothing."""
    code = (
        "import importlib.util as u, pathlib, sysconfig\n"
        "roots = map(pathlib.Path, ('/app/service', sysconfig.get_path('purelib')))\n"
        "files = [str(path) for root in roots for path in root.rglob('*.py')]\n"
        "print(sum(not pathlib.Path(u.cache_from_source(file)).exists() for file in files))"
    )
    assert inside(image, code) == "0"


def test_the_image_lists_its_packages(image):
    """The bill of materials is CycloneDX and names each installed distribution, by version."""
    code = (
        "import importlib.metadata as m, json\n"
        "packages = [str(m.distribution('flask').locate_file(''))]\n"
        "print(json.dumps([[d.name, d.version] for d in m.distributions(path=packages)]))"
    )
    installed = json.loads(inside(image, code))
    materials = json.loads(docker("run", "--rm", "--entrypoint=cat", image, SBOM))
    assert materials["bomFormat"] == "CycloneDX"
    listed = [[each["name"], each["version"]] for each in materials["components"]]
    assert len(installed) > 20
    assert sorted(listed) == sorted(installed)
    flask = next(each for each in materials["components"] if each["name"] == "Flask")
    assert flask["purl"] == f"pkg:pypi/flask@{flask['version']}"
    assert flask["licenses"]


def test_the_image_has_metadata(image):
    """Labels, health check, stop signal and user are set."""
    labels = json.loads(state(image, "json .Config.Labels"))
    assert labels["org.opencontainers.image.title"] == "ConvScope"
    assert state(image, ".Config.StopSignal") == "SIGTERM"
    assert state(image, ".Config.User") == "10001:10001"
    assert "/readyz" in state(image, "json .Config.Healthcheck.Test")


def test_a_misspelt_setting_stops_the_container(image):
    """A misspelt setting ends the container with an error message and exit code 2."""
    with pytest.raises(RuntimeError) as error:
        docker("run", "--rm", "--network=none", "--env=CONVSCOPE_TREADS=4", image)
    assert str(error.value).startswith("exit code 2:")
    assert "CONVSCOPE_TREADS is not a setting" in str(error.value)

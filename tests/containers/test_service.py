"""`docker compose up`: the service without a profile."""

import json
import re
import shutil
import time

from service.model.checksums import write_manifest
from tests.containers.conftest import ROOT, SEVEN, Load, ask, docker, log, state, wait_for


def label(port: int) -> str:
    """Return the label that /predict answers for a 7."""
    return json.loads(ask(port, "POST", "/predict", SEVEN)[1])["predictions"][0]["label"]


def is_ready(port: int) -> bool:
    """Return whether /readyz reports that the service is ready."""
    return ask(port, "GET", "/readyz")[0] == 200


def test_a_killed_service_is_restarted(start):
    """The service becomes healthy, answers on the published port, and so it does after kill -9."""
    stack = start()
    stack.wait_until_healthy("service")
    port = stack.port("service", 8000)
    assert label(port) == "7"
    status, page = ask(port, "GET", "/")
    assert status == 200
    assert b"<html" in page

    (container,) = stack.containers("service")
    pid = state(container, ".State.Pid")
    # from the host's namespace, because PID 1 cannot be killed from inside the container
    docker(
        "run", "--rm", "--pid=host", "--user=0", "--entrypoint=sh",
        "convscope-service", "-c", f"kill -9 {pid}",
    )  # fmt: skip
    wait_for(lambda: state(container, ".RestartCount") == "1")
    seconds = wait_for(lambda: is_ready(port))
    assert state(container, ".State.Pid") != pid
    assert label(port) == "7"
    log.info("after kill -9 of PID 1: restarted, ready after another %.1f s", seconds)

    stack.compose("down", "--timeout", "30")
    assert stack.containers("service") == []


def test_the_container_is_locked_down(start):
    """Only the documented paths are writable; there are no capabilities, and none can be gained."""
    stack = start()
    (container,) = stack.containers("service")
    assert state(container, ".HostConfig.ReadonlyRootfs") == "true"
    assert state(container, "json .HostConfig.CapDrop") == '["ALL"]'
    for limit in (".HostConfig.Memory", ".HostConfig.NanoCpus", ".HostConfig.PidsLimit"):
        assert int(state(container, limit)) > 0
    code = (
        "import json, os, tempfile\n"
        "def is_writable(path):\n"
        "    try: tempfile.TemporaryFile(dir=path).close()\n"
        "    except OSError: return False\n"
        "    return True\n"
        "status = dict(line.split(':', 1) for line in open('/proc/1/status'))\n"
        "folders, files = [], []\n"
        "for folder, below, names in os.walk('/'):\n"
        "    if folder == '/': below[:] = set(below) - {'proc'}\n"
        "    if is_writable(folder): folders.append(folder); below.clear(); continue\n"
        "    paths = [os.path.join(folder, name) for name in names]\n"
        "    files += [p for p in paths if os.path.isfile(p) and os.access(p, os.W_OK)]\n"
        "print(json.dumps([folders, files, [status[key].strip() for key in ("
        "'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Uid')]]))"
    )
    folders, files, status = json.loads(docker("exec", container, "python", "-c", code))
    security = (ROOT / "SECURITY.md").read_text()
    assert sorted(folders) == re.findall(r"^\| `(/[\w/]+)` \|", security, re.MULTILINE)
    assert files == []
    assert status == ["0" * 16] * 5 + ["1", "\t".join(["10001"] * 4)]


def test_sighup_serves_a_new_version(start, tmp_path):
    """A version added to models/ is served after SIGHUP, and no request fails."""
    models = tmp_path / "models"
    shutil.copytree(ROOT / "models", models)
    stack = start(MODELS=str(models))
    stack.wait_until_healthy("service")
    port = stack.port("service", 8000)
    newest = max(int(path.name) for path in (models / "mnist").iterdir())

    def version() -> int:
        return json.loads(ask(port, "POST", "/predict", SEVEN)[1])["model"]["version"]

    assert version() == newest
    with Load(port, clients=2, pause=0.01) as load:
        shutil.copytree(models / "mnist" / str(newest), models / "mnist" / str(newest + 1))
        bundle = models / "mnist" / str(newest + 1)
        manifest = json.loads((bundle / "manifest.json").read_text())
        write_manifest(bundle, {**manifest, "version": newest + 1})
        stack.compose("kill", "-s", "HUP", "service")
        wait_for(lambda: version() == newest + 1, seconds=10)
    assert load.failures == []
    assert load.seconds


def test_a_stop_drains_and_exits_with_0(start):
    """After SIGTERM the service waits for the grace period and exits with 0."""
    stack = start(CONVSCOPE_DRAIN_GRACE="2")
    stack.wait_until_healthy("service")
    (container,) = stack.containers("service")
    start_s = time.monotonic()
    stack.compose("stop")
    seconds = time.monotonic() - start_s
    assert state(container, ".State.ExitCode") == "0"
    assert seconds >= 2
    log.info("an idle service stops in %.1f s, of which the grace period is 2 s", seconds)


def test_api_keys_are_mounted_as_a_secret(start, tmp_path):
    """With a file of keys a request without a key gets 401; SIGHUP revokes a key."""
    keys = tmp_path / "keys"
    keys.write_text("school:0123456789abcdef\noffice:fedcba9876543210\n")
    stack = start(files=("deploy/compose.keys.yml",), API_KEYS_FILE=str(keys))
    stack.wait_until_healthy("service")
    port = stack.port("service", 8000)

    def status(key: str) -> int:
        return ask(port, "POST", "/predict", SEVEN, X_API_Key=key)[0]

    assert ask(port, "POST", "/predict", SEVEN)[0] == 401
    assert [status("0123456789abcdef"), status("fedcba9876543210")] == [200, 200]
    keys.write_text("office:fedcba9876543210\n")
    stack.compose("kill", "-s", "HUP", "service")
    wait_for(lambda: status("0123456789abcdef") == 401, seconds=10)
    assert status("fedcba9876543210") == 200

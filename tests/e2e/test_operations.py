"""Graceful shutdown, reload and worker crashes of the running service, under load."""

import os
import signal
import threading
import time

import pytest
import requests

from tests.e2e.running import PATIENCE_S, Load, add_version, heavy, running, samples, until, workers

READY = ("/readyz", "/v2/health/ready", "/v2/models/mnist/ready")


@pytest.fixture
def models(tmp_path):
    """Make a models folder with version 1 of the committed model, to add versions to."""
    (tmp_path / "models" / "mnist").mkdir(parents=True)
    add_version(tmp_path / "models", 1)
    return tmp_path / "models"


def served_version(url):
    """Return the version that is served and the errors of the last reload."""
    ready = requests.get(f"{url}/readyz", timeout=PATIENCE_S).json()
    return ready["models"][0]["version"], ready["reload_errors"]


def test_shutdown_turns_readiness_off_and_fails_no_request():
    """After SIGTERM under load readiness is 503 and requests succeed until the exit with 0."""
    with running(WEB_CONCURRENCY="2", CONVSCOPE_DRAIN_GRACE="4") as (process, url):
        with Load(url, clients=8) as load:
            until(lambda: load.statuses[200] > 50)
            assert all(requests.get(url + path, timeout=PATIENCE_S).ok for path in READY)
            process.send_signal(signal.SIGTERM)
            until(lambda: requests.get(f"{url}/readyz", timeout=PATIENCE_S).status_code == 503)
            probes = [requests.get(url + path, timeout=PATIENCE_S) for path in READY]
            assert {probe.status_code for probe in probes} == {503}
            count = load.statuses[200]
            health = requests.get(f"{url}/healthz", timeout=PATIENCE_S)
            assert (health.status_code, health.headers["Connection"]) == (200, "close")
            load.join()  # until the listener is closed and each client is refused
        assert process.wait(timeout=PATIENCE_S) == 0
    assert load.failures == []
    assert set(load.statuses) == {200}
    assert load.statuses[200] > count


def test_shutdown_waits_for_long_requests():
    """A request that was accepted before SIGTERM gets its response, however long it takes."""
    statuses = []
    with running(CONVSCOPE_DRAIN_GRACE="0") as (process, url):

        def post():
            statuses.append(requests.post(f"{url}/predict", **heavy(4000)).status_code)

        clients = [threading.Thread(target=post) for _ in range(3)]
        for client in clients:
            client.start()
        until(lambda: samples(url)["convscope_requests_in_flight", ()] == 3)
        process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(timeout=PATIENCE_S)
        assert process.wait(timeout=PATIENCE_S) == 0
    assert statuses == [200, 200, 200]


def test_versions_are_rolled_out_without_a_failed_request(models):
    """With repeated SIGHUP under load the newest version is served, and no request fails."""
    with (
        running(WEB_CONCURRENCY="2", CONVSCOPE_MODELS_DIR=str(models)) as (process, url),
        Load(url, clients=4) as load,
    ):
        for version in range(2, 8):
            add_version(models, version, broken=version == 5)
            process.send_signal(signal.SIGHUP)
            time.sleep(1)
        until(lambda: serving_workers(url, "7") == 2)
        assert serving_workers(url, "6") == 0
        assert served_version(url) == (7, [])
    assert load.failures == []
    assert set(load.statuses) == {200}


def serving_workers(url, version):
    """Return how many workers serve a version."""
    counts = [
        value
        for (name, labels), value in samples(url).items()
        if name == "convscope_model_workers" and labels[2] == version
    ]
    return counts[0] if counts else 0


def test_a_broken_version_leaves_the_current_one_serving(models):
    """/readyz, metrics and log report the failed reload; new workers serve the current version."""
    with running(WEB_CONCURRENCY="2", CONVSCOPE_MODELS_DIR=str(models)) as (process, url):
        until(lambda: serving_workers(url, "1") == 2)
        add_version(models, 2, broken=True)
        process.send_signal(signal.SIGHUP)
        until(lambda: samples(url).get(("convscope_reloads_total", ("failed",))) == 2)
        version, (error,) = served_version(url)
        assert version == 1
        assert "2/graph.tflite was altered" in error
        assert samples(url)["convscope_reload_failed", ()] == 1
        victims = workers(process)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(set(workers(process)) - set(victims)) == 2)
        assert served_version(url) == (1, [error])
        add_version(models, 3)
        process.send_signal(signal.SIGHUP)
        until(lambda: serving_workers(url, "3") == 2)
        assert samples(url)["convscope_reload_failed", ()] == 0
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=PATIENCE_S)[1]
    assert "Reload failed, keeping the current version: " in log
    assert "2/graph.tflite was altered" in log


def test_a_worker_that_is_terminated_is_replaced_without_a_failed_request():
    """SIGTERM to a worker alone, as `pkill` or systemd may send it, leaves the port served."""
    with running(WEB_CONCURRENCY="2") as (process, url), Load(url, clients=4) as load:
        until(lambda: load.statuses[200] > 50)
        victims = workers(process)
        for pid in victims:
            os.kill(pid, signal.SIGTERM)
        until(lambda: len(set(workers(process)) - set(victims)) == 2)
        count = load.statuses[200]
        until(lambda: load.statuses[200] > count + 50)
    assert load.failures == []
    assert set(load.statuses) == {200}


def test_a_killed_worker_fails_only_its_own_requests():
    """After SIGKILL under load only the worker's own requests fail, and a new worker starts."""
    with running(WEB_CONCURRENCY="2") as (process, url):
        with Load(url, clients=8) as load:
            until(lambda: load.statuses[200] > 50)
            victim, other = workers(process)
            os.kill(victim, signal.SIGKILL)
            until(lambda: len(workers(process)) == 2 and victim not in workers(process))
            until(lambda: serving_workers(url, "1") == 2)
            assert other in workers(process)
            count = load.statuses[200]
            until(lambda: load.statuses[200] > count + 50)
        assert len(load.failures) <= 8  # one per client, whichever worker had its request
        assert set(load.statuses) == {200}

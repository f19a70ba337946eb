"""A running service with more models than fit into the memory limit of its two workers."""

import signal
import threading

import requests

from tests.e2e.running import PATIENCE_S, SEVEN, running, samples, until
from tests.service.model.bundles import add

NAMES = ("mnist", "a", "b", "c")


def by_model(url, metric):
    """Return a metric's value for each model."""
    return {labels[0]: value for (name, labels), value in samples(url).items() if name == metric}


def test_models_beyond_the_limit_are_served_and_counted_over_all_workers(tmp_path):
    """Every answer is of the requested model; loads minus evictions are the loaded versions."""
    for name in NAMES:
        add(tmp_path, 1, name, labels=[f"{name}{digit}" for digit in range(10)])
    labels = []

    def request_all():
        for name in NAMES * 5:
            answer = requests.post(
                f"{url}/predict", params={"model": name}, data=SEVEN, timeout=PATIENCE_S
            ).json()
            labels.append((f"{name}7", answer["predictions"][0]["label"]))

    settings = {"CONVSCOPE_MODELS_DIR": str(tmp_path), "CONVSCOPE_MODEL_MEMORY": "1"}
    with running(WEB_CONCURRENCY="2", **settings) as (process, url):
        until(lambda: by_model(url, "convscope_model_loads_total").get("mnist") == 2)
        clients = [threading.Thread(target=request_all) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        process.send_signal(signal.SIGHUP)  # a reload loads nothing again
        until(lambda: samples(url).get(("convscope_reloads_total", ("done",))) == 2)
        loads = by_model(url, "convscope_model_loads_total")
        evictions = by_model(url, "convscope_model_evictions_total")
        loaded = by_model(url, "convscope_models_loaded")
        memory = by_model(url, "convscope_model_memory_bytes")
    assert len(labels) == 4 * 5 * len(NAMES)
    assert all(expected == label for expected, label in labels)
    assert loaded == {name: loads[name] - evictions.get(name, 0) for name in NAMES}
    assert loads["mnist"] == loaded["mnist"] == 2
    assert sum(evictions.values()) > 0
    assert {name for name, value in memory.items() if value} == {
        name for name, count in loaded.items() if count
    }

"""Profile `monitoring`: Prometheus scrapes and alerts, Grafana shows the dashboard."""

import json
import urllib.parse

import pytest

from tests.containers.conftest import ROOT, SERVICES, SEVEN, ask, docker, free_port, wait_for

MONITORING = ROOT / "deploy" / "monitoring"


def test_prometheus_scrapes_every_replica(start):
    """Both replicas are up, the rules are loaded, and a prediction is counted."""
    stack = start(
        "--scale", "service=2", "service", "prometheus",
        before="--profile monitoring", PORT="127.0.0.1:", PROMETHEUS_PORT=str(free_port()),
    )  # fmt: skip
    stack.wait_until_healthy("service")
    port = stack.port("prometheus", 9090)
    ask(stack.port("service", 8000), "POST", "/predict", SEVEN)

    def query(expression: str) -> list[float]:
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        result = json.loads(ask(port, "GET", path)[1])["data"]["result"]
        return [float(sample["value"][1]) for sample in result]

    wait_for(lambda: query('sum(up{job="convscope"})') == [2])
    wait_for(lambda: query("sum(convscope_predictions_total)") == [1])
    rules = json.loads(ask(port, "GET", "/api/v1/rules")[1])["data"]["groups"][0]["rules"]
    assert len(rules) > 5
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


def test_the_alerts_pass_their_test_cases():
    """Each alert fires in its failure case only, by promtool's test runner."""
    docker(
        "run", "--rm", "--network=none", "--volume", f"{MONITORING}:/rules:ro", "--workdir=/rules",
        "--entrypoint=promtool", SERVICES["prometheus"]["image"],
        "test", "rules", "alerts_test.yml",
    )  # fmt: skip


def test_grafana_shows_the_dashboard(start):
    """Grafana shows the committed dashboard without a login."""
    try:
        docker("pull", "--quiet", SERVICES["grafana"]["image"])
    except RuntimeError:
        pytest.skip("Grafana's image cannot be pulled, and Debian has no package of it")
    stack = start(before="--profile monitoring", GRAFANA_PORT=str(free_port()))
    port = stack.port("grafana", 3000)
    wait_for(lambda: ask(port, "GET", "/api/dashboards/uid/convscope")[0] == 200)

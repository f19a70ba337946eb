"""What is deployed is right before it is run: static checks; tests/containers runs it for real."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from msgspec.structs import fields

from service.api.http import metrics
from service.app import create_app
from service.settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
# their kinds are the operators' own: no schema of Kubernetes knows them
CUSTOM = ("kustomization", "service-monitor")


def tool(name: str, *args: object) -> None:
    """Runs one of requirements/dev.txt; what it complains of is the failure."""
    command = [str(Path(sys.executable).with_name(name)), *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def manifest(name: str) -> dict:
    """One of deploy/kubernetes."""
    return yaml.safe_load((DEPLOY / "kubernetes" / f"{name}.yaml").read_text())


def test_the_dockerfile_is_clean():
    """Hadolint finds nothing to say of the Dockerfile, not even in passing."""
    tool("hadolint", "--failure-threshold", "style", "Dockerfile")


def test_the_compose_files_keep_to_their_specification():
    """The compose file and those that add to it are valid by the Compose specification."""
    files = ["docker-compose.yml", *DEPLOY.glob("compose*.yml"), *DEPLOY.glob("edge/compose*.yml")]
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *files)


def test_the_scripts_are_clean():
    """Shellcheck finds nothing to say of the scripts."""
    tool(
        "shellcheck",
        "-x",
        ".ci/run",
        *(ROOT / "tests" / "containers" / n for n in ("run", "standins")),
    )


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.stem)
def test_the_manifests_keep_to_their_schemas(path):
    """Every manifest is valid, and has no field that Kubernetes does not know."""
    if path.stem not in CUSTOM:
        tool("kubernetes-validate", "--strict", path)


def test_the_inference_service_holds_a_valid_pod(tmp_path):
    """What KServe makes a pod of is valid for Kubernetes; the rest are KServe's own four fields."""
    predictor = manifest("kserve/inference-service")["spec"]["predictor"]
    ours = ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")
    spec = {name: value for name, value in predictor.items() if name not in ours}
    pod = tmp_path / "pod.yaml"
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "convscope"}}
    pod.write_text(yaml.safe_dump({**head, "spec": spec}))
    tool("kubernetes-validate", "--strict", pod)


def test_every_manifest_is_applied():
    """Kustomization.yaml names every manifest beside it."""
    named = set(manifest("kustomization")["resources"])
    assert named == {path.name for path in KUBERNETES} - {"kustomization.yaml"}


def test_manifests_point_at_each_other():
    """Selectors, ports and names lead from one manifest to the next."""
    deployment, service, monitor = map(manifest, ("deployment", "service", "service-monitor"))
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    pods = {"matchLabels": labels}
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    policy = manifest("network-policy")["spec"]
    assert deployment["spec"]["selector"] == policy["podSelector"] == pods
    assert manifest("disruption-budget")["spec"]["selector"] == pods
    assert service["spec"]["selector"] == labels
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert service["spec"]["ports"][0]["targetPort"] in ports
    assert policy["ingress"][0]["ports"][0]["port"] in ports
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    scaled = manifest("autoscaler")["spec"]["scaleTargetRef"]
    assert scaled["name"] == deployment["metadata"]["name"]


@pytest.mark.parametrize("name", ["deployment", "kserve/inference-service"])
def test_probes_ask_what_there_is(name):
    """Every probe asks a route of the service."""
    routes = {rule.rule for rule in create_app().url_map.iter_rules()}
    probed = set(
        re.findall(
            r"httpGet: {path: ([^,]+),", (DEPLOY / "kubernetes" / f"{name}.yaml").read_text()
        )
    )
    assert probed
    assert probed <= routes


@pytest.mark.parametrize("name", ["deployment", "kserve/inference-service"])
def test_no_variable_of_kubernetes_looks_like_a_setting(name):
    """For a Service named convscope a pod would get CONVSCOPE_PORT, and refuse to start."""
    spec = manifest(name)["spec"]
    pod = spec["predictor"] if "predictor" in spec else spec["template"]["spec"]
    assert pod["enableServiceLinks"] is False


def test_what_is_deployed_gives_a_stop_the_time_it_takes():
    """Kubernetes and compose wait longer than the service needs to drain."""
    pod = manifest("deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environ = {each["name"]: each["value"] for each in container["env"]}
    slowest_request_s = 30  # gunicorn.conf.py: graceful_timeout
    needed = (
        container["lifecycle"]["preStop"]["sleep"]["seconds"]
        + int(environ["CONVSCOPE_DRAIN_GRACE"])
        + slowest_request_s
    )
    assert pod["terminationGracePeriodSeconds"] > needed
    given = int(COMPOSE["service"]["stop_grace_period"].removesuffix("s"))
    assert given > Settings().drain_grace + slowest_request_s


def test_every_variable_of_the_compose_files_is_documented():
    """docs/deployment.md lists what the compose files read, with their defaults."""
    files = [ROOT / "docker-compose.yml", *DEPLOY.rglob("compose*.yml")]
    read = {
        name: default or "–"
        for path in files
        for name, default in re.findall(r"\$\{([A-Z_]+)(?::-([^}]*)|:\?[^}]*)\}", path.read_text())
    }
    rows = re.findall(
        r"^\| (`[A-Z].*?) \| (.*?) \|", (ROOT / "docs" / "deployment.md").read_text(), re.MULTILINE
    )
    documented = {
        name: default.strip("`")
        for names, default in rows
        for name in re.findall(r"[A-Z_]+", names)
    }
    assert documented == read


def test_compose_hands_on_every_setting():
    """Each setting can be given to `docker compose up`, and none that does not exist."""
    known = {item.encode_name for item in fields(Settings)}
    # the image says where it listens, and where models and keys are mounted
    fixed = {"HOST", "PORT", "CONVSCOPE_MODELS_DIR", "CONVSCOPE_API_KEYS_FILE"}
    assert set(COMPOSE["service"]["environment"]) == known - fixed


@pytest.mark.parametrize("name", sorted(COMPOSE))
def test_every_container_is_locked_down(name):
    """No container can write to its own files, holds a capability or can gain one."""
    service = COMPOSE[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["restart"] == ("no" if name == "train" else "unless-stopped")


def test_dashboard_and_alerts_use_metrics_that_there_are():
    """Every metric that the dashboard and the alert rules name is one that the service has."""
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    there = {
        family.name + ending
        for family in metrics.FAMILIES
        for ending in endings.get(family.kind, [""])
    }
    dashboard = DEPLOY / "monitoring" / "grafana" / "dashboards" / "convscope.json"
    expressions = [
        target["expr"]
        for panel in json.loads(dashboard.read_text())["panels"]
        for target in panel.get("targets", [])
    ]
    rules = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
    expressions += [rule["expr"] for rule in rules]
    named = set(re.findall(r"\bconvscope_\w+", " ".join(expressions)))
    assert named <= there


def test_grafana_finds_dashboard_and_data():
    """Compose mounts the dashboard where Grafana looks; it asks the data source that there is."""
    folder = DEPLOY / "monitoring" / "grafana"
    (source,) = yaml.safe_load((folder / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((folder / "provisioning/dashboards/convscope.yml").read_text())[
        "providers"
    ]
    grafana = COMPOSE["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    looked_at = provider["options"]["path"]
    assert mounts["./deploy/monitoring/grafana/dashboards"] == looked_at
    assert mounts["./deploy/monitoring/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{looked_at}/convscope.json"
    dashboard = (folder / "dashboards" / "convscope.json").read_text()
    assert set(re.findall(r'"type": "prometheus",\s*"uid": "(.*?)"', dashboard)) == {source["uid"]}
    (variable,) = json.loads(dashboard)["templating"]["list"]
    assert variable["query"] == "label_values(convscope_requests_total, route)"


def test_every_alert_has_a_case():
    """Alerts_test.yml expects each alert to fire at least once."""
    rules = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
    cases = (DEPLOY / "monitoring" / "alerts_test.yml").read_text()
    assert {rule["alert"] for rule in rules} == set(re.findall(r'alertname="(\w+)"', cases))

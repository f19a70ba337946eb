"""Static checks of the deployment files; tests/containers runs them on an engine."""

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
# custom resources of operators, which Kubernetes' own schemas do not cover
CUSTOM = ("kustomization", "service-monitor")


def tool(name: str, *args: object) -> None:
    """Run a program of requirements/dev.txt; fail with its output if it reports an error."""
    command = [str(Path(sys.executable).with_name(name)), *map(str, args)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


def manifest(name: str) -> dict:
    """Parse a manifest of deploy/kubernetes."""
    return yaml.safe_load((DEPLOY / "kubernetes" / f"{name}.yaml").read_text())


def test_the_dockerfile_is_clean():
    """Hadolint reports nothing about the Dockerfile, not even a matter of style."""
    tool("hadolint", "--failure-threshold", "style", "Dockerfile")


def test_the_compose_files_are_valid():
    """Every compose file follows the Compose specification."""
    files = ["docker-compose.yml", *DEPLOY.glob("compose*.yml"), *DEPLOY.glob("edge/compose*.yml")]
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *files)


def test_the_ci_workflow_is_valid():
    """The workflow of hosted CI follows its schema and runs `.ci/run`."""
    workflow = ROOT / ".github" / "workflows" / "ci.yml"
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow)
    (job,) = yaml.safe_load(workflow.read_text())["jobs"].values()
    assert {"run": ".ci/run"} in job["steps"]


def test_the_scripts_are_clean():
    """Shellcheck reports nothing about the scripts."""
    tool(
        "shellcheck",
        "-x",
        ".ci/run",
        *(ROOT / "tests" / "containers" / n for n in ("run", "standins")),
    )


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.stem)
def test_the_manifests_are_valid(path):
    """Every manifest follows its Kubernetes schema and has no unknown field."""
    if path.stem not in CUSTOM:
        tool("kubernetes-validate", "--strict", path)


def test_the_inference_service_holds_a_valid_pod(tmp_path):
    """Without KServe's own four fields, the predictor is a valid Kubernetes pod."""
    predictor = manifest("kserve/inference-service")["spec"]["predictor"]
    kserve_fields = ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")
    spec = {name: value for name, value in predictor.items() if name not in kserve_fields}
    pod = tmp_path / "pod.yaml"
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "convscope"}}
    pod.write_text(yaml.safe_dump({**head, "spec": spec}))
    tool("kubernetes-validate", "--strict", pod)


def test_every_manifest_is_applied():
    """Kustomization.yaml lists every manifest in its folder but the job, which is applied alone."""
    resources = set(manifest("kustomization")["resources"])
    assert resources == {path.name for path in KUBERNETES} - {"kustomization.yaml", "rayjob.yaml"}


def test_manifests_refer_to_each_other():
    """Selectors, ports and names of the manifests match each other."""
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
    target = manifest("autoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == deployment["metadata"]["name"]


@pytest.mark.parametrize("name", ["deployment", "kserve/inference-service"])
def test_probes_call_existing_routes(name):
    """Every probe calls a route of the service."""
    routes = {rule.rule for rule in create_app().url_map.iter_rules()}
    paths = set(
        re.findall(
            r"httpGet: {path: ([^,]+),", (DEPLOY / "kubernetes" / f"{name}.yaml").read_text()
        )
    )
    assert paths
    assert paths <= routes


@pytest.mark.parametrize("name", ["deployment", "kserve/inference-service"])
def test_kubernetes_sets_no_variable_like_a_setting(name):
    """Service links are off: CONVSCOPE_PORT, which they would set, would stop the start."""
    spec = manifest(name)["spec"]
    pod = spec["predictor"] if "predictor" in spec else spec["template"]["spec"]
    assert pod["enableServiceLinks"] is False


def test_the_grace_periods_are_long_enough_to_drain():
    """Kubernetes and compose wait longer for a shutdown than the service needs to drain."""
    pod = manifest("deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environ = {each["name"]: each["value"] for each in container["env"]}
    slowest_request_s = 30  # gunicorn.conf.py: graceful_timeout
    drain_s = (
        container["lifecycle"]["preStop"]["sleep"]["seconds"]
        + int(environ["CONVSCOPE_DRAIN_GRACE"])
        + slowest_request_s
    )
    assert pod["terminationGracePeriodSeconds"] > drain_s
    grace_s = int(COMPOSE["service"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > Settings().drain_grace + slowest_request_s


def test_every_variable_of_the_compose_files_is_documented():
    """docs/deployment.md lists the variables of the compose files, with their defaults."""
    files = [ROOT / "docker-compose.yml", *DEPLOY.rglob("compose*.yml")]
    variables = {
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
    assert documented == variables


def test_compose_passes_every_setting_on():
    """Compose passes every setting of the environment on, and no variable of another name."""
    keys = {item.encode_name for item in fields(Settings)}
    # the image sets the address and the paths at which models and keys are mounted
    fixed = {"HOST", "PORT", "CONVSCOPE_MODELS_DIR", "CONVSCOPE_API_KEYS_FILE"}
    assert set(COMPOSE["service"]["environment"]) == keys - fixed


@pytest.mark.parametrize("name", sorted(COMPOSE))
def test_every_container_is_locked_down(name):
    """Each container has a read-only file system and no capabilities, and cannot gain any."""
    service = COMPOSE[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["restart"] == ("no" if name in ("train", "label") else "unless-stopped")


def test_the_edge_has_an_error_page_that_requests_without_a_uri_reach():
    """A malformed first line has no URI; sent to a named location, it would get 500."""
    routes = (DEPLOY / "edge" / "routes.conf").read_text()
    pages = {line.split()[-1].rstrip(";") for line in re.findall(r"^error_page .*;", routes, re.M)}
    assert pages == {"/.problem"}
    assert "location = /.problem {" in routes


def test_dashboard_and_alerts_use_existing_metrics():
    """The service has every metric that the dashboard and the alert rules name."""
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    existing = {
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
    used = set(re.findall(r"\bconvscope_\w+", " ".join(expressions)))
    assert used <= existing


def test_grafana_loads_dashboard_and_data_source():
    """Compose mounts the dashboard where Grafana loads it; it queries the defined data source."""
    folder = DEPLOY / "monitoring" / "grafana"
    (source,) = yaml.safe_load((folder / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((folder / "provisioning/dashboards/convscope.yml").read_text())[
        "providers"
    ]
    grafana = COMPOSE["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    path = provider["options"]["path"]
    assert mounts["./deploy/monitoring/grafana/dashboards"] == path
    assert mounts["./deploy/monitoring/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{path}/convscope.json"
    dashboard = (folder / "dashboards" / "convscope.json").read_text()
    assert set(re.findall(r'"type": "prometheus",\s*"uid": "(.*?)"', dashboard)) == {source["uid"]}
    (variable,) = json.loads(dashboard)["templating"]["list"]
    assert variable["query"] == "label_values(convscope_requests_total, route)"


def test_every_alert_has_a_test_case():
    """In alerts_test.yml each alert is expected to fire at least once."""
    rules = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
    cases = (DEPLOY / "monitoring" / "alerts_test.yml").read_text()
    assert {rule["alert"] for rule in rules} == set(re.findall(r'alertname="(\w+)"', cases))

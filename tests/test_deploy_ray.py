"""Static checks of the files that run bulk work on Ray; tests/containers runs them."""

import copy
import json
import re
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from service.bulk.command import _parser
from tests.conftest import ROOT
from tests.test_deploy import COMPOSE, DEPLOY, manifest, tool

SCHEMA = ROOT / "tests" / "rayjob.schema.json"
JOB, POLICY = yaml.safe_load_all((DEPLOY / "kubernetes" / "rayjob.yaml").read_text())
CLUSTER = JOB["spec"]["rayClusterSpec"]
GROUPS = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]
PODS = {
    "submitter": JOB["spec"]["submitterPodTemplate"],
    "head": CLUSTER["headGroupSpec"]["template"],
    "worker": CLUSTER["workerGroupSpecs"][0]["template"],
}
LOCKED = dict(
    re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements" / "ray.txt").read_text(), re.MULTILINE)
)
NODES = ("ray-head", "ray-worker", "label")


def check(job: dict, folder: Path) -> None:
    """Validate the fields of a RayJob, and its pods by the schema of Kubernetes."""
    path = folder / "job.json"
    path.write_text(json.dumps(job))
    tool("check-jsonschema", "--schemafile", SCHEMA, path)
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    pods = [job["spec"]["submitterPodTemplate"], *(group["template"] for group in groups)]
    path.write_text(
        yaml.safe_dump_all(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "spec": pod["spec"],
                "metadata": {"name": "pod", **pod["metadata"]},
            }
            for pod in pods
        )
    )
    tool("kubernetes-validate", "--strict", path)


def test_the_ray_job_is_valid(tmp_path):
    """The RayJob follows KubeRay's schema, and its pods that of Kubernetes."""
    check(JOB, tmp_path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["spec", "ttlSecondsAfterFinish"], 60),
        (["spec", "backoffLimit"], "3"),
        (["spec", "rayClusterSpec", "authOptions", "mode"], "tokens"),
        (["spec", "rayClusterSpec", "headGroupSpec", "rayStartParams", "num-cpus"], 0),
        (["spec", "rayClusterSpec", "headGroupSpec", "template", "spec", "servicelinks"], False),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else str(value),
)
def test_a_wrong_field_of_the_ray_job_is_reported(tmp_path, path, value):
    """A misspelt field, a wrong type or an unknown value is an error that names the field."""
    job = copy.deepcopy(JOB)
    place = job
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(AssertionError, match=path[-1]):
        check(job, tmp_path)


def test_every_node_has_the_same_version_of_ray():
    """The manifest states the version that the image of every pod installs."""
    assert CLUSTER["rayVersion"] == LOCKED["ray"]
    stage = re.search(
        r"^FROM base AS bulk$(.*?)^FROM ", (ROOT / "Dockerfile").read_text(), re.M | re.S
    )
    assert "-r requirements/ray.txt" in stage[1]
    images = {
        container["image"] for pod in PODS.values() for container in pod["spec"]["containers"]
    }
    assert {image.split("/")[1].split(":")[0] for image in images} == {"convscope-bulk"}
    assert {COMPOSE[name]["image"] for name in NODES} == {"convscope-bulk"}


def test_the_image_accepts_submitted_jobs():
    """The lock has what Ray's dashboard requires, through which KubeRay submits a job."""
    required = [Requirement(each) for each in requires("ray") or []]
    names = {each.name.replace("_", "-") for each in required if 'extra == "default"' in str(each)}
    assert "aiohttp" in names
    assert names <= set(LOCKED)


def test_the_entrypoints_are_valid_commands():
    """The command accepts the arguments of the manifest and of the compose file."""
    (*words, script, _) = COMPOSE["label"]["entrypoint"]
    assert words == ["sh", "-c"]
    run = re.search(r"exec (python .*?)( \"\$\$@\")", script)
    assert run
    for command in (JOB["spec"]["entrypoint"], run[1]):
        program, arguments = command.split(" ")[:3], command.split(" ")[3:]
        assert program == ["python", "-m", "service.bulk"]
        options = _parser().parse_args(arguments)
        assert options.ray == "auto"
    assert "--resume" in JOB["spec"]["entrypoint"]
    assert JOB["spec"]["backoffLimit"] > 0


@pytest.mark.parametrize("name", PODS)
def test_every_pod_of_the_ray_job_is_locked_down(name):
    """The pod meets the standard `restricted`, which the namespace enforces."""
    spec = PODS[name]["spec"]
    deployment = manifest("deployment")["spec"]["template"]["spec"]
    assert spec["securityContext"] == deployment["securityContext"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False  # CONVSCOPE_… of a service is no setting
    (container,) = spec["containers"]
    assert container["securityContext"] == deployment["containers"][0]["securityContext"]
    assert container["resources"]["limits"]["memory"]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"/tmp"}  # noqa: S108 - where Ray writes


def test_only_the_job_reaches_its_cluster():
    """A token is required, and the policy opens Ray's ports to the job's own pods only."""
    assert CLUSTER["authOptions"] == {"mode": "token"}
    selector = POLICY["spec"]["podSelector"]
    for pod in PODS.values():
        assert selector["matchLabels"].items() <= pod["metadata"]["labels"].items()
    own, operator = POLICY["spec"]["ingress"]
    assert own == {"from": [{"podSelector": selector}]}
    (head,) = PODS["head"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in head["ports"]}
    assert [port["port"] for port in operator["ports"]] == [ports["dashboard"]]


@pytest.mark.parametrize("name", NODES)
def test_only_the_nodes_reach_a_node_of_the_compose_file(name):
    """A node publishes no port, and is in a network of the nodes alone, without a gateway."""
    node = COMPOSE[name]
    assert "ports" not in node
    assert node["networks"] == ["ray"]
    networks = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"]
    assert networks == {"ray": {"internal": True}}
    others = [key for key, service in COMPOSE.items() if "ray" in service.get("networks", [])]
    assert sorted(others) == sorted(NODES)


@pytest.mark.parametrize("name", NODES)
def test_a_node_has_room_for_objects_in_shared_memory(name):
    """Shared memory holds all of Ray's objects; otherwise Ray would write them to files."""
    node = COMPOSE[name]
    (size,) = re.findall(r"--object-store-memory=(\d+)", " ".join(node["entrypoint"]))
    assert int(node["shm_size"].removesuffix("m")) * 2**20 > int(size)
    for group in GROUPS:
        assert group["rayStartParams"]["object-store-memory"] == size

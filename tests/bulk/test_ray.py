"""On a Ray cluster the same parts are written, also where a node fails."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.bulk.command import main
from tests.bulk.conftest import COUNT, MANY, Run, is_complete, rows

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    # Ray leaves files and sockets of the nodes that it starts open
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A cluster of three nodes on this machine, of which only two have a CPU."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_local_and_ray_outputs_are_the_same(
    cluster: Any, sources: dict[str, Path], run: Run, tmp_path: Path
) -> None:
    """Parts have the same names and rows."""
    options = ("--layers", "conv2d_2,dense")
    local = run(sources["folder"], *options)
    distributed = run(sources["folder"], *options, "--ray", cluster.address, dest=tmp_path / "ray")
    assert distributed.equals(local)
    assert distributed.num_rows == COUNT
    names = [
        {path.relative_to(folder) for path in folder.rglob("*.parquet")}
        for folder in (tmp_path / "out", tmp_path / "ray")
    ]
    assert names[0] == names[1]


def test_a_job_survives_a_killed_node(cluster: Any, many: Path, tmp_path: Path) -> None:
    """Midway one of the nodes is killed: the job completes, and every row is there once."""
    out = tmp_path / "out"

    def kill_midway() -> None:
        while len(list(out.glob("*.parquet"))) < 2:
            time.sleep(0.01)
        victim = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)
        cluster.remove_node(victim, allow_graceful=False)

    killer = threading.Thread(target=kill_midway)
    killer.start()
    main([str(many), str(out), "--ray", cluster.address])
    killer.join()
    assert len(cluster.list_all_nodes()) == 2
    assert is_complete(out)
    assert rows(out).num_rows == MANY

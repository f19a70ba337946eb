"""Run a job on a Ray cluster: the same parts, written by a pool of actors."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from socket import create_connection
from time import sleep
from typing import Any

import numpy as np

from service.bulk.files import BulkError
from service.bulk.job import Job
from service.bulk.labeller import Labeller
from service.bulk.parts import Counts, Destination
from service.bulk.shards import Shard
from service.model.bundle import read_bundle
from service.model.engine import Engine

_BLOCKS = 10_000  # into which the shards are divided, at most
_PATIENCE_S = 60  # for the first node with a CPU


def run(
    bundle: Path,
    job: Job,
    shards: Iterable[Shard],
    destination: Destination,
    address: str,
    processes: int | None,
) -> Iterator[Counts]:
    """Write the part of every shard; yield what each contains, as they are finished.

    Args:
        bundle: the model's folder, which every node has.
        job: what is done with every image.
        shards: of the source, which every node reads.
        destination: of the parts, which every node writes.
        address: of the cluster, or "auto".
        processes: how many actors work at a time, each on one CPU; None: as many as there are CPUs,
            also of nodes that join later.

    Raises:
        BulkError: Ray is not installed, the cluster does not answer, or a part failed.
    """
    try:
        import ray.data
    except ModuleNotFoundError as error:
        raise BulkError("--ray needs the package ray; install it with `make .venv/ray`.") from error

    class Writer:
        """An actor: a model, ready to write parts."""

        def __init__(self) -> None:
            self.labeller = Labeller(Engine(read_bundle(bundle)), job)

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            """Write the part of a shard. Where an actor wrote it before, it is replaced."""
            (shard,) = batch["shard"]
            counts = destination.write_part(shard, self.labeller, lambda _: None)
            return {"counts": np.array([counts.as_json()])}

    # Ray prints its plan, and that shards are no Arrow type, which they need not be.
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    host, colon, port = address.rpartition(":")
    try:
        if colon and port.isdecimal():  # Ray itself waits for more than half a minute
            create_connection((host, int(port)), _PATIENCE_S / 6).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError) as error:
        raise BulkError(f"No Ray cluster answers at {address} ({error}).") from error
    items = [{"shard": shard} for shard in shards]
    if not items:
        return
    count = processes or _cores(ray)
    ray.data.DataContext.get_current().enable_progress_bars = False  # the command has its own
    written = ray.data.from_items(items, override_num_blocks=min(len(items), _BLOCKS)).map_batches(
        Writer,
        batch_size=1,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(min_size=min(count, len(items)), max_size=processes),
    )
    try:
        for row in written.iter_rows():
            yield Counts.from_json(str(row["counts"]))
    except ray.exceptions.RayError as error:
        *_, reason = str(error).strip().splitlines()  # after the actor's stack trace
        raise BulkError(f"A part failed ({reason}); run again with --resume.") from error


def _cores(ray: Any) -> int:
    """Return the cluster's CPUs, once it has some: nodes join one after the other."""
    for _ in range(_PATIENCE_S):
        if cores := int(ray.cluster_resources().get("CPU", 0)):
            return cores
        sleep(1)
    raise BulkError("The Ray cluster has no CPU; start workers, or wait until they have joined.")

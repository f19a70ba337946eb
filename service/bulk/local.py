"""Run a job on this machine: a process for each core, each with an interpreter of its own."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Thread

from service.bulk.files import BulkError
from service.bulk.job import Job
from service.bulk.labeller import Labeller
from service.bulk.parts import Counts, Destination
from service.bulk.shards import Shard
from service.errors import RequestError
from service.model.bundle import read_bundle
from service.model.engine import Engine

_WAITING = 2  # shards for each process that are handed out
_POLL_S = 0.2


class _Stopped(BaseException):
    """The job was interrupted."""


@dataclass(frozen=True)
class _Shared:
    """What the processes share.

    Attributes:
        images: how many are done.
        is_stopped: set where the job is interrupted.
    """

    images: "Synchronized[int]"
    is_stopped: Event

    def done(self, images: int) -> None:
        """Count images; end this process's work where the job is interrupted."""
        with self.images.get_lock():
            self.images.value += images
        if self.is_stopped.is_set():
            raise _Stopped


class _Worker:
    """One process's engine and destination."""

    current: "_Worker"

    def __init__(self, bundle: Path, job: Job, destination: Destination, shared: _Shared) -> None:
        self.labeller = Labeller(Engine(read_bundle(bundle)), job)
        self.destination, self.shared = destination, shared

    @classmethod
    def start(cls, bundle: Path, job: Job, destination: Destination, shared: _Shared) -> None:
        """Begin a process; Ctrl-C reaches it too, but its parent decides what follows."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Thread(target=_end_with_parent, daemon=True).start()
        cls.current = cls(bundle, job, destination, shared)


def _end_with_parent() -> None:
    """End this process when its parent has ended: one that is killed ends no others."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_part(shard: Shard) -> Counts | None:
    """Write a part in a worker process; return None where the job was interrupted."""
    worker = _Worker.current
    try:
        return worker.destination.write_part(shard, worker.labeller, worker.shared.done)
    except _Stopped:
        return None


def run(
    bundle: Path,
    job: Job,
    shards: Iterable[Shard],
    destination: Destination,
    processes: int,
    progress: Callable[[int], None],
) -> Iterator[Counts]:
    """Write the part of every shard; yield what each contains, as they are finished.

    Args:
        bundle: the model's folder.
        job: what is done with every image.
        shards: at most two for each process are taken from it at a time.
        destination: of the parts.
        processes: how many work at a time.
        progress: called several times a second with the number of images that are done.

    Raises:
        BulkError: a process was killed, or a part cannot be written.
    """
    context = get_context("spawn")
    shared = _Shared(context.Value("Q", 0), context.Event())
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads would compete with the processes
    arguments = (bundle, job, destination, shared)
    with ProcessPoolExecutor(processes, context, _Worker.start, arguments) as pool:
        waiting: set[Future[Counts | None]] = set()
        try:
            for shard in shards:
                while len(waiting) >= _WAITING * processes:
                    yield from _finished(waiting)
                    progress(shared.images.value)
                waiting.add(pool.submit(_write_part, shard))
            while waiting:
                yield from _finished(waiting)
                progress(shared.images.value)
        except BaseException:
            shared.is_stopped.set()
            pool.shutdown(cancel_futures=True)
            raise


def _finished(waiting: "set[Future[Counts | None]]") -> Iterator[Counts]:
    """Wait a moment; remove and yield what is finished."""
    done, _ = wait(waiting, _POLL_S, FIRST_COMPLETED)
    waiting -= done
    for future in done:
        try:
            counts = future.result()
        except BrokenProcessPool as error:
            raise BulkError(
                "A process ended unexpectedly, perhaps for lack of memory; run the command again "
                "with --resume, and perhaps with fewer --processes."
            ) from error
        except RequestError as error:  # of all images, such as digits to find in photographs
            raise BulkError(str(error)) from error
        except OSError as error:
            raise BulkError(
                f"A part cannot be written ({error}); run again with --resume."
            ) from error
        if counts is not None:
            yield counts

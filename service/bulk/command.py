"""The command's arguments, and how a job runs from beginning to end."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence

from service.bulk import local, on_ray, report
from service.bulk.files import BulkError
from service.bulk.job import Job
from service.bulk.parts import SUMMARY, Counts, Destination, changed
from service.bulk.shards import Shard
from service.bulk.sources import Source
from service.errors import BundleError, SettingsError
from service.model.bundle import Bundle, read_bundle, versions
from service.preparation import Segmentation
from service.settings import Settings

_SEGMENTATIONS: dict[str | None, Segmentation | None] = {None: None, "true": "rows", "grid": "grid"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a job and print what it found.

    Exits with 2 where the job cannot begin or go on, with 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        print(_run(options))
    except (BulkError, BundleError, SettingsError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(
            "Interrupted; every part that was written is valid. Run the command again with "
            "--resume.",
            file=sys.stderr,
        )
        sys.exit(130)


def _run(options: argparse.Namespace) -> str:
    settings = Settings.from_env()
    bundle = _bundle(settings, options.model, options.version)
    job = _job(options, bundle, settings)
    source, destination = Source(options.source, options.column), Destination(options.dest)
    if source.contains(destination.folder):
        raise BulkError(f"{options.dest} is in the source; name a folder outside of it.")
    size = source.size()
    finished = destination.begin(job, resume=options.resume)
    progress = report.Progress(size)
    total, before, parts = Counts(), Counts(), len(finished)

    def remaining() -> Iterator[Shard]:
        for shard in source.shards():
            if shard.name not in finished:
                yield shard
                continue
            finished.remove(shard.name)
            before.add(destination.counts(shard))

    arguments = bundle.path, job, remaining(), destination
    results = (
        on_ray.run(*arguments, options.ray, options.processes)
        if options.ray
        else local.run(
            *arguments,
            options.processes or _cores(),
            lambda done: progress.show(done + before.images),
        )
    )
    try:
        for counts in results:
            total.add(counts)
            parts += 1
            progress.learn(counts)
            if options.ray:
                progress.show(total.images + before.images)
    finally:
        seconds = progress.close()
    if finished:
        raise changed(finished.pop())
    total.add(before)
    found = report.summary(total, before, size, parts, seconds)
    try:
        destination.write(SUMMARY, report.as_json(found))
    except OSError as error:
        raise BulkError(
            f"{SUMMARY} cannot be written ({error}); free space, and run again with --resume."
        ) from error
    return report.text(found)


def _job(options: argparse.Namespace, bundle: Bundle, settings: Settings) -> Job:
    """Return the job that the options describe.

    Raises:
        BulkError: the model lacks a layer.
    """
    job = Job(
        *(bundle.name, bundle.version, bundle.sha256),
        layers=tuple(name for name in options.layers.split(",") if name),
        is_half=options.dtype == "float16",
        mode=options.preprocess,
        segmentation=_SEGMENTATIONS[options.segment],
        max_pixels=settings.max_pixels,
    )
    job.schema(bundle)
    return job


def _bundle(settings: Settings, name: str | None, version: int | None) -> Bundle:
    """Read a model's bundle: of the default model and the highest version where none is named.

    Raises:
        BundleError: there is no such model or version, or it is damaged.
    """
    folder, name = settings.models_dir, name or settings.default_model
    numbers = versions(folder, name)
    if not numbers:
        known = sorted(path.name for path in folder.glob("*") if versions(folder, path.name))
        names = ", ".join(known) or "none"
        raise BundleError(f"There is no model {name!r} in {folder}. Models: {names}.")
    if version is not None and version not in numbers:
        raise BundleError(
            f"Model {name!r} has no version {version}. Versions: {', '.join(map(str, numbers))}."
        )
    return read_bundle(folder / name / str(version or numbers[-1]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service.bulk",
        description="Label many images, or write a model's features of them, as Parquet.",
        epilog="docs/bulk.md has examples, and what to do with the output.",
    )
    add = parser.add_argument
    add("source", help="folder, file or pattern: images, .tar, .npy, IDX, .parquet; path or s3://…")
    add("dest", help="folder of the output, which is created")
    add("--model", metavar="NAME", help="default: CONVSCOPE_DEFAULT_MODEL, else mnist")
    add("--version", type=int, metavar="N", help="of the model; default: the highest")
    add("--layers", default="", metavar="A,B", help="layers whose values become columns")
    add("--dtype", choices=["float32", "float16"], default="float32", help="of the layers' values")
    add("--segment", choices=["true", "grid"], help="a row for each digit, in rows or in a grid")
    add("--preprocess", choices=["auto", "none", "mnist"], default="auto", help="of images")
    add("--column", default="image", metavar="NAME", help="of images in Parquet; default: image")
    add("--processes", type=_positive, metavar="N", help="default: one for each core")
    add("--resume", action="store_true", help="go on with the output of an interrupted job")
    add("--ray", metavar="ADDRESS", help="run on a Ray cluster: its address, or auto")
    return parser


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)

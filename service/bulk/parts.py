"""Write parts: each whole or not at all, with what it was made from and what it contains."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileType

from service.bulk.files import BulkError, Location
from service.bulk.job import Job
from service.bulk.labeller import Labeller
from service.bulk.shards import Shard

JOB, SUMMARY = "_job.json", "_summary.json"
_SUFFIX, _TEMPORARY = ".parquet", ".tmp"
_SHARD, _COUNTS = b"convscope.shard", b"convscope.counts"  # keys of a part's metadata
_BYTES = 2**26  # that are collected before they are written
_MESSAGES = 20  # different ones that are counted


@dataclass
class Counts:
    """What some images gave.

    Attributes:
        images: their number.
        rows: as many, or with segments, the number of digits and of images with an error.
        errors: rows with an error.
        messages: the number of rows by error message, of the most frequent ones.
        labels: the number of rows by label.
        unlike: rows that do not resemble the training images.
        archived: bytes of the archives that the images are from.
    """

    images: int = 0
    rows: int = 0
    errors: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    unlike: int = 0
    archived: int = 0

    def add(self, other: Self) -> None:
        """Add what others gave."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        self.messages = Counter(dict(self.messages.most_common(_MESSAGES)))

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Count the rows of a table."""
        messages, labels, similar = (
            Counter(table[name].to_pylist()) for name in ("error", "label", "in_distribution")
        )
        del messages[None], labels[None]
        return cls(0, table.num_rows, messages.total(), messages, labels, similar[False])

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the counts that `as_json` wrote."""
        fields = json.loads(text)
        counters = {name: Counter(fields[name]) for name in ("messages", "labels")}
        return cls(**(fields | counters))

    def as_json(self) -> str:
        """Return the counts as text."""
        return json.dumps(vars(self))


class Destination:
    """The folder of a job's output. Picklable.

    Attributes:
        folder: where it is.
    """

    def __init__(self, place: str) -> None:
        """Look the folder up.

        Raises:
            BulkError: it is a file, or no file system opens it.
        """
        self.folder = Location.of(place)
        if self.folder.kind == FileType.File:
            raise BulkError(f"{place} is a file; name a folder.")

    def begin(self, job: Job, *, resume: bool) -> set[str]:
        """Create the folder, and remove what a killed job left; return the names of its parts.

        Raises:
            BulkError: it has files and the job is not resumed, or is another.
        """
        system, path = self.folder.system, self.folder.path
        found = system.get_file_info(FileSelector(path, allow_not_found=True, recursive=True))
        files = [info.path for info in found if info.type == FileType.File]
        if files and not resume:
            raise BulkError(f"{path} is not empty; add --resume to go on, or name another folder.")
        if files and self._read(JOB) != job.as_json():
            raise BulkError(
                f"{path} was not written with these settings and this model (see {JOB} in it); "
                "name another folder."
            )
        try:
            system.create_dir(path, recursive=True)
            self.write(JOB, job.as_json())
        except OSError as error:
            raise BulkError(f"{path} cannot be written ({error}).") from error
        for file in files:
            if file.endswith(_TEMPORARY):
                system.delete_file(file)
        parts = (file[len(path) + 1 :] for file in files if file.endswith(_SUFFIX))
        return {part.removesuffix(_SUFFIX) for part in parts}

    def counts(self, shard: Shard) -> Counts:
        """Return what the part of a shard contains.

        Raises:
            BulkError: the shard has changed since.
        """
        with (self.folder / (shard.name + _SUFFIX)).open() as file:
            metadata = pq.read_metadata(file).metadata or {}
        if metadata.get(_SHARD) != shard.identity.encode():
            raise changed(shard.name)
        return Counts.from_json(metadata[_COUNTS].decode())

    def write(self, name: str, text: str) -> None:
        """Write a small file, whole or not at all."""
        with self._replace(self.folder / name) as sink:
            sink.write(text.encode())

    def write_part(self, shard: Shard, labeller: Labeller, done: Callable[[int], None]) -> Counts:
        """Write the part of a shard, whole or not at all.

        Args:
            shard: whose images become rows.
            labeller: makes the rows.
            done: called with a number of images, as often as some are done.
        """
        part = self.folder / (shard.name + _SUFFIX)
        part.system.create_dir(part.path.rpartition("/")[0], recursive=True)
        counts = Counts(archived=shard.bytes if shard.rows is None else 0)
        with self._replace(part) as sink, pq.ParquetWriter(sink, labeller.schema) as writer:
            tables: list[pa.Table] = []
            for batch in shard.read():
                for table in labeller.tables(batch):
                    tables.append(table)
                    if sum(table.nbytes for table in tables) > _BYTES:
                        _write(writer, tables, counts)
                counts.images += len(batch.keys)
                done(len(batch.keys))
            _write(writer, tables, counts)
            writer.add_key_value_metadata({_SHARD: shard.identity, _COUNTS: counts.as_json()})
        return counts

    @contextmanager
    def _replace(self, file: Location) -> Iterator[pa.NativeFile]:
        """Open a new file that gets its name once it is written; where that fails, none is left."""
        folder, _, name = file.path.rpartition("/")
        temporary = f"{folder}/.{name}.{uuid4().hex}{_TEMPORARY}"
        try:
            with file.system.open_output_stream(temporary) as sink:
                yield sink
            file.system.move(temporary, file.path)
        except BaseException:
            with suppress(OSError):
                file.system.delete_file(temporary)
            raise

    def _read(self, name: str) -> str:
        try:
            return self.folder.read(name).decode()
        except OSError:
            return ""


def changed(name: str) -> BulkError:
    """Return the error of a part whose shard is not what it was."""
    return BulkError(f"The source has changed since {name} was written; name another folder.")


def _write(writer: pq.ParquetWriter, tables: list[pa.Table], counts: Counts) -> None:
    """Write tables as one row group; count their rows, and clear the list."""
    if tables:
        table = pa.concat_tables(tables)
        writer.write_table(table)
        counts.add(Counts.of(table))
        tables.clear()

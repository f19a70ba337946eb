"""What a person sees of a job: how far it is, and what it found."""

import json
import sys
from time import monotonic
from typing import Any

from tqdm import tqdm

from service.bulk.parts import Counts
from service.bulk.sources import Size

_LINE_S = 10  # between lines where nobody watches
_ERRORS = 5  # different ones that are printed


class Progress:
    """A bar on a terminal, and a line now and then elsewhere: images, images/s and time left."""

    def __init__(self, size: Size) -> None:
        """Begin."""
        self._size = size
        self._total = None if size.bytes else size.rows
        self._archived = Counts()
        self._began = self._printed = monotonic()
        self._is_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=self._total, unit=" images", disable=not self._is_terminal, smoothing=0.1
        )

    def learn(self, counts: Counts) -> None:
        """Estimate how many images the archives have, from one that has been read."""
        if counts.archived:
            self._archived.add(counts)
            images = self._archived.images / self._archived.archived * self._size.bytes
            self._bar.total = self._total = self._size.rows + round(images)

    def show(self, done: int) -> None:
        """Show how many images are done."""
        self._bar.update(done - self._bar.n)
        now = monotonic()
        if not self._is_terminal and now - self._printed > _LINE_S:
            self._printed = now
            print(self.line(done, now - self._began), file=sys.stderr, flush=True)

    def close(self) -> float:
        """End; return the seconds since the beginning."""
        self._bar.close()
        return monotonic() - self._began

    def line(self, done: int, seconds: float) -> str:
        """Return what is shown of so many images after so many seconds."""
        rate = done / seconds
        if self._total is None or not rate:
            return f"{done:,} images, {rate:,.0f}/s"
        left = max(self._total - done, 0)
        return f"{done:,} images, {rate:,.0f}/s, {left / rate:,.0f} s left"


def summary(
    counts: Counts, before: Counts, size: Size, parts: int, seconds: float
) -> dict[str, Any]:
    """Return what a job found, as it is written beside its parts.

    Args:
        counts: of every row.
        before: of the rows that were there when the job began.
        size: of the source.
        parts: the number of parts.
        seconds: that the job took.
    """
    return {
        "images": counts.images,
        "rows": counts.rows,
        "parts": parts,
        "errors": counts.errors,
        "error_messages": dict(
            sorted(counts.messages.items(), key=lambda each: (-each[1], each[0]))
        ),
        "labels": dict(counts.labels.most_common()),
        "out_of_distribution": counts.unlike,
        "ignored_files": dict(size.ignored),
        "resumed_rows": before.rows,
        "seconds": round(seconds, 3),
        "images_per_second": round((counts.images - before.images) / seconds, 1),
    }


def text(found: dict[str, Any]) -> str:
    """Return a summary as a person reads it."""
    labels = list(found["labels"].items())
    lines = [
        f"{_count(found['rows'], 'row')} in {_count(found['parts'], 'part')}, {_pace(found)}",
        "  ".join(f"{label} {count:,}" for label, count in sorted(labels[:20])),
        f"{found['out_of_distribution']:,} do not resemble the training images",
        f"{found['errors']:,} have an error",
    ]
    messages = list(found["error_messages"].items())
    lines += [f"  {count:,} × {message}" for message, count in messages[:_ERRORS]]
    for suffix, count in found["ignored_files"].items():
        lines.append(f"ignored: {_count(count, f'{suffix} file')}")
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _pace(found: dict[str, Any]) -> str:
    if found["resumed_rows"] == found["rows"]:
        return "all of which were there"
    return f"{found['seconds']:,.1f} s ({found['images_per_second']:,.0f} images/s)"


def as_json(found: dict[str, Any]) -> str:
    """Return a summary as it is written."""
    return json.dumps(found, indent=2, ensure_ascii=False)

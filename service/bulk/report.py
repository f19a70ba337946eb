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
        self._began = self._printed = monotonic()
        is_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=size.rows if not size.bytes else None,
            unit=" images",
            disable=not is_terminal,
            smoothing=0.1,
        )
        self._prints = not is_terminal

    def show(self, done: int) -> None:
        """Show how many images are done."""
        self._bar.update(done - self._bar.n)
        now = monotonic()
        if self._prints and now - self._printed > _LINE_S:
            self._printed = now
            print(self._line(done, now - self._began), file=sys.stderr, flush=True)

    def close(self) -> float:
        """End; return the seconds since the beginning."""
        self._bar.close()
        return monotonic() - self._began

    def _line(self, done: int, seconds: float) -> str:
        rate = done / seconds
        if self._size.bytes or not rate:
            return f"{done:,} images, {rate:,.0f}/s"
        left = max(self._size.rows - done, 0)
        return f"{done:,} images, {rate:,.0f}/s, {left / rate:,.0f} s left"


def summary(counts: Counts, new: int, size: Size, parts: int, seconds: float) -> dict[str, Any]:
    """Return what a job found, as it is written beside its parts.

    Args:
        counts: of every row.
        new: the rows that were not there when the job began.
        size: of the source.
        parts: the number of parts.
        seconds: that the job took.
    """
    return {
        "rows": counts.rows,
        "parts": parts,
        "errors": sum(counts.errors.values()),
        "error_messages": dict(sorted(counts.errors.items(), key=lambda each: (-each[1], each[0]))),
        "labels": dict(counts.labels.most_common()),
        "out_of_distribution": counts.unlike,
        "ignored_files": dict(size.ignored),
        "resumed_rows": counts.rows - new,
        "seconds": round(seconds, 3),
        "images_per_second": round(new / seconds, 1) if seconds else None,
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

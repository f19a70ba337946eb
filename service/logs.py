"""Format log lines as JSON or as text: events on stderr, the access log on stdout.

Bodies, headers and query strings are never logged.
"""

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from service.environ import ARRIVED, LOG_FIELDS, REQUEST
from service.settings import Settings

_MESSAGE_FIELDS = ("method", "path", "status")


def format_json(when: float, level: str, message: str, fields: Mapping[str, Any]) -> str:
    """Return a line as a JSON object: time, level, message, process id and further fields."""
    line = {
        "time": datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds"),
        "level": level.lower(),
        "message": message,
        "pid": os.getpid(),
        **fields,
    }
    return orjson.dumps(line, default=str).decode()


def format_text(when: float, level: str, message: str, fields: Mapping[str, Any]) -> str:
    """Return a line as text, with control characters escaped."""
    parts = [datetime.fromtimestamp(when, UTC).strftime("%H:%M:%S"), level, message]
    parts += [f"{name}={value}" for name, value in fields.items() if name not in _MESSAGE_FIELDS]
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(parts))


class JsonFormatter(logging.Formatter):
    """Format events as JSON, a stack trace as one of the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = dict(getattr(record, LOG_FIELDS, {}))
        if record.exc_info:
            fields["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return format_json(record.created, record.levelname, record.getMessage(), fields)


class TextFormatter(logging.Formatter):
    """Format events as text, a stack trace below the line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = getattr(record, LOG_FIELDS, {})
        line = format_text(record.created, record.levelname, record.getMessage(), fields)
        if record.exc_info:
            line += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return line


def is_text(settings: Settings) -> bool:
    """Return whether log lines are text rather than JSON."""
    kind = settings.log_format
    return kind == "text" or (kind == "auto" and sys.stderr.isatty())


class AccessLog:
    """A buffered log with a line for each request.

    Args:
        write: writes the bytes of several lines.
        as_text: whether lines are text rather than JSON.
    """

    def __init__(self, write: Callable[[bytes], object], as_text: bool) -> None:
        self._write = write
        self._format = format_text if as_text else format_json
        self._requests: list[tuple[float, float, Mapping[str, Any], int, int]] = []

    def add(self, environ: Mapping[str, Any], status: int, size: int) -> None:
        """Add a line for a request and its response of `size` bytes."""
        self._requests.append((time.time(), time.perf_counter(), environ, status, size))

    def flush(self) -> None:
        """Write the buffered lines."""
        if self._requests:
            requests, self._requests = self._requests, []
            self._write("\n".join([*map(self._line, requests), ""]).encode())

    def _line(self, request: tuple[float, float, Mapping[str, Any], int, int]) -> str:
        when, ended, environ, status, size = request
        method, path = environ["REQUEST_METHOD"], environ["RAW_URI"]
        fields = {
            "method": method,
            "path": path,
            "status": status,
            "seconds": round(ended - environ[ARRIVED], 6),
            "bytes": size,
            "remote": environ["REMOTE_ADDR"],
            **environ[REQUEST],
        }
        return self._format(when, "INFO", f"{method} {path} {status}", fields)

"""One line an event: JSON for machines, text for a terminal; gunicorn's lines and ours alike.

Errors go to stderr, a line for every request to stdout. What the application knows of a request it
leaves in the WSGI environment, under `REQUEST`; neither bodies nor headers get here.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from gunicorn.glogging import Logger as GunicornLogger

from service.settings import Settings

REQUEST = "convscope.request"  # key of the WSGI environment
_IN_MESSAGE = ("method", "path", "status")
FIELDS = "fields"  # attribute of a log record: what belongs to its line besides the message


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, message, process, the record's own fields and its stack trace."""
        line: dict[str, Any] = {
            "time": _when(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "pid": record.process,
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    """For people: time, level, message, the fields; no character that could spoil a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the stack trace under it."""
        fields = getattr(record, FIELDS, {})
        told = [_when(record).strftime("%H:%M:%S"), record.levelname, record.getMessage()]
        told += [f"{name}={value}" for name, value in fields.items() if name not in _IN_MESSAGE]
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(told))
        if record.exc_info:
            line += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return line


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger, with our form for every line."""

    def setup(self, cfg: Any) -> None:
        """Give gunicorn's handlers our form, and the rest of the program a handler."""
        super().setup(cfg)
        kind = Settings.from_env().log_format
        text = kind == "text" or (kind == "auto" and sys.stderr.isatty())
        root = logging.getLogger()
        root.handlers = [logging.StreamHandler(sys.stderr)]
        root.setLevel(logging.INFO)
        for log in (root, self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(TextFormatter() if text else JsonFormatter())

    def access(
        self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: timedelta
    ) -> None:
        """A request's line, once its answer is sent."""
        path = environ.get("RAW_URI", "").partition("?")[0]
        method, status = environ.get("REQUEST_METHOD", req.method), int(str(resp.status)[:3])
        fields = {
            "method": method,
            "path": path,
            "status": status,
            "seconds": round(request_time.total_seconds(), 6),
            "bytes": resp.sent or resp.response_length,  # the kernel sends files uncounted
            "remote": environ.get("REMOTE_ADDR"),
            **environ.get(REQUEST, {}),
        }
        self.access_log.info("%s %s %d", method, path, status, extra={FIELDS: fields})


def _when(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)

"""Types and keys of the WSGI environment that the server and the application share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Stream:
    """A response body that is computed piece by piece, on a thread.

    Attributes:
        pieces: of the body.
        retained: bytes that it keeps in memory until the client has received all.
    """

    pieces: Iterator[bytes]
    retained: int

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces


Environ = dict[str, Any]
RawResponse = tuple[int, list[tuple[bytes, bytes]], bytes | Stream]  # status, headers, body
# short: runs in the event loop, as nearly all requests; long: on a thread; read (GET): on others
Lane = Literal["short", "long", "read"]

ARRIVED = "convscope.arrived"  # when the request arrived, `perf_counter` seconds
RECEIVED = "convscope.received"  # when its body was complete, likewise
BODY = "convscope.body"  # the body itself, bytes
REQUEST = "convscope.request"  # fields that the application adds to the access log's line
ROUTED = "convscope.routed"  # set once the application was called
NEGOTIATED = "convscope.negotiated"  # set where the response depends on Accept
LOG_FIELDS = "fields"  # attribute of a log record: further fields of its line

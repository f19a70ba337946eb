"""Types and keys of the WSGI environment that the server and the application share."""

from typing import Any, Literal

Environ = dict[str, Any]
RawResponse = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body
# short: runs in the event loop, as nearly all requests; long: on a thread; read (GET): on others
Lane = Literal["short", "long", "read"]

ARRIVED = "convscope.arrived"  # when the request arrived, `perf_counter` seconds
RECEIVED = "convscope.received"  # when its body was complete, likewise
BODY = "convscope.body"  # the body itself, bytes
REQUEST = "convscope.request"  # fields that the application adds to the access log's line
ROUTED = "convscope.routed"  # set once the application was called
NEGOTIATED = "convscope.negotiated"  # set where the response depends on Accept
LOG_FIELDS = "fields"  # attribute of a log record: further fields of its line

"""What the server and the application share: types, and keys of the WSGI environment."""

from typing import Any, Literal

Environ = dict[str, Any]
RawResponse = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body
# short: in the event loop, nearly all requests; long: on a thread; read: pages, on other threads
Lane = Literal["short", "long", "read"]

ARRIVED = "convscope.arrived"  # when the request arrived, `perf_counter` seconds
RECEIVED = "convscope.received"  # when its body was complete, likewise
BODY = "convscope.body"  # the body itself, bytes
REQUEST = "convscope.request"  # fields that the application adds to the request's log line
ROUTED = "convscope.routed"  # set once the application was called
NEGOTIATED = "convscope.negotiated"  # set where Accept had a part in the response
LOG_FIELDS = "fields"  # attribute of a log record: the fields of its line besides the message

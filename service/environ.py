"""Keys of the WSGI environment that the server and the application share."""

from typing import Any

Environ = dict[str, Any]

ARRIVED = "convscope.arrived"  # when the request arrived, `perf_counter` seconds
RECEIVED = "convscope.received"  # when its body was complete, likewise
BODY = "convscope.body"  # the body itself, bytes
REQUEST = "convscope.request"  # fields that the application adds to the request's log line
ROUTED = "convscope.routed"  # set once the application was called
NEGOTIATED = "convscope.negotiated"  # set where Accept had a part in the response

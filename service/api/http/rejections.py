"""Respond to rejected requests without Flask, so that rejecting stays cheap under overload."""

from service.api.http import metrics, problems, tracing
from service.api.http.access import EXPOSED_HEADERS, SECURITY_HEADERS
from service.environ import Environ, RawResponse
from service.errors import DeadlineExceeded, Overloaded, RequestError

_REASONS = {Overloaded: "overloaded", DeadlineExceeded: "deadline"}


def response_to(environ: Environ, error: RequestError, origins: str) -> RawResponse:
    """Return status, headers and body of the response to a rejected request, and count it.

    Args:
        environ: the request's WSGI environment.
        error: the reason.
        origins: allowed CORS origins, separated by commas, or *.
    """
    request_id = tracing.begin(environ)
    status, slug = problems.PROBLEMS[type(error)]
    body, media = problems.encode(status, slug, str(error), environ["PATH_INFO"], request_id)
    metrics.reject(_REASONS.get(type(error), slug), status)
    fields = {"Content-Type": media, "Content-Length": str(len(body)), "X-Request-ID": request_id}
    fields |= {**SECURITY_HEADERS, **problems.headers_of(status)}
    origin = environ.get("HTTP_ORIGIN")
    if origin and (origins == "*" or origin in origins.split(",")):
        fields["Access-Control-Allow-Origin"] = origin
        fields["Access-Control-Expose-Headers"] = ", ".join(EXPOSED_HEADERS)
        fields["Vary"] = "Origin"
    return int(status), [(n.encode(), v.encode("latin-1")) for n, v in fields.items()], body

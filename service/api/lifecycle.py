"""What happens before and after every request: once each, around Flask and in it."""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from flask import Flask, Request, Response, request

from service.api import access, formats, metrics, tracing
from service.environ import ARRIVED, BODY, NEGOTIATED, RECEIVED, ROUTE
from service.keys import Keys

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]
_VARY = ("Vary", "Accept-Encoding")
_VARY_NEGOTIATED = ("Vary", "Accept-Encoding, Accept")


class WholeRequest(Request):
    """A request whose body the server has received already."""

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body: without a stream around it where the server has passed it on."""
        body = self.environ.get(BODY)
        return super().get_data(*args, **kwargs) if body is None else body


class App(Flask):
    """Flask without what no route here needs."""

    request_class = WholeRequest

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: no view is a coroutine."""
        return func


def register(app: Flask, keys: Keys) -> None:
    """Register what runs in Flask; before all else, so that it is the first and the last."""

    def before() -> None:
        rule = request.url_rule
        if rule is not None:
            request.environ[ROUTE] = rule.rule
        if keys.needed:
            access.check_key(keys)

    def after(response: Response) -> Response:
        if response.headers.get("Content-Length", 0, int) > formats.WORTH_COMPRESSING:
            formats.compress(response)
        return response

    app.before_request(before)
    app.after_request(after)
    app.wsgi_app = _around(app.wsgi_app)  # type: ignore[method-assign, assignment]


def _around(wsgi: Wsgi) -> Wsgi:
    """Give every request its identity and every response its headers, and count both."""

    def call(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        timed = metrics.Timings(environ.get(ARRIVED) or perf_counter())
        metrics.timings.set(timed)
        request_id = tracing.begin(environ)
        environ[ROUTE] = "none"
        if RECEIVED in environ:
            timed.phases["read"] = environ[RECEIVED] - timed.began

        def respond(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            headers.append(("X-Request-ID", request_id))
            headers.append(_VARY_NEGOTIATED if NEGOTIATED in environ else _VARY)
            access.add_headers(headers)
            metrics.finish(environ[ROUTE], status[:3], timed)
            return start_response(status, headers, *error)

        return wsgi(environ, respond)

    return call

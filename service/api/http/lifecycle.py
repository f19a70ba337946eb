"""Run before and after every request: timing, request id, headers, metrics."""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from flask import Flask, Request, Response
from werkzeug.exceptions import NotFound
from werkzeug.routing import MapAdapter
from werkzeug.wsgi import get_path_info

from service.api.http import access, formats, metrics, tracing
from service.environ import ARRIVED, BODY, NEGOTIATED, RECEIVED, ROUTED, Environ
from service.keys import Keys
from service.timing import Timings, timings

StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]
_VARY = ("Vary", "Accept-Encoding")
_VARY_NEGOTIATED = ("Vary", "Accept-Encoding, Accept")


class WholeRequest(Request):
    """A request whose whole body the server has received."""

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body; skip Werkzeug's stream where the server has passed the bytes."""
        is_plain = not args and not kwargs  # then bytes are wanted, and no form is parsed
        if is_plain and BODY in self.environ:
            return self.environ[BODY]
        return super().get_data(*args, **kwargs)


class App(Flask):
    """Flask without the steps that no route here needs."""

    request_class = WholeRequest
    response_class = formats.FastResponse

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function itself: no view is a coroutine."""
        return func

    def preprocess_request(self) -> Any:
        """Call the registered functions, if there are any."""
        return super().preprocess_request() if self.before_request_funcs else None

    def process_response(self, response: Response) -> Response:
        """Call the registered functions, if there are any; no route has a session."""
        return super().process_response(response) if self.after_request_funcs else response

    def do_teardown_request(self, *args: Any) -> None:
        """Call the registered functions, if there are any."""
        if self.teardown_request_funcs:
            super().do_teardown_request(*args)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Match by method and path: no route depends on the host or redirects."""
        if request is None:
            return None
        path = get_path_info(request.environ)
        if path.startswith("//"):  # Werkzeug would drop a slash: `//occlusion` is not `/occlusion`
            raise NotFound
        return self.url_map.bind("localhost", path_info=path, default_method=request.method)


def register(app: Flask, keys: Keys) -> None:
    """Register the key check and wrap the WSGI application; must be called before other hooks."""
    if keys.required:
        app.before_request(lambda: access.check_key(keys))
    app.wsgi_app = _instrumented(app.wsgi_app)  # type: ignore[method-assign, assignment]


def _instrumented(wsgi: Wsgi) -> Wsgi:
    """Wrap a WSGI application: assign request ids, add headers, time and count requests."""

    def call(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        current = Timings(environ.get(ARRIVED) or perf_counter())
        timings.set(current)
        request_id = tracing.begin(environ)
        environ[ROUTED] = True
        if RECEIVED in environ:
            current.phases["read"] = environ[RECEIVED] - current.began

        def respond(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            headers.append(("X-Request-ID", request_id))
            headers.append(_VARY_NEGOTIATED if NEGOTIATED in environ else _VARY)
            access.add_headers(headers)
            rule = environ["werkzeug.request"].url_rule  # set by Werkzeug
            metrics.finish(rule.rule if rule else "none", status[:3], current)
            return start_response(status, headers, *error)

        return wsgi(environ, respond)

    return call

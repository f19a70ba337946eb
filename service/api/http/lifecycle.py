"""What happens before and after every request: once each, around Flask and in it."""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from flask import Flask, Request, Response
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
    """A request whose body the server has received already."""

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body: without a stream around it where the server has passed it on."""
        is_plain = not args and not kwargs  # as bytes, and no form is parsed
        if is_plain and BODY in self.environ:
            return self.environ[BODY]
        return super().get_data(*args, **kwargs)


class App(Flask):
    """Flask without what no route here needs."""

    request_class = WholeRequest
    response_class = formats.Answer

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: no view is a coroutine."""
        return func

    def preprocess_request(self) -> Any:
        """Run what was registered; where nothing was, not even look for it."""
        return super().preprocess_request() if self.before_request_funcs else None

    def process_response(self, response: Response) -> Response:
        """Run what was registered; no route has a session."""
        return super().process_response(response) if self.after_request_funcs else response

    def do_teardown_request(self, *args: Any) -> None:
        """Run what was registered."""
        if self.teardown_request_funcs:
            super().do_teardown_request(*args)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Match by method and path: no route depends on the host, none redirects."""
        if request is None:
            return None
        path = get_path_info(request.environ)
        return self.url_map.bind("localhost", path_info=path, default_method=request.method)


def register(app: Flask, keys: Keys) -> None:
    """Register what runs in Flask; before all else, so that it is the first and the last."""
    if keys.needed:
        app.before_request(lambda: access.check_key(keys))
    app.wsgi_app = _around(app.wsgi_app)  # type: ignore[method-assign, assignment]


def _around(wsgi: Wsgi) -> Wsgi:
    """Give every request its identity and every response its headers, and count both."""

    def call(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        timed = Timings(environ.get(ARRIVED) or perf_counter())
        timings.set(timed)
        request_id = tracing.begin(environ)
        environ[ROUTED] = True
        if RECEIVED in environ:
            timed.phases["read"] = environ[RECEIVED] - timed.began

        def respond(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            headers.append(("X-Request-ID", request_id))
            headers.append(_VARY_NEGOTIATED if NEGOTIATED in environ else _VARY)
            access.add_headers(headers)
            rule = environ["werkzeug.request"].url_rule  # where werkzeug leaves the request
            metrics.finish(rule.rule if rule else "none", status[:3], timed)
            return start_response(status, headers, *error)

        return wsgi(environ, respond)

    return call

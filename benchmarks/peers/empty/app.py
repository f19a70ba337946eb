"""An empty endpoint on the service's server: Flask, the adapter and one worker."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response
from gunicorn.glogging import Logger

from service.errors import RequestError
from service.runtime.adapter import Adapter, Environ
from service.runtime.admission import Admission, Lane
from service.runtime.server import Server
from service.settings import Settings

flask = Flask(__name__, static_folder=None)


@flask.post("/predict")
@flask.get("/healthz")
def empty() -> Response:
    """Respond with an empty JSON object."""
    return Response(b"{}", content_type="application/json")


class Application:
    """The smallest application that the adapter can serve."""

    def wsgi(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Call Flask."""
        return flask.wsgi_app(environ, start_response)

    def is_health(self, environ: Environ) -> bool:
        """Return False: no request is for health."""
        return False

    def is_draining(self) -> bool:
        """Return False: the process does not drain."""
        return False

    def lane(self, environ: Environ, body: bytes) -> Lane:
        """Run every request in the event loop."""
        return "short"

    def reject(self, environ: Environ, error: RequestError) -> Any:
        """Raise the error: no request may be rejected."""
        raise error

    def log(self, environ: Environ, status: int, size: int) -> None:
        """Log nothing."""

    def flush(self) -> None:
        """Do nothing: there is no log."""

    def tick(self) -> None:
        """Do nothing: there are no metrics or reloads."""


os.environ |= {"PORT": sys.argv[1], "WEB_CONCURRENCY": "1", "CONVSCOPE_DRAIN_GRACE": "0"}
settings = Settings.from_env()
Server(settings, lambda _: Adapter(Application(), Admission(settings), settings), Logger).run()

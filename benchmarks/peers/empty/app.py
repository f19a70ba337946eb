"""An empty endpoint on this service's server: Flask, the adapter, one worker, nothing else."""

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
    """Answer with an empty JSON object."""
    return Response(b"{}", content_type="application/json")


class Application:
    """What the adapter asks of an application, with nothing behind it."""

    def wsgi(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        return flask.wsgi_app(environ, start_response)

    def is_health(self, environ: Environ) -> bool:
        """No request is."""
        return False

    def is_draining(self) -> bool:
        """Not until the process stops."""
        return False

    def lane(self, environ: Environ, body: bytes) -> Lane:
        """Every request runs in the event loop."""
        return "short"

    def reject(self, environ: Environ, error: RequestError) -> Any:
        """Fail: nothing is rejected here."""
        raise error

    def log(self, environ: Environ, status: int, size: int) -> None:
        """Nothing is logged."""

    def flush(self) -> None:
        """Nothing waits."""

    def tick(self) -> None:
        """Nothing is due."""


os.environ |= {"PORT": sys.argv[1], "WEB_CONCURRENCY": "1", "CONVSCOPE_DRAIN_GRACE": "0"}
settings = Settings.from_env()
Server(settings, lambda _: Adapter(Application(), Admission(settings), settings), Logger).run()

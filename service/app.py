"""Build the application from settings, state and routes: the composition root."""

import sys
from collections.abc import Callable
from pathlib import Path

from service.api.http import access, describe, lanes, lifecycle, metrics, openapi, problems
from service.api.http.rejections import response_to
from service.api.routes import atlas, catalog, insight, native, oip, ops, pages, tfserving
from service.control import Control
from service.environ import ROUTED, Environ, Lane, RawResponse
from service.errors import RequestError
from service.logs import AccessLog, is_text
from service.settings import Settings
from service.state import State


def create_app(settings: Settings | None = None) -> lifecycle.App:
    """Build the WSGI application; verify and warm up its default model.

    Args:
        settings: None to read them from the environment.

    Raises:
        SettingsError: a setting is invalid.
        BundleError: the default model cannot be loaded.
    """
    settings = settings or Settings.from_env()
    return build(settings, State(settings, Control()))


def build(settings: Settings, state: State) -> lifecycle.App:
    """Build the WSGI application that serves a state."""
    app = lifecycle.App(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # no redirects: a name that holds a slash is unknown
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # one more than allowed, so that a client gets the error of our own check
    app.config["MAX_FORM_PARTS"] = settings.max_images + 1
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    lifecycle.register(app, state.keys)
    access.register(app, settings)
    problems.register(app)
    models = state.models
    app.register_blueprint(native.blueprint(models, settings))
    app.register_blueprint(insight.blueprint(models, settings))
    app.register_blueprint(atlas.blueprint(models, settings))
    app.register_blueprint(catalog.blueprint(models))
    app.register_blueprint(oip.blueprint(models, settings, state.control))
    app.register_blueprint(tfserving.blueprint(models, settings))
    app.register_blueprint(ops.blueprint(state))
    app.register_blueprint(openapi.blueprint(settings))
    app.register_blueprint(pages.blueprint())
    return app


class Service:
    """The application of a worker: its WSGI callable, and what the server needs besides.

    Args:
        settings: the service's settings.
        control: the state shared with the arbiter.
        folder: where the workers publish their metrics.
        load: returns the number of requests running on threads, and of those that wait.

    Raises:
        SettingsError: a setting is invalid.
        BundleError: the default model cannot be loaded.
    """

    def __init__(
        self,
        settings: Settings,
        control: Control,
        folder: Path,
        load: Callable[[], tuple[int, int]],
    ) -> None:
        self._state = State(settings, control)
        self._flask = build(settings, self._state)
        self._health = describe.health_paths(self._flask)
        self._log = AccessLog(_write, is_text(settings))
        self._origins = settings.cors_origins
        self.wsgi: lifecycle.Wsgi = self._flask.wsgi_app
        metrics.join(folder, lambda: metrics.update_worker(self._state, *load()))

    def is_health(self, environ: Environ) -> bool:
        """Return whether a request is for health or metrics, which are never rejected."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return False
        return self._health.fullmatch(environ["PATH_INFO"]) is not None

    def reject(self, environ: Environ, error: RequestError) -> RawResponse:
        """Return status, headers and body of the response to a rejected request."""
        return response_to(environ, error, self._origins)

    def lane(self, environ: Environ, body: bytes) -> Lane:
        """Return where a request should run: in the event loop or on a thread."""
        return lanes.choose(environ, body, self._state.models)

    def is_draining(self) -> bool:
        """Return whether the service is draining."""
        return self._state.control.draining

    def log(self, environ: Environ, status: int, size: int) -> None:
        """Add a response to the access log; rejected requests are only counted."""
        if ROUTED in environ:
            self._log.add(environ, status, size)

    def flush(self) -> None:
        """Write the access log's buffered lines."""
        self._log.flush()

    def tick(self) -> None:
        """Start a reload where one was requested, and publish the metrics."""
        self._state.reload_if_requested()
        metrics.publish()


def _write(lines: bytes) -> None:
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()

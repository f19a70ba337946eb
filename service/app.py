"""The composition root: settings → state → routes. Nothing else builds these parts."""

from flask import Flask

from service.api import (
    access,
    admission,
    catalog,
    describe,
    formats,
    insight,
    metrics,
    native,
    oip,
    openapi,
    ops,
    pages,
    problems,
    tfserving,
    tracing,
)
from service.api.unparsed import Unparsed
from service.control import Control
from service.settings import Settings
from service.state import State
from service.upkeep import Upkeep


def create_app(settings: Settings | None = None, control: Control | None = None) -> Flask:
    """Build the WSGI application, with its bundles verified and warmed.

    Args:
        settings: None to read them from the environment.
        control: what the arbiter wants; None where there is no arbiter.

    Returns:
        The application. For the worker that runs it, in `extensions`: `upkeep`, to be called about
        once a second; `refusal`, which answers a request that there is no place for, and
        `unreadable`, one that is no HTTP; `health`, how requests begin that always have a place;
        `arrived`, to be set to the time at which the request of a thread came in; `waiting`, a
        gauge.

    Raises:
        SettingsError: a setting cannot be used.
        BundleError: a bundle fails its verification.
    """
    settings = settings or Settings.from_env()
    control = control or Control()
    asked_before = control.reloads
    state = State(settings, control)
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # no redirects: a name that holds a slash is unknown
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_images + 1  # so that our own check speaks first
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    tracing.register(app)
    access.register(app, settings, state.keys)
    admission.register(app, settings)
    app.after_request(formats.compress)
    problems.register(app)
    _add_routes(app, settings, state)
    app.extensions["upkeep"] = Upkeep(state, asked_before)
    unparsed = Unparsed(settings)
    app.extensions["refusal"] = unparsed.refuse
    app.extensions["unreadable"] = unparsed.complain
    app.extensions["health"] = describe.health_requests(app)
    app.extensions["arrived"] = tracing.arrived
    app.extensions["waiting"] = metrics.waiting
    return app


def _add_routes(app: Flask, settings: Settings, state: State) -> None:
    models = state.models
    app.register_blueprint(native.blueprint(models, settings))
    app.register_blueprint(insight.blueprint(models, settings))
    app.register_blueprint(catalog.blueprint(models))
    app.register_blueprint(oip.blueprint(models, settings, state.control))
    app.register_blueprint(tfserving.blueprint(models, settings))
    app.register_blueprint(ops.blueprint(state))
    app.register_blueprint(openapi.blueprint(settings))
    app.register_blueprint(pages.blueprint())

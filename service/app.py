"""The composition root: settings → models → routes. Nothing else builds these parts."""

import re
import uuid

from flask import Flask, Response, g, request

from service.api import (
    catalog,
    formats,
    insight,
    native,
    oip,
    openapi,
    ops,
    pages,
    problems,
    tfserving,
)
from service.models import Models
from service.settings import Settings

_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


def create_app(settings: Settings | None = None) -> Flask:
    """Build the WSGI application, with its bundles verified and warmed.

    Args:
        settings: None to read them from the environment.

    Raises:
        SettingsError: a setting cannot be used.
        BundleError: a bundle fails its verification.
    """
    settings = settings or Settings.from_env()
    models = Models(settings.models_dir, settings.default_model)
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # no redirects: a name that holds a slash is unknown
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_images + 1  # so that our own check speaks first
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.before_request(_take_request_id)
    app.after_request(_return_request_id)
    app.after_request(formats.compress)
    problems.register(app)
    app.register_blueprint(native.blueprint(models, settings))
    app.register_blueprint(insight.blueprint(models, settings))
    app.register_blueprint(catalog.blueprint(models))
    app.register_blueprint(oip.blueprint(models, settings))
    app.register_blueprint(tfserving.blueprint(models, settings))
    app.register_blueprint(ops.blueprint(models))
    app.register_blueprint(openapi.blueprint())
    app.register_blueprint(pages.blueprint())
    return app


def _take_request_id() -> None:
    """The client's `X-Request-ID` where it is a plain one, else a new one."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _return_request_id(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    return response

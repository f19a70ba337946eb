"""Who may ask, from where, and how often; what browsers are told about the answers."""

import time
from collections.abc import Callable

from flask import Flask, Response, current_app, g, request
from flask_cors import CORS
from flask_limiter import Limiter
from werkzeug.middleware.proxy_fix import ProxyFix

from service.api import metrics, tracing
from service.api.describe import is_public
from service.errors import Unauthorized
from service.keys import Keys
from service.settings import Settings

EXPOSED_HEADERS = ["ETag", "Retry-After", "X-Request-ID"]
# an answer to a program shows nothing, loads nothing and stands in no frame
_POLICY = "default-src 'none'; frame-ancestors 'none'"
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": _POLICY,
}


def register(app: Flask, settings: Settings, keys: Keys) -> None:
    """Put up what the settings ask for; keys are looked at before requests are counted."""
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    if settings.cors_origins:
        origins = settings.cors_origins.split(",")
        CORS(app, origins=origins, expose_headers=EXPOSED_HEADERS, max_age=600)
    app.before_request(_key_check(keys))
    if settings.rate_limit:
        _limit_rate(app, settings)
    app.after_request(_secure)


def _key_check(keys: Keys) -> Callable[[], None]:
    def check() -> None:
        if not keys.needed or _is_open():
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key")
        name = keys.name_of(given) if given else None
        if name is None:
            metrics.refused.labels("key").inc()
            wrong = "The API key is not known here" if given else "This service needs an API key"
            raise Unauthorized(f"{wrong}: send one as Authorization: Bearer … or X-API-Key.")
        g.client = name
        tracing.note(key=name)

    return check


def _is_open() -> bool:
    """Whether this request is everybody's: preflights, unknown routes, health, pages."""
    if request.method == "OPTIONS" or request.endpoint is None:
        return True
    return is_public(current_app.view_functions[request.endpoint])


def _limit_rate(app: Flask, settings: Settings) -> None:
    limiter = Limiter(
        lambda: g.get("client") or request.remote_addr or "",
        app=app,
        application_limits=[settings.rate_limit.replace(",", ";")],  # all routes together
        storage_uri=settings.rate_limit_storage,
        in_memory_fallback_enabled=True,  # without Redis each worker counts for itself
    )
    limiter.request_filter(_is_open)

    @app.after_request
    def say_when(response: Response) -> Response:
        limit = limiter.current_limit
        if response.status_code == 429 and limit:
            metrics.refused.labels("rate").inc()
            response.headers["Retry-After"] = str(max(1, round(limit.reset_at - time.time())))
        return response


def _secure(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response

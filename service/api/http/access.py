"""Who may ask, from where, and how often; what browsers are told about the answers."""

import time

from flask import Flask, Response, current_app, g, request
from flask_cors import CORS
from flask_limiter import Limiter
from werkzeug.middleware.proxy_fix import ProxyFix

from service.api.http import metrics, tracing
from service.api.http.describe import is_public
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
_POLICY_HEADER = ("Content-Security-Policy", _POLICY)
_OTHER_HEADERS = [item for item in SECURITY_HEADERS.items() if item != _POLICY_HEADER]


def register(app: Flask, settings: Settings) -> None:
    """Register what the settings ask for, and nothing else: each costs every request."""
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    if settings.cors_origins:
        origins = settings.cors_origins.split(",")
        CORS(app, origins=origins, expose_headers=EXPOSED_HEADERS, max_age=600)
    if settings.rate_limit:
        _limit_rate(app, settings)


def check_key(keys: Keys) -> None:
    """Check the current request's API key, and note whose it is.

    Raises:
        Unauthorized: it has none, or one that is not known.
    """
    if _is_open():
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key")
    name = keys.name_of(given) if given else None
    if name is None:
        metrics.reject("key")
        wrong = "The API key is not known here" if given else "This service needs an API key"
        raise Unauthorized(f"{wrong}: send one as Authorization: Bearer … or X-API-Key.")
    g.client = name
    tracing.note(key=name)


def add_headers(headers: list[tuple[str, str]]) -> None:
    """Add the security headers; a page's own policy stays."""
    headers += _OTHER_HEADERS
    if not any(name == "Content-Security-Policy" for name, _ in headers):
        headers.append(_POLICY_HEADER)


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
    def add_retry_after(response: Response) -> Response:
        limit = limiter.current_limit
        if response.status_code == 429 and limit:
            metrics.reject("rate")
            response.headers["Retry-After"] = str(max(1, round(limit.reset_at - time.time())))
        return response

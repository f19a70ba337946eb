"""Control access: API keys, CORS, rate limits, security headers."""

import time
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask_cors import CORS
from flask_limiter import Limiter, RateLimitExceeded
from werkzeug.middleware.proxy_fix import ProxyFix

from service.api.http import metrics, problems, tracing
from service.api.http.describe import is_public
from service.errors import Unauthorized
from service.keys import Keys
from service.settings import Settings

EXPOSED_HEADERS = ["ETag", "Retry-After", "X-Request-ID"]
# the policy of responses that are not pages: nothing is loaded, nothing framed
_POLICY = "default-src 'none'; frame-ancestors 'none'"
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": _POLICY,
}
_REDIS_S = 0.1  # timeout of Redis; then each worker counts separately
_POLICY_HEADER = ("Content-Security-Policy", _POLICY)
_OTHER_HEADERS = [item for item in SECURITY_HEADERS.items() if item != _POLICY_HEADER]


def register(app: Flask, settings: Settings) -> None:
    """Register only what the settings enable, because every hook costs time on every request."""
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
    """Check the current request's API key, and log its owner's name.

    Raises:
        Unauthorized: the key is missing or unknown.
    """
    if _is_exempt():
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key")
    name = keys.name_of(key) if key else None
    if name is None:
        metrics.reject("key")
        reason = "The API key is unknown" if key else "An API key is required"
        raise Unauthorized(f"{reason}; send a valid key as Authorization: Bearer … or X-API-Key.")
    g.client = name
    tracing.note(key=name)


def add_headers(headers: list[tuple[str, str]]) -> None:
    """Add the security headers; keep a page's own content security policy."""
    headers += _OTHER_HEADERS
    if not any(name == "Content-Security-Policy" for name, _ in headers):
        headers.append(_POLICY_HEADER)


def _is_exempt() -> bool:
    """Return whether the request needs no key: preflights, unknown routes, health, pages."""
    if request.method == "OPTIONS" or request.endpoint is None:
        return True
    return is_public(current_app.view_functions[request.endpoint])


def _redis_options() -> dict[str, Any]:
    """Return options with which a Redis that does not answer delays one request, shortly.

    The event loop waits for it. By default the client library waits for 5 s, and tries again.
    """
    from redis.backoff import NoBackoff  # loaded only where it is used
    from redis.retry import Retry

    timeouts = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), _REDIS_S)
    return {**timeouts, "retry": Retry(NoBackoff(), 0)}


def _limit_rate(app: Flask, settings: Settings) -> None:
    limiter = Limiter(
        lambda: g.get("client") or request.remote_addr or "",
        app=app,
        application_limits=[settings.rate_limit.replace(",", ";")],  # shared by all routes
        storage_uri=settings.rate_limit_storage,
        storage_options={} if settings.rate_limit_storage == "memory://" else _redis_options(),
        in_memory_fallback_enabled=True,  # without Redis each worker counts separately
        swallow_errors=True,  # requests that find out together that Redis is gone are not counted
    )
    limiter.request_filter(_is_exempt)

    def reject(error: RateLimitExceeded) -> Response:
        metrics.reject("rate")
        response = problems.from_http_error(error)
        if limit := limiter.current_limit:
            response.headers["Retry-After"] = str(max(1, round(limit.reset_at - time.time())))
        return response

    app.register_error_handler(RateLimitExceeded, reject)

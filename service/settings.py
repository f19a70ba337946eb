"""The only reader of the environment: every setting, its default, its limits, checked at start."""

import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from service.errors import SettingsError

_RATE = r"[1-9]\d*/(second|minute|hour|day)"
_ORIGIN = r"https?://[\w.-]+(:\d+)?"


def _setting(
    key: str,
    default: Any,
    about: str,
    *,
    least: int | None = None,
    most: int | None = None,
    pattern: str | None = None,
    form: str = "",
) -> Any:
    """A dataclass field that knows its environment variable, its meaning and what it can be.

    Args:
        key: the environment variable.
        default: of the setting's type.
        about: what it means.
        least: of a number.
        most: of a number.
        pattern: that all of a text must match.
        form: says to people what the pattern says.
    """
    metadata = {
        "key": key,
        "about": about,
        "least": least,
        "most": most,
        "pattern": pattern,
        "form": form,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """What the service can be told; `Settings()` holds the defaults."""

    host: str = _setting("HOST", "127.0.0.1", "address to listen on")
    port: int = _setting("PORT", 8000, "port to listen on", least=0, most=65_535)
    workers: int = _setting(
        "WEB_CONCURRENCY", os.cpu_count() or 1, "worker processes; one a core", least=1, most=512
    )
    threads: int = _setting(
        "CONVSCOPE_THREADS",
        4,
        "long requests, such as batches and large pictures, that a worker works on at once",
        least=1,
        most=128,
    )
    queue: int = _setting(
        "CONVSCOPE_QUEUE",
        16,
        "long requests that may wait for that, a worker; more are answered 503 at once",
        least=0,
        most=1024,
    )
    max_wait_ms: int = _setting(
        "CONVSCOPE_MAX_WAIT_MS",
        240,
        "milliseconds that a short request may have to wait; where it would take longer, 503",
        least=1,
        most=60_000,
    )
    max_connections: int = _setting(
        "CONVSCOPE_MAX_CONNECTIONS",
        4096,
        "connections of a worker, as far as the process may open as many files",
        least=1,
    )
    max_buffer_bytes: int = _setting(
        "CONVSCOPE_MAX_BUFFER_BYTES",
        24 * 2**20,
        "bytes of bodies above 64 KiB that a worker holds at once; beyond that, 503",
        least=65_536,
    )
    drain_grace: int = _setting(
        "CONVSCOPE_DRAIN_GRACE",
        5,
        "seconds from SIGTERM, when /readyz turns to 503, until new connections are refused",
        least=0,
        most=300,
    )
    models_dir: Path = _setting("CONVSCOPE_MODELS_DIR", Path("models"), "folder of the bundles")
    default_model: str = _setting(
        "CONVSCOPE_DEFAULT_MODEL", "mnist", "model that answers where a request names none"
    )
    max_body_bytes: int = _setting(
        "CONVSCOPE_MAX_BODY_BYTES", 16 * 2**20, "largest request body, bytes", least=1024
    )
    max_pixels: int = _setting(
        "CONVSCOPE_MAX_PIXELS", 50_000_000, "largest picture, width × height", least=784
    )
    max_images: int = _setting(
        "CONVSCOPE_MAX_IMAGES", 10_000, "most pictures in one request", least=1
    )
    max_values: int = _setting(
        "CONVSCOPE_MAX_VALUES", 20_000_000, "most layer values in one answer", least=1
    )
    log_format: str = _setting(
        "CONVSCOPE_LOG_FORMAT",
        "auto",
        "json, text, or auto: text on a terminal, else json",
        pattern="auto|json|text",
        form="auto, json or text",
    )
    api_keys_file: str = _setting(
        "CONVSCOPE_API_KEYS_FILE", "", "file of the keys that clients need; none: no key needed"
    )
    rate_limit: str = _setting(
        "CONVSCOPE_RATE_LIMIT",
        "",
        "requests a client may send, such as 20/second,600/minute; none: any number",
        pattern=f"{_RATE}(,{_RATE})*",
        form="such as 20/second or 20/second,600/minute",
    )
    rate_limit_storage: str = _setting(
        "CONVSCOPE_RATE_LIMIT_STORAGE",
        "memory://",
        "where they are counted: each worker's memory, or redis://HOST:PORT for all together",
        pattern="memory://|rediss?://.+",
        form="memory:// or redis://HOST:PORT",
    )
    cors_origins: str = _setting(
        "CONVSCOPE_CORS_ORIGINS",
        "",
        "origins whose pages may ask, separated by commas, or *; none: this service's own only",
        pattern=rf"\*|{_ORIGIN}(,{_ORIGIN})*",
        form="* or origins such as https://a.example,http://localhost:3000",
    )
    trusted_proxies: int = _setting(
        "CONVSCOPE_TRUSTED_PROXIES",
        0,
        "proxies in front of the service, whose X-Forwarded-For, -Proto and -Host are believed",
        least=0,
        most=10,
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read every setting that the environment names.

        Raises:
            SettingsError: a value cannot be used, or a `CONVSCOPE_…` variable is no setting
                (a misspelt name would otherwise be silently without effect).
        """
        known = {item.metadata["key"]: item for item in fields(cls)}
        for key in environ:
            if key.startswith("CONVSCOPE_") and key not in known:
                raise SettingsError(f"{key} is not a setting. Settings: {', '.join(known)}.")
        return cls(
            **{
                item.name: _parse(item, environ[key])
                for key, item in known.items()
                if environ.get(key)
            }
        )


def _parse(item: Field[Any], text: str) -> Any:
    key, least, most = (item.metadata[name] for name in ("key", "least", "most"))
    if isinstance(item.default, Path):
        return Path(text)
    if isinstance(item.default, str):
        if (pattern := item.metadata["pattern"]) and not re.fullmatch(pattern, text):
            raise SettingsError(f"{key}={text!r} must be {item.metadata['form']}.")
        return text
    try:
        value = int(text)
    except ValueError:
        raise SettingsError(f"{key}={text!r} is not a whole number.") from None
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise SettingsError(f"{key}={text!r} must be {bounds}.")
    return value

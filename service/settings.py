"""The only reader of the environment: every setting, its default, its limits, checked at start."""

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from service.errors import SettingsError


def _setting(
    key: str, default: Any, about: str, *, least: int | None = None, most: int | None = None
) -> Any:
    """A dataclass field that knows its environment variable, its meaning and its limits."""
    metadata = {"key": key, "about": about, "least": least, "most": most}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """What the service can be told; `Settings()` holds the defaults."""

    host: str = _setting("HOST", "127.0.0.1", "address to listen on")
    port: int = _setting("PORT", 8000, "port to listen on", least=0, most=65_535)
    workers: int = _setting(
        "WEB_CONCURRENCY", os.cpu_count() or 1, "worker processes; one a core", least=1, most=512
    )
    threads: int = _setting("CONVSCOPE_THREADS", 4, "threads a worker", least=1, most=128)
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
    if not isinstance(item.default, int):
        return Path(text) if isinstance(item.default, Path) else text
    try:
        value = int(text)
    except ValueError:
        raise SettingsError(f"{key}={text!r} is not a whole number.") from None
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise SettingsError(f"{key}={text!r} must be {bounds}.")
    return value

"""The only reader of the environment: every setting with its type, default and limits."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta, field
from msgspec.inspect import IntType, LiteralType, Metadata, type_info

from service.errors import SettingsError

_RATE = r"[1-9]\d*/(second|minute|hour|day)"
_HOST = r"([\w.-]+|\[[\da-fA-F:.]+\])"
_ORIGIN = r"https?://[\w.-]+(:\d+)?"
_REDIS = rf"rediss?://([^\s/?#]*@)?{_HOST}(:\d{{1,5}})?(/\d*)?(\?\S*)?"
_SECRET = {"format": "password"}  # such a value is not quoted in errors


def _variable(name: str) -> str:
    return f"CONVSCOPE_{name.upper()}"


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename=_variable):
    """Hold the configuration of the service; `Settings()` has the defaults.

    A setting's environment variable is CONVSCOPE_ and its name in capitals, except for the three
    that other servers read too: HOST, PORT and WEB_CONCURRENCY.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 for a free one.
        workers: worker processes; one per CPU core by default.
        threads: long requests, such as batches and large images, that a worker processes
            concurrently.
        queue: long requests that a worker queues; further ones are rejected with 503.
        max_wait_ms: longest time that a short request waits; one that would wait longer is
            rejected with 503.
        max_connections: open connections per worker; the limit of open files may lower it.
        max_buffer_bytes: bytes of request bodies above 64 KiB that a worker buffers; further
            requests are rejected with 503.
        drain_grace: seconds between SIGTERM, when /readyz turns to 503, and closing the listener.
        models_dir: folder of the model bundles.
        default_model: model that is used when a request names none.
        model_memory: MiB that the loaded models of a worker may take; beyond it, the model that was
            used least recently is unloaded.
        max_body_bytes: largest request body.
        max_pixels: largest image, width × height.
        max_images: most images per request.
        max_values: most layer values per response; as JSON of /activations, a quarter of them.
        log_format: json, text, or auto: text on a terminal, otherwise json.
        api_keys_file: file of API keys; empty: no key is required.
        rate_limit: requests that a client may send; empty: unlimited.
        rate_limit_storage: where requests are counted: in each worker's memory, or in a Redis
            server for all workers and replicas.
        cors_origins: origins whose pages may call the service; empty: its own pages only.
        trusted_proxies: proxies in front of the service whose X-Forwarded-For, -Proto and -Host
            headers are trusted.
    """

    host: str = field(default="127.0.0.1", name="HOST")
    port: Annotated[int, Meta(ge=0, le=65_535)] = field(default=8000, name="PORT")
    workers: Annotated[int, Meta(ge=1, le=512)] = field(
        default=os.cpu_count() or 1, name="WEB_CONCURRENCY"
    )
    threads: Annotated[int, Meta(ge=1, le=128)] = 4
    queue: Annotated[int, Meta(ge=0, le=1024)] = 16
    max_wait_ms: Annotated[int, Meta(ge=1, le=60_000)] = 240
    max_connections: Annotated[int, Meta(ge=1)] = 4096
    max_buffer_bytes: Annotated[int, Meta(ge=65_536)] = 24 * 2**20
    drain_grace: Annotated[int, Meta(ge=0, le=300)] = 5
    models_dir: Path = Path("models")
    default_model: str = "mnist"
    model_memory: Annotated[int, Meta(ge=1)] = 1024
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 16 * 2**20
    max_pixels: Annotated[int, Meta(ge=784)] = 50_000_000
    max_images: Annotated[int, Meta(ge=1)] = 10_000
    max_values: Annotated[int, Meta(ge=1)] = 20_000_000
    log_format: Literal["auto", "json", "text"] = "auto"
    api_keys_file: str = ""
    rate_limit: Annotated[
        str,
        Meta(
            pattern=rf"^{_RATE}(,{_RATE})*\Z",
            examples=["20/second", "20/second,600/minute"],
        ),
    ] = ""
    rate_limit_storage: Annotated[
        str,
        Meta(
            pattern=rf"^(memory://|{_REDIS})\Z",
            examples=["memory://", "redis://HOST:PORT", "redis://:PASSWORD@HOST:PORT"],
            extra_json_schema=_SECRET,
        ),
    ] = "memory://"
    cors_origins: Annotated[
        str,
        Meta(
            pattern=rf"^(\*|{_ORIGIN}(,{_ORIGIN})*)\Z",
            examples=["*", "https://a.example,http://localhost:3000"],
        ),
    ] = ""
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] = 0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read every setting from its environment variable; an empty one means the default.

        Raises:
            SettingsError: a value is not allowed, or a variable named `CONVSCOPE_…` is not a
                setting (without the error, a misspelt name would have no effect).
        """
        settings = {item.encode_name: item for item in msgspec.structs.fields(cls)}
        for key in environ:
            if key.startswith("CONVSCOPE_") and key not in settings:
                raise SettingsError(
                    f"{key} is not a setting. Correct or remove it; "
                    f"the settings are {', '.join(settings)}."
                )
        return cls(
            **{
                item.name: _convert(key, environ[key], item.type)
                for key, item in settings.items()
                if environ.get(key)
            }
        )


def _convert(key: str, text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False, dec_hook=lambda cls, value: cls(value))
    except msgspec.ValidationError:
        info = type_info(kind)
        got = "another value, which is not shown" if _is_secret(info) else repr(text)
        raise SettingsError(f"{key} must be {_allowed(info)}, got {got}.") from None


def _is_secret(info: Any) -> bool:
    return isinstance(info, Metadata) and _SECRET.items() <= (info.extra_json_schema or {}).items()


def _allowed(info: Any) -> str:
    match info:
        case IntType(ge=least, le=None):
            return f"a whole number of at least {least}"
        case IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case Metadata(extra_json_schema={"examples": examples}):
            return f"like {' or '.join(map(repr, examples))}"
    raise TypeError(f"a setting of type {info!r} does not say what is allowed: add it here")

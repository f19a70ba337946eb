"""Settings are read once from the environment and checked; errors name the key and the value."""

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from service.errors import SettingsError
from service.settings import Settings


def test_an_empty_environment_gives_the_defaults():
    """Without any variable, the settings equal `Settings()`."""
    assert Settings.from_env({}) == Settings()
    assert Settings().host == "127.0.0.1"
    assert Settings().port == 8000


def test_every_setting_is_read_from_its_variable():
    """A default that is written into its variable comes back with the setting's own type."""
    environ = {item.encode_name: str(item.default) for item in fields(Settings)}
    assert Settings.from_env(environ) == Settings()
    settings = Settings.from_env({"PORT": "8123", "CONVSCOPE_MODELS_DIR": "/srv/models"})
    assert settings.port == 8123
    assert settings.models_dir == Path("/srv/models")


def test_an_empty_variable_means_the_default():
    """`PORT=` in a compose file gives the default port."""
    assert Settings.from_env({"PORT": ""}).port == 8000


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("CONVSCOPE_RATE_LIMIT", "20/second,600/minute"),
        ("CONVSCOPE_RATE_LIMIT_STORAGE", "rediss://a.example:6379"),
        ("CONVSCOPE_RATE_LIMIT_STORAGE", "redis://:pa:ss@word@[::1]:6379/1?socket_timeout=1"),
        ("CONVSCOPE_RATE_LIMIT_STORAGE", "redis://name:pass%2Fword@redis"),
        ("CONVSCOPE_CORS_ORIGINS", "https://a.example,http://localhost:3000"),
        ("CONVSCOPE_LOG_FORMAT", "json"),
    ],
)
def test_a_text_setting_is_taken_as_it_is(key, text):
    """A text that has the required form is the setting's value."""
    (name,) = [item.name for item in fields(Settings) if item.encode_name == key]
    assert getattr(Settings.from_env({key: text}), name) == text


@pytest.mark.parametrize(
    ("key", "text", "allowed"),
    [
        ("PORT", "http", "a whole number from 0 to 65535"),
        ("PORT", "70000", "a whole number from 0 to 65535"),
        ("PORT", "80.5", "a whole number from 0 to 65535"),
        ("WEB_CONCURRENCY", "0", "a whole number from 1 to 512"),
        ("CONVSCOPE_MAX_PIXELS", "1", "a whole number of at least 784"),
        ("CONVSCOPE_LOG_FORMAT", "xml", "one of auto, json, text"),
        ("CONVSCOPE_RATE_LIMIT", "20", "like '20/second' or '20/second,600/minute'"),
        ("CONVSCOPE_RATE_LIMIT", "x20/second", "like '20/second'"),
        ("CONVSCOPE_RATE_LIMIT", "20/second\n", "like '20/second'"),
        ("CONVSCOPE_CORS_ORIGINS", "https://a.example,b", "like '*' or 'https://a.example,"),
    ],
)
def test_a_value_that_is_not_allowed_is_an_error(key, text, allowed):
    """The error names the variable, what is allowed, and the value."""
    with pytest.raises(SettingsError, match=f"^{key} must be {re.escape(allowed)}.*, got '"):
        Settings.from_env({key: text})


@pytest.mark.parametrize(
    "text",
    [
        "pass",
        "redis://",
        "redis:/:pass@host",
        "redis://:pa/pass@host:6379",
        "redis://host:pass",
        "redis://a b",
    ],
)
def test_a_value_that_may_hold_a_password_is_not_quoted(text):
    """The error names the variable and what is allowed."""
    allowed = re.escape("like 'memory://' or 'redis://HOST:PORT'")
    with pytest.raises(
        SettingsError, match=rf"^CONVSCOPE_RATE_LIMIT_STORAGE must be {allowed}"
    ) as e:
        Settings.from_env({"CONVSCOPE_RATE_LIMIT_STORAGE": text})
    assert "pass" not in str(e.value).replace("PASSWORD", "")
    assert e.value.__suppress_context__


@pytest.mark.parametrize(
    "address",
    [
        *("redis://redis", "redis://127.0.0.1:6379/0", "rediss://[::1]:6380"),
        *("redis://user:p%40ss@redis.example:6379/1?socket_timeout=1", "redis://:word@redis"),
    ],
)
def test_a_redis_server_may_have_a_port_a_database_and_a_password(address):
    """Every address of one server that redis-py takes is allowed."""
    key = "CONVSCOPE_RATE_LIMIT_STORAGE"
    assert Settings.from_env({key: address}).rate_limit_storage == address


def test_a_misspelt_variable_is_an_error():
    """A variable with the service's prefix that is not a setting is named in the error."""
    with pytest.raises(SettingsError, match=r"^CONVSCOPE_MODEL_DIR is not a setting"):
        Settings.from_env({"CONVSCOPE_MODEL_DIR": "x"})

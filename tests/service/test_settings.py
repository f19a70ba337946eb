"""The environment is read once, checked, and refused with key and value."""

from pathlib import Path

import pytest

from service.errors import SettingsError
from service.settings import Settings


def test_an_empty_environment_gives_the_defaults():
    """Nothing has to be set."""
    assert Settings.from_env({}) == Settings()
    assert Settings().host == "127.0.0.1"
    assert Settings().port == 8000


def test_every_setting_is_read_from_its_variable():
    """Text becomes a number or a path, as the setting needs."""
    settings = Settings.from_env({"PORT": "8123", "CONVSCOPE_MODELS_DIR": "/srv/models"})
    assert settings.port == 8123
    assert settings.models_dir == Path("/srv/models")


def test_an_empty_variable_is_as_good_as_none():
    """`PORT=` in a compose file means the default."""
    assert Settings.from_env({"PORT": ""}).port == 8000


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"PORT": "http"}, "PORT='http' is not a whole number"),
        ({"PORT": "70000"}, "PORT='70000' must be between 0 and 65535"),
        ({"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY='0' must be between 1 and 512"),
        ({"CONVSCOPE_MAX_PIXELS": "1"}, "CONVSCOPE_MAX_PIXELS='1' must be at least 784"),
        ({"CONVSCOPE_MODEL_DIR": "x"}, "CONVSCOPE_MODEL_DIR is not a setting"),
    ],
)
def test_a_bad_value_is_refused_by_name(environ, said):
    """The error names the variable, its value and what is allowed; so does a misspelt name."""
    with pytest.raises(SettingsError, match=said.replace("(", r"\(")):
        Settings.from_env(environ)
